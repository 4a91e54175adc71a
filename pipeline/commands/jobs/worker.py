"""Run stages that another machine sends: ``python -m pipeline.commands.jobs.worker <scheduler>``.

The options are those that `dask-jobqueue` gives to a worker, so that it can start this command in
the jobs of a batch system.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import sys
import tempfile
from pathlib import Path

from pipeline.checks import StudyError, escaped
from pipeline.commands.jobs import dvc_process, options, resources
from pipeline.commands.jobs.machines import described, offered
from pipeline.commands.reporting import exit_status


def main(arguments: list[str]) -> int:
    """Serve a scheduler until it ends; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.commands.jobs.worker", description=__doc__.splitlines()[0]
    )
    parser.add_argument("scheduler", help="its address: tcp://host:8786")
    parser.add_argument(
        *("--jobs", "--nthreads"), default=options.AUTO, help="stages at once (default: auto)"
    )
    parser.add_argument("--name", default=f"{platform.node()}-{os.getpid()}")
    parser.add_argument("--memory-limit", help="accepted and not used: jobs are asked for memory")
    parser.add_argument("--death-timeout", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--local-directory", default=tempfile.gettempdir())
    given = parser.parse_args(arguments)
    return exit_status(lambda: _serve(given), f"worker of {escaped(given.scheduler)}")


def _serve(given: argparse.Namespace) -> int:
    options.check_scheduler(given.scheduler)
    jobs = options.job_count(given.jobs)
    if not (Path.cwd() / "dvc.yaml").exists():
        raise StudyError(f"found no dvc.yaml in {Path.cwd()}; expected a clone of the project")
    dvc_process.begin()
    print(
        f"{given.name}: up to {jobs} stages at once ({described()}), for {given.scheduler}. "
        "Ctrl-C ends it",
        flush=True,
    )
    try:
        asyncio.run(_until_closed(given, jobs))
    except KeyboardInterrupt:
        dvc_process.signal_all(signal.SIGKILL)
        print("ended; what it was running is sent elsewhere", file=sys.stderr)
        return 128 + signal.SIGINT
    print("The scheduler has ended, or is out of reach", file=sys.stderr)
    return 1


async def _until_closed(given: argparse.Namespace, jobs: int) -> None:
    from distributed import Worker

    async with Worker(
        given.scheduler,
        nthreads=jobs,
        name=given.name,
        memory_limit=0,
        death_timeout=given.death_timeout,
        local_directory=given.local_directory,
        dashboard=False,
        resources=offered(resources.memory()),
    ) as worker:
        await worker.finished()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
