"""Each stage's share of a machine."""

import os
import subprocess
import sys

import pytest

from pipeline import machine
from pipeline.commands.jobs import resources


@pytest.mark.parametrize(
    ("cores", "jobs", "alone", "threads"),
    [(2, 2, False, 1), (2, 2, True, 2), (16, 3, False, 5), (2, 4, False, 1)],
)
def test_threads_are_shared(monkeypatch, cores, jobs, alone, threads):
    monkeypatch.setattr(machine, "core_count", lambda: cores)
    assert resources.threads_of(jobs, alone) == threads
    assert bool(resources.thread_environment(threads)) == (threads < cores)


def test_libraries_and_the_projects_own_pools_obey(monkeypatch):
    monkeypatch.setattr(machine, "core_count", lambda: 8)
    for name in resources.THREAD_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    asked = "import numpy; from pipeline.machine import allowed_threads; print(allowed_threads())"
    done = subprocess.run(
        [sys.executable, "-c", asked],
        env=os.environ | resources.thread_environment(1),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "1"


def test_what_a_person_has_set_stays(monkeypatch):
    monkeypatch.setattr(machine, "core_count", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert resources.thread_environment(2)["OMP_NUM_THREADS"] == "3"


def test_each_stage_with_a_network_has_a_gpu_of_its_own(monkeypatch):
    monkeypatch.setattr(resources, "gpus", lambda: ("0", "3"))
    resources._free_gpus.cache_clear()
    with resources.gpu_environment(True) as one, resources.gpu_environment(True) as two:
        assert {one["CUDA_VISIBLE_DEVICES"], two["CUDA_VISIBLE_DEVICES"]} == {"0", "3"}
        with resources.gpu_environment(False) as none:
            assert none == {"CUDA_VISIBLE_DEVICES": "-1"}
    resources._free_gpus.cache_clear()
