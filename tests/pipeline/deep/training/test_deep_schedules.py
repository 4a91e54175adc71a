"""Learning rates: values by hand, and tensors compared with the definition at all steps."""

import json

import keras
import numpy as np
import pytest

from pipeline.deep.options import OptimizerOptions
from pipeline.deep.training.schedules import EpochSchedule, Plateau, learning_rate_at

OPTIONS = [
    {"schedule": "constant"},
    {"schedule": "constant", "warmup": 2},
    {"schedule": "time_decay", "decay": 0.5},
    {"schedule": "time_decay", "decay": 0.5, "warmup": 1.5},
    {"schedule": "step", "milestones": (0.3, 0.5, 0.9), "factor": 0.2},
    {"schedule": "step", "warmup": 4},
    {"schedule": "cosine"},
    {"schedule": "cosine", "warmup": 3},
    {"schedule": "cosine", "warmup": 10},
    {"schedule": "linear", "final": 0.07, "warmup": 2.3, "warmup_from": 0.2},
    {"schedule": "plateau", "warmup": 1},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_schedule_equals_the_definition_in_the_middle_of_all_steps(options):
    spec = OptimizerOptions(epochs=10, learning_rate=0.3, **options)
    schedule = EpochSchedule(spec, steps_per_epoch=7)
    found = [float(schedule(step)) for step in range(70)]
    expected = [learning_rate_at(spec, (step + 0.5) / 7) for step in range(70)]
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)
    assert min(found) > 0
    copy = EpochSchedule.from_config(json.loads(json.dumps(schedule.get_config())))
    np.testing.assert_allclose([float(copy(step)) for step in range(70)], found)


@pytest.mark.parametrize(
    ("options", "values"),
    [
        ({"schedule": "constant"}, {0: 1, 19.9: 1}),
        ({"schedule": "constant", "warmup": 4}, {0: 0, 1: 0.25, 4: 1, 9: 1}),
        ({"schedule": "time_decay", "decay": 0.25}, {0: 1, 4: 0.5, 12: 0.25}),
        ({"schedule": "time_decay", "decay": 0.5, "warmup": 2}, {1: 0.5, 2: 1, 4: 0.5}),
        ({"schedule": "step"}, {0: 1, 9.99: 1, 10: 0.1, 14.9: 0.1, 15: 0.01, 20: 0.01}),
        ({"schedule": "cosine"}, {0: 1, 5: 0.853553, 10: 0.5, 20: 0}),
        ({"schedule": "cosine", "warmup": 4}, {2: 0.5, 4: 1, 12: 0.5, 20: 0}),
        ({"schedule": "linear"}, {0: 1, 5: 0.75, 20: 0}),
        ({"schedule": "linear", "final": 0.2, "warmup": 4}, {2: 0.5, 4: 1, 12: 0.6, 20: 0.2}),
        ({"schedule": "linear", "warmup": 4, "warmup_from": 0.2}, {0: 0.2, 2: 0.6, 4: 1, 12: 0.5}),
        ({"schedule": "plateau"}, {0: 1, 20: 1}),
    ],
    ids=str,
)
def test_values_by_hand(options, values):
    spec = OptimizerOptions(epochs=20, learning_rate=2.0, **options)
    for epoch, share in values.items():
        assert learning_rate_at(spec, epoch) == pytest.approx(2 * share, abs=1e-6)


def test_an_optimizer_follows_the_schedule_in_a_compiled_step():
    spec = OptimizerOptions(epochs=2, learning_rate=0.5, schedule="cosine")
    network = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1, use_bias=False)])
    network.compile(keras.optimizers.SGD(EpochSchedule(spec, 3)), loss=lambda y, p: p)
    network.set_weights([np.zeros((1, 1))])
    before, steps = 0.0, []
    for _ in range(6):
        network.train_on_batch(np.ones((4, 1)), np.ones((4, 1)))
        after = float(network.get_weights()[0][0, 0])
        steps.append(before - after)
        before = after
    expected = [learning_rate_at(spec, (step + 0.5) / 3) for step in range(6)]
    np.testing.assert_allclose(steps, expected, rtol=1e-4)


def scales(plateau, improvements):
    """The factor of the learning rate after each epoch."""
    found = []
    for improved in improvements:
        plateau.update(improved)
        found.append(plateau.scale)
    return found


def test_plateau_lowers_the_rate_after_its_patience_and_waits_again():
    spec = OptimizerOptions(schedule="plateau", factor=0.5, plateau_patience=2)
    plateau = Plateau(spec)
    found = scales(plateau, (True, False, True, False, False, False, False, True, False))
    assert found == [1, 1, 1, 1, 0.5, 0.5, 0.25, 0.25, 0.25]


def test_plateau_resumes_from_its_stored_state():
    spec = OptimizerOptions(schedule="plateau", factor=0.1, plateau_patience=3)
    whole, first = Plateau(spec), Plateau(spec)
    rest = [False, False, True, False, False, False, False]
    for better in (True, False, False):
        whole.update(better)
        first.update(better)
    stored = json.loads(json.dumps(first.state))
    second = Plateau(spec, stored)
    assert scales(second, rest) == scales(whole, rest)
    assert second.state == whole.state
    assert stored == {"waited": 2, "scale": 1.0}
