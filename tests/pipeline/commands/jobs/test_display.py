"""What a person sees: a table on a terminal, lines elsewhere."""

import io

import pytest
from rich.console import Console

from pipeline.commands.jobs.display import Display, Running, Snapshot

NOW = Snapshot(
    done=3,
    waiting=4,
    failed=1,
    running=[Running("train_deep@lenet5", "lab\x1b[2J", 65.0, 90.0)],
    left=200.0,
)


def shown(terminal, machines=True):
    console = Console(
        file=io.StringIO(), force_terminal=terminal, width=100, color_system=None, highlight=False
    )
    with Display(machines, console) as display:
        display.started("train_deep@lenet5", "lab")
        display.update(NOW)
        display.finished("featurize@hog", 4.0, NOW)
    return console.file.getvalue()


def test_a_line_says_where_the_study_stands():
    assert NOW.line() == (
        "3 of 9 stages done, 1 running, 4 waiting, 1 failed or left out; about 3 min left"
    )


def test_lines_without_a_terminal():
    assert shown(terminal=False).splitlines() == [
        "started train_deep@lenet5 on lab",
        f"finished featurize@hog in 4 s; {NOW.line()}",
    ]


@pytest.mark.parametrize("machines", [True, False])
def test_a_table_on_a_terminal(machines):
    text = shown(terminal=True, machines=machines)
    assert "finished featurize@hog in 4 s" in text
    assert "train_deep@lenet5" in text
    assert "65 s" in text
    assert "25 s" in text
    assert ("lab\\x1b" in text) == machines, "names of other machines are escaped"
