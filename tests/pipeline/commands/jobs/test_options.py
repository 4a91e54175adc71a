"""How many stages at once, and where: what is refused, in the first second."""

import socket
import time

import pytest

from pipeline import host_memory, machine
from pipeline.checks import StudyError
from pipeline.commands.jobs.options import Options, check_scheduler, job_count, read_options


@pytest.fixture
def computer(monkeypatch):
    """Pretend to be a machine with this many cores and GB of memory."""

    def pretend(cores, gigabytes):
        monkeypatch.setattr(machine, "core_count", lambda: cores)
        total = None if gigabytes is None else int(gigabytes * 1e9)
        monkeypatch.setattr(host_memory, "total", lambda: total)

    return pretend


@pytest.mark.parametrize("text", ["0", "-1", "two", "1.5", "", "99999", "2; touch x"])
def test_what_is_no_number_of_jobs(text):
    with pytest.raises(StudyError, match=r"JOBS: found .*; expected a number"):
        job_count(text)


def test_more_jobs_than_memory(computer):
    computer(64, 8)
    assert job_count("13") == 13
    with pytest.raises(StudyError, match=r"JOBS: found 14.* at most 13.* has 8 GB .*64 cores"):
        job_count("14")


@pytest.mark.parametrize(
    ("cores", "gigabytes", "jobs"),
    [(2, 24, 2), (16, 9, 4), (1, 24, 1), (4, 1, 1), (4, None, 4), (64, 500, 8)],
)
def test_auto_fits_cores_and_memory(computer, cores, gigabytes, jobs):
    computer(cores, gigabytes)
    assert job_count("auto") == jobs


@pytest.mark.parametrize("address", ["head:8786", "http://head:1", "tcp://head", "tcp://h:99999"])
def test_what_is_no_address_of_a_scheduler(address):
    with pytest.raises(StudyError, match=r"SCHEDULER: found .*; expected an address such as tcp"):
        check_scheduler(address)


@pytest.mark.tried(
    "Machines", "a scheduler that does not answer", "an error in the first second that names it"
)
def test_a_scheduler_that_cannot_be_reached():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    start = time.perf_counter()
    with pytest.raises(StudyError, match=rf"nothing that answers at {address} .*make scheduler"):
        read_options("1", address)
    assert time.perf_counter() - start < 1.5


def test_one_job_is_plain_dvc():
    assert not read_options("1", None).side_by_side
    assert not read_options("1", "").side_by_side
    assert Options(2).side_by_side
    assert Options(1, "tcp://head:8786").side_by_side
