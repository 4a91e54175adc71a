"""The command that a batch system starts on its nodes."""

import pytest

from pipeline.commands.jobs import worker


@pytest.fixture
def served(monkeypatch):
    seen = []
    monkeypatch.setattr(worker, "_serve", lambda given: seen.append(given) or 0)
    return seen


def test_dask_jobqueue_starts_workers_with_this_command(served, tmp_path):
    jobqueue = pytest.importorskip("dask_jobqueue")
    cluster = jobqueue.SLURMCluster(
        cores=4,
        processes=1,
        memory="16GB",
        worker_command="pipeline.commands.jobs.worker",
        python=".venv/bin/python",
        job_script_prologue=[f"cd {tmp_path}"],
        scheduler_options={"dashboard_address": None, "host": "127.0.0.1"},
        n_workers=0,
    )
    try:
        script = cluster.job_script()
        address = cluster.scheduler_address
    finally:
        cluster.close()
    assert "#SBATCH --cpus-per-task=4" in script
    lines = script.splitlines()
    assert lines.index(f"cd {tmp_path}") < len(lines) - 1
    command = next(line for line in lines if "pipeline.commands.jobs.worker" in line)
    program, module, name, *arguments = command.split()
    assert (program, module, name) == (
        ".venv/bin/python",
        "-m",
        "pipeline.commands.jobs.worker",
    )
    assert worker.main(arguments) == 0
    assert (served[0].scheduler, served[0].jobs) == (address, "4")


def test_a_worker_without_a_scheduler(capsys):
    assert worker.main(["tcp://127.0.0.1:1"]) == 1
    assert "nothing that answers at tcp://127.0.0.1:1" in capsys.readouterr().err
