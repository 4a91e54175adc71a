"""Run all benchmarks, or the page named: ``python -m tests.benchmarks [methods|training]``."""

import os
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import cv2
from threadpoolctl import threadpool_limits

from pipeline.machine import cpu_name, versions
from pipeline.storage.files import save_text
from tests.benchmarks import (
    color_features,
    hog_features,
    kernel_solvers,
    lbp_features,
    linear_solvers,
    patch_features,
)
from tests.benchmarks.measure import REPETITIONS, Row


@dataclass(frozen=True)
class Page:
    """Benchmarks that are measured in one run, on so many threads."""

    path: Path
    subjects: Sequence[ModuleType]
    """Modules with `SUBJECT` (a heading) and `rows()`; `whole_set()` where a full set is timed."""
    packages: tuple[str, ...]
    one_thread: bool


def _training() -> ModuleType:
    """Import Keras where it is measured, and not while the threads of others are counted."""
    from tests.benchmarks import training_throughput

    return training_throughput


def _pages(names: Sequence[str]) -> list[Page]:
    pages = []
    if not names or "methods" in names:
        subjects = (
            color_features,
            hog_features,
            lbp_features,
            patch_features,
            linear_solvers,
            kernel_solvers,
        )
        pages.append(Page(Path("docs/benchmarks.md"), subjects, PACKAGES, True))
    if not names or "training" in names:
        path = Path("docs/benchmarks-training.md")
        pages.append(Page(path, (_training(),), ("keras", "tensorflow", "jax", "numpy"), False))
    return pages


PACKAGES = (
    "numpy",
    "scikit-image",
    "opencv-python-headless",
    "scikit-learn",
    "scikit-learn-intelex",
    "scipy",
)


def main(*names: str) -> None:
    """Measure, and write the pages: ``methods`` and ``training``, or those of them named."""
    for page in _pages(names):
        if page.one_thread:
            cv2.setNumThreads(1)
        with threadpool_limits(1) if page.one_thread else nullcontext():
            _write(page)


def _write(page: Page) -> None:
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    parts = [_introduction(page, load)]
    for subject in page.subjects:
        print(f"{subject.SUBJECT} ...", flush=True)
        parts += [f"## {subject.SUBJECT}", _comparison(subject.rows())]
        if hasattr(subject, "whole_set"):
            parts.append(_whole_set(subject.whole_set()))
    save_text(page.path, "\n\n".join(parts) + "\n")
    print(f"written to {page.path}")


def _introduction(page: Page, load: float) -> str:
    found = ", ".join(f"{name} {version}" for name, version in versions(*page.packages).items())
    agreed = ", after checking that the results agree" if page.one_thread else ""
    return (
        "# Benchmarks\n\n"
        "Made by `make bench`; do not edit. Ours beside the usual way, in turns within one run, on "
        f"32×32 patches of the photographs that ship with the dependencies{agreed}. Seconds are "
        f"medians of {REPETITIONS} turns, of fewer where one takes long; the ratio is the other's "
        "seconds over ours, median of the turns and, in brackets, the lowest and the highest. Each "
        f"way runs on {'one thread' if page.one_thread else 'all cores'}.\n\n"
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
    main(*sys.argv[1:])
