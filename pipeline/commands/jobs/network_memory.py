"""The memory that networks need: ``python -m pipeline.commands.jobs.network_memory <stage> ...``.

It imports Keras at once, waits until standard input is closed, which tells it that the images are
prepared, and prints one line of JSON for each plan of the stages that trains a network. Whatever
libraries and other modules print goes to standard error.
"""

from __future__ import annotations

import json
import math
import sys
from contextlib import redirect_stdout
from typing import TextIO, cast

from pipeline.config.entries import read_params
from pipeline.config.params import load_params
from pipeline.keras_backend import load_keras
from pipeline.storage.splits import load_task

load_keras()  # before the imports below, which also import it

import keras  # noqa: E402

from pipeline.commands.jobs.forecasts import KERAS  # noqa: E402
from pipeline.commands.jobs.plans import Plan, plans_of  # noqa: E402
from pipeline.deep.sanity.memory import needed_memory  # noqa: E402
from pipeline.deep.spec import DeepSpec, output_units  # noqa: E402
from pipeline.deep.training.optimizers import build_optimizer  # noqa: E402
from pipeline.pretrained.frozen import FrozenBase  # noqa: E402
from pipeline.storage.splits import Task  # noqa: E402


def needed(plan: Plan, task: Task) -> int:
    """Return the bytes at the peak of a training, in whichever of its phases they are most."""
    phases = cast("DeepSpec", plan.spec).phases()
    most = task.sizes["train"] if plan.images is None else min(plan.images, task.sizes["train"])
    return KERAS + max(_of_phase(phase, task, min(phase.batch_size, most)) for phase in phases)


def _of_phase(spec: DeepSpec, task: Task, batch: int) -> int:
    stored = task.image_shape
    image_shape = (*spec.sides_seen((stored[0], stored[1])), stored[2])
    frozen = spec.frozen_base(0)
    shape: tuple[int, ...] = image_shape if frozen is None else (_features_read(frozen),)
    network = spec.network(shape, output_units(task.n_classes))
    model = keras.Model(network.inputs, network.outputs)
    model.compile(build_optimizer(spec, 1))
    model.optimizer.build(model.trainable_variables)
    numbers = sum(task.sizes.values()) * math.prod(shape)
    held = numbers * (1 if frozen is None else 2 if frozen.is_halved else 4)
    return held + needed_memory(model, spec).bytes(batch)


def _features_read(frozen: FrozenBase) -> int:
    """Return how many numbers of a base are kept for each image."""
    total = 0
    for part in frozen.parts:
        height, width, channels = frozen.network.output_shape(part.layer, frozen.image_size)
        total += channels * (height * width if part.form == "map" else 1)
    return total


def main(stages: list[str], answers: TextIO) -> None:
    """Print the forecasts; a network that cannot be built is left to its own stage."""
    with redirect_stdout(sys.stderr):  # such as that bfloat16 is measured, once
        params, (document, _) = load_params(), read_params()
        plans = {
            plan.key: plan
            for stage in stages
            for plan in plans_of(stage, params, document)
            if plan.is_network
        }
        sys.stdin.read()
        task = load_task()
        for key, plan in plans.items():
            try:
                found = needed(plan, task)
            except Exception:  # whatever it is, the training itself explains it
                continue
            print(json.dumps({"key": key, "bytes": found}), file=answers, flush=True)
            keras.utils.clear_session(free_memory=True)


if __name__ == "__main__":
    main(sys.argv[1:], sys.stdout)
