"""A stage's process and the one around it: killed, interrupted, orphaned, each in a few words.

The stage is a small one, in a folder with a copy of what starts every stage.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STAGE = """
import os, sys, time
print("importing", flush=True)
if "import" in sys.argv:
    time.sleep(30)
if "refused" in sys.argv:
    raise PermissionError(13, "Permission denied", "library.so")
from stages import run


def main(*arguments):
    try:
        print(os.getpid(), os.getppid(), flush=True)
        time.sleep(30)
    finally:
        print("cleaned up", flush=True)


if __name__ == "__main__":
    run(main, *sys.argv[1:])
"""


@pytest.fixture(scope="module")
def project(root, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    for name in ("stages/__init__.py", "stages/packages.py", "stages/supervision.py"):
        (folder / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(root / name, folder / name)
    (folder / "pipeline").symlink_to(root / "pipeline")
    (folder / "stages" / "doze.py").write_text(STAGE, encoding="utf-8")
    return folder


class Stage:
    """A stage that sleeps; `pid` is that of the process which was started, as DVC sees it."""

    def __init__(self, project: Path, *arguments: str):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "stages.doze", *arguments],
            cwd=project,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            # Whoever runs the tests in the background may have it ignored, which is inherited.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.pid = self.process.pid
        self.lines = [self.read()]
        if "import" not in arguments and "refused" not in arguments:
            self.lines.append(self.read())
            self.child, self.supervisor = map(int, self.lines[1].split())

    def read(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def end(self) -> tuple[int, str]:
        """Wait until all its processes have ended; return the exit code and what was said."""
        output, _ = self.process.communicate(timeout=20)
        return self.process.returncode, "\n".join([*self.lines, output])


def test_a_python_without_the_packages_is_named(project):
    # -S leaves out the packages of the environment.
    command = [sys.executable, "-S", "-m", "stages.doze"]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True, timeout=20)
    assert done.returncode == 1
    assert f"error: found {sys.executable}, which lacks keras, psutil, pydantic" in done.stderr
    assert ". .venv/bin/activate" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.tried(
    "Kills", "a stage is killed, as by a system without memory", "a line with its memory says so"
)
def test_a_killed_stage_says_so(project):
    stage = Stage(project, "lenet5")
    os.kill(stage.child, signal.SIGKILL)
    code, output = stage.end()
    assert code == 137
    assert "error: doze lenet5 was killed (signal 9)" in output
    assert "lack of memory: it used" in output
    assert "B of memory" in output


def test_a_crash_in_a_library_says_so(project):
    stage = Stage(project)
    os.kill(stage.child, signal.SIGSEGV)
    code, output = stage.end()
    assert code == 139
    assert "crashed in a library (SIGSEGV)" in output


@pytest.mark.tried(
    "Interruptions", "Ctrl-C while a stage imports or computes", "one line with what goes on next"
)
@pytest.mark.parametrize("when", ["import", "computing"])
def test_an_interruption_is_one_line(project, when):
    stage = Stage(project, when)
    os.killpg(stage.pid, signal.SIGINT)
    code, output = stage.end()
    assert code == 130
    assert "Traceback" not in output
    assert output.count("interrupted. Nothing is lost: run the same command") == 1
    assert ("cleaned up" in output) == (when == "computing")


def test_an_error_of_an_import_is_reported(project):
    code, output = Stage(project, "refused").end()
    assert code == 1
    assert "error: imports: no permission to access library.so" in output
    assert "Traceback" not in output


def test_a_signal_to_the_supervisor_reaches_the_stage(project):
    stage = Stage(project)
    os.kill(stage.pid, signal.SIGTERM)
    code, output = stage.end()
    assert code == 143
    assert "ended by another program (SIGTERM)" in output


def test_a_stage_ends_with_its_supervisor(project):
    stage = Stage(project)
    os.kill(stage.supervisor, signal.SIGKILL)
    assert stage.end()[0] == -signal.SIGKILL  # else it would hold the pipe for half a minute


@pytest.mark.tried(
    "Kills", "DVC alone is killed while a stage computes", "the stage ends within a second or two"
)
@pytest.mark.parametrize("depth", ["DVC", "DVC behind a shell"])
def test_a_stage_ends_with_the_dvc_behind_it(project, depth):
    """The tree is one of Python, which starts a shell, which starts the stage, as DVC does."""
    inner = f"{sys.executable} -m stages.doze" + ("; :" if "shell" in depth else "")
    code = f"import subprocess; subprocess.run(['/bin/sh', '-c', {inner!r}])"
    with subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=project,
        env=os.environ | {"DVC_STAGE": "doze"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as dvc:
        assert dvc.stdout is not None
        dvc.stdout.readline()
        dvc.stdout.readline()
        time.sleep(0.2)  # for its first look at who is there
        started = time.monotonic()
        dvc.kill()
        output = dvc.stdout.read()  # to the end: no process of the tree holds the pipe any more
    assert time.monotonic() - started < 5
    assert "doze: ended, because the DVC process that started it is gone" in output


def test_a_stage_by_hand_outlives_its_shell(project):
    """As under nohup: nobody has promised that somebody waits for it."""
    code = f"{sys.executable} -m stages.doze & read line"
    with subprocess.Popen(
        ["/bin/sh", "-c", code],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        child = int(shell.stdout.readline().split()[0])
        shell.kill()
        time.sleep(1)
        os.kill(child, signal.SIGKILL)  # raises, if it has ended
        shell.stdout.read()


@pytest.mark.parametrize(
    ("dvc", "arguments", "expected"),
    [
        ("train_deep@lenet5", [], "train_deep lenet5"),
        ("workspaces/a/dvc.yaml:train_deep@lenet5", [], "train_deep lenet5"),
        ("featurize@hog", ["mlp"], "train_deep mlp"),
        ("featurize@hog", [], "train_deep"),
        ("train_deep@x;\x1b[2J", [], "train_deep"),
        ("", [], "train_deep"),
    ],
)
def test_what_is_done_is_named_as_dvc_does(monkeypatch, dvc, arguments, expected):
    from stages import supervision

    monkeypatch.setenv("DVC_STAGE", dvc)
    assert supervision.task_name("train_deep", arguments) == expected


def test_no_stage_is_forked_where_one_is_imported():
    from stages import supervision

    before = signal.getsignal(signal.SIGINT)
    supervision.begin()
    assert signal.getsignal(signal.SIGINT) is before
