"""What a number was measured on."""

import os
import platform
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import pytest

from pipeline.machine import core_count, cpu_name, peak_memory_mb, versions


def test_processor_is_named_with_its_cores():
    name = cpu_name()
    assert name.endswith(f"({core_count()} cores)")
    assert len(name) > len(f"({core_count()} cores)")
    assert "\n" not in name


def test_cores_are_those_this_process_may_use(root):
    assert 1 <= core_count() <= (os.cpu_count() or 1)
    if not hasattr(os, "sched_setaffinity"):
        return
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
        "from pipeline.machine import core_count; print(core_count())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"


@pytest.mark.parametrize(("system", "maxrss"), [("linux", 1_000_000_000 / 1024), ("darwin", 1e9)])
def test_peak_memory_is_in_megabytes(monkeypatch, system, maxrss):
    """Linux counts kibibytes, macOS bytes."""
    usage = SimpleNamespace(ru_maxrss=maxrss)
    monkeypatch.setattr("pipeline.machine.resource.getrusage", lambda who: usage)
    monkeypatch.setattr("pipeline.machine.sys.platform", system)
    assert peak_memory_mb() == pytest.approx(1000)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_memory_is_no_less_than_the_kernel_says():
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    high_water = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    # Not equal: the count that survives an exec holds what the parent process had, too.
    assert peak_memory_mb() > 0.9 * high_water * 1024 / 1e6


def test_versions_of_what_is_installed():
    found = versions("numpy", "a-package-that-nobody-has")
    assert found == {"python": platform.python_version(), "numpy": metadata.version("numpy")}


def test_threads_follow_the_limits():
    import numpy as np
    from threadpoolctl import threadpool_limits

    from pipeline.machine import allowed_threads

    np.ones((2, 2)) @ np.ones((2, 2))  # linear algebra is loaded
    with threadpool_limits(1):
        assert allowed_threads() == 1
    with threadpool_limits(2):
        assert allowed_threads() == 2
