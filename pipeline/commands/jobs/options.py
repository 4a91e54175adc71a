"""How many stages run at once, and where: ``JOBS=2``, ``SCHEDULER=tcp://host:8786``."""

from __future__ import annotations

import argparse
import re
import socket
from dataclasses import dataclass

from pipeline import host_memory, machine
from pipeline.checks import StudyError, shown
from pipeline.host_memory import byte_size

AUTO = "auto"
SMALLEST_JOB = 600_000_000
"""Bytes below which no stage with NumPy and scikit-learn runs."""
_USUAL_JOB = 2_000_000_000
_MOST_AUTO = 8
"""With more, stages would be short of threads before there are so many ready at once."""
_PATIENCE = 1.0
"""Seconds to wait for a scheduler's port."""


@dataclass(frozen=True)
class Options:
    """What a person asked for."""

    jobs: int = 1
    """Stages at once on this machine."""
    scheduler: str | None = None
    """Address of a Dask scheduler whose workers run stages; None without other machines."""

    @property
    def side_by_side(self) -> bool:
        """Whether anything but plain ``dvc repro`` is needed."""
        return self.jobs > 1 or self.scheduler is not None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add ``--jobs`` and ``--scheduler`` to a command."""
    parser.add_argument("--jobs", default="1", help=f"stages at once (default: 1), or {AUTO}")
    parser.add_argument("--scheduler", help="address of a Dask scheduler: tcp://host:8786")


def read_options(jobs: str, scheduler: str | None) -> Options:
    """Check what a person asked for; this takes at most a second.

    Raises:
        StudyError: for a number of jobs that is none, for more jobs than the memory can hold, and
            for a scheduler that does not answer.
    """
    if scheduler:
        check_scheduler(scheduler)
    return Options(job_count(jobs), scheduler or None)


def job_count(text: str) -> int:
    """Read a number of jobs; ``auto`` is one per core, up to 8, as far as the memory allows."""
    memory, cores = host_memory.total(), machine.core_count()
    if text == AUTO:
        return max(1, min(cores, _MOST_AUTO, memory // _USUAL_JOB if memory else cores))
    if not re.fullmatch(r"[1-9]\d{0,3}", text):
        raise StudyError(
            f"JOBS: found {shown(text)}; expected a number of stages to run at once, such as "
            f"{cores} on this machine's {cores} cores, or {AUTO}"
        )
    jobs = int(text)
    most = max(1, memory // SMALLEST_JOB) if memory else jobs
    if memory and jobs > most:
        raise StudyError(
            f"JOBS: found {jobs}, which need at least {byte_size(jobs * SMALLEST_JOB)} of memory; "
            f"expected at most {most}, because this machine has {byte_size(memory)} (and {cores} "
            "cores)"
        )
    return jobs


def check_scheduler(address: str) -> None:
    """Raise `StudyError` unless something listens at the address of a scheduler."""
    found = re.fullmatch(r"(?:tcp|tls)://(\[[0-9a-fA-F:]+\]|[\w.-]+):(\d{1,5})", address)
    if not found or not 0 < int(found[2]) < 65536:
        raise StudyError(
            f"SCHEDULER: found {shown(address)}; expected an address such as tcp://head:8786, "
            "which `make scheduler` prints"
        )
    try:
        socket.create_connection((found[1].strip("[]"), int(found[2])), _PATIENCE).close()
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise StudyError(
            f"SCHEDULER: found nothing that answers at {address} ({reason}); expected a Dask "
            "scheduler. Start one with `make scheduler`, and check the address and the firewall"
        ) from None
