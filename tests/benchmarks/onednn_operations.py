"""Training by oneDNN's operations compared with TensorFlow's own, in processes that take turns.

TensorFlow chooses once, when it is imported. Without VNNI, AMX or bfloat16 instructions it would
choose its own; `pipeline.keras_backend` always asks for oneDNN's.
"""

import os
import statistics
import subprocess
import sys

from pipeline.keras_backend import load_keras
from tests.benchmarks.measure import Row, seconds_of

SUBJECT = "oneDNN's operations"
OTHER = "TensorFlow's own operations (its default without VNNI, AMX or bfloat16 instructions)"
VARIABLE = "TF_ENABLE_ONEDNN_OPTS"
METHODS = ("lenet5", "resnet", "airbench")
REPETITIONS = 3


def rows() -> list[Row]:
    """Compare epochs of three networks in float32, without augmentation."""
    return [_compare(method) for method in METHODS]


def _compare(method: str) -> Row:
    pairs = [(_epoch(method, "1"), _epoch(method, "0")) for _ in range(REPETITIONS)]
    ratios = [own / onednn for (onednn, _), (own, _) in pairs]
    n = pairs[0][0][1]
    ours = statistics.median(onednn for (onednn, _), _ in pairs)
    theirs = statistics.median(own for _, (own, _) in pairs)
    return Row(
        task=f"{method}, one epoch of {n:,} images, not augmented",
        ours=ours,
        other=OTHER,
        seconds=theirs,
        ratio=statistics.median(ratios),
        lowest=min(ratios),
        highest=max(ratios),
        agreement=f"{n / ours:,.0f} images/s and {n / theirs:,.0f}",
        repetitions=REPETITIONS,
    )


def _epoch(method: str, value: str) -> tuple[float, int]:
    """Return the seconds of an epoch with a value of the variable, and its number of images."""
    done = subprocess.run(
        [sys.executable, "-m", __name__, method],
        env=os.environ | {VARIABLE: value},
        capture_output=True,
        text=True,
        check=True,
    )
    seconds, n = done.stdout.split()[-2:]
    return float(seconds), int(n)


def main(method: str) -> None:
    """Print the median seconds of an epoch, after one that compiles, and the number of images."""
    load_keras()
    from tests.benchmarks.training_throughput import epoch

    once, n = epoch(method)
    once()
    print(seconds_of(once), n)


if __name__ == "__main__":
    main(sys.argv[1])
