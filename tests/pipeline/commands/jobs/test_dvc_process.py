"""Calls in processes of their own, and what ends them."""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from pipeline.checks import StudyError
from pipeline.commands.jobs import dvc_process

LONG = 600


@pytest.fixture(autouse=True)
def going_on(monkeypatch):
    """What a test ends is over only for that test."""
    monkeypatch.setattr(dvc_process, "_ended", False)


def test_a_call_returns_what_its_function_does(tmp_path):
    assert dvc_process.call(len, tmp_path, "abc") == 3
    with pytest.raises(StudyError, match="no len"):
        dvc_process.call(len, tmp_path, 3)


def test_a_signal_reaches_a_call_whose_process_is_not_there_yet(tmp_path):
    with ThreadPoolExecutor(1) as other:
        going = other.submit(dvc_process.call, time.sleep, tmp_path, LONG)
        while not dvc_process._running:
            time.sleep(0.001)
        dvc_process.signal_all(signal.SIGINT)
        with pytest.raises(StudyError, match="interrupted"):
            going.result(LONG / 2)
    assert not dvc_process._running


def test_nothing_begins_after_a_signal(tmp_path):
    dvc_process.signal_all(signal.SIGINT)
    with pytest.raises(StudyError, match="interrupted"):
        dvc_process.call(len, tmp_path, "abc")


def test_a_signal_is_sent_once_and_not_before_there_is_a_group(monkeypatch):
    sent = []
    monkeypatch.setattr(dvc_process.os, "killpg", lambda *given: sent.append(given))
    call = dvc_process._Call()
    call.signal(signal.SIGINT)
    assert sent == []
    call.began(7)
    call.signal(signal.SIGKILL)
    assert sent == [(7, signal.SIGINT), (7, signal.SIGKILL)]
