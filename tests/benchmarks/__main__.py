"""Run all benchmarks and write docs/benchmarks.md: ``python -m tests.benchmarks`` from the root."""

import os
from pathlib import Path

import cv2
from threadpoolctl import threadpool_limits

from pipeline.artefacts import save_text
from pipeline.machine import cpu_name, versions
from tests.benchmarks import (
    color_features,
    hog_features,
    kernel_solvers,
    lbp_features,
    linear_solvers,
    patch_features,
)
from tests.benchmarks.measure import REPETITIONS, Row

SUBJECTS = (
    color_features,
    hog_features,
    lbp_features,
    patch_features,
    linear_solvers,
    kernel_solvers,
)
"""Modules with `SUBJECT` (a heading) and `rows()`; `whole_set()` where a full set is timed too."""
PAGE = Path("docs/benchmarks.md")
PACKAGES = (
    "numpy",
    "scikit-image",
    "opencv-python-headless",
    "scikit-learn",
    "scikit-learn-intelex",
    "scipy",
)


def main() -> None:
    """Measure, and write the page."""
    cv2.setNumThreads(1)
    with threadpool_limits(1):
        _write_page()


def _write_page() -> None:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    parts = [_introduction(load)]
    for subject in SUBJECTS:
        print(f"{subject.SUBJECT} ...", flush=True)
        parts += [f"## {subject.SUBJECT}", _comparison(subject.rows())]
        if hasattr(subject, "whole_set"):
            parts.append(_whole_set(subject.whole_set()))
    save_text(PAGE, "\n\n".join(parts) + "\n")
    print(f"written to {PAGE}")


def _introduction(load: float) -> str:
    found = ", ".join(f"{name} {version}" for name, version in versions(*PACKAGES).items())
    return (
        "# Benchmarks\n\n"
        "Made by `make bench`; do not edit. Ours beside the usual way, in turns within one run, on "
        "32×32 patches of the photographs that ship with the dependencies, after checking that the "
        f"results agree. Seconds are medians of {REPETITIONS} turns, of fewer where one takes "
        "minutes; the ratio is the other's seconds over ours, median of the turns and, in "
        "brackets, the lowest and the highest. Each way runs on one "
        "thread.\n\n"
        f"* Hardware: {cpu_name()}; load before the start {load:.1f}\n"
        f"* Versions: {found}"
    )


def _comparison(rows: list[Row]) -> str:
    lines = [
        "| task | ours, s | the other way | its s | times as fast | results |",
        "|---|---:|---|---:|---:|---|",
    ]
    for row in rows:
        print(f"  {row.task}: {row.ratio:.1f} times {row.other}", flush=True)
        spread = f"{row.lowest:.1f}–{row.highest:.1f}" if row.turns > 1 else "one turn"
        lines.append(
            f"| {row.task} | {row.ours:.3f} | {row.other} | {row.seconds:.2f} "
            f"| {row.ratio:.1f} ({spread}) | {row.agreement} |"
        )
    return "\n".join(lines)


def _whole_set(seconds: dict[str, float]) -> str:
    lines = ["| ours, 60,000 images of 32×32 | s |", "|---|---:|"]
    lines += [f"| {name} | {value:.2f} |" for name, value in seconds.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
