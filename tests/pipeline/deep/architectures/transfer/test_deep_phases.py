"""Phases as given in params.yaml."""

import pytest

from pipeline.deep.architectures.transfer.phases import PhaseOptions, read_phases


def test_a_phase_changes_only_the_options_it_sets():
    phase = PhaseOptions.model_validate({"unfreeze": 2, "epochs": 3, "schedule": "cosine"})
    assert phase.changes == {"epochs": 3, "schedule": "cosine"}
    assert phase.model_dump(mode="json") == {"unfreeze": 2, "epochs": 3, "schedule": "cosine"}
    assert PhaseOptions.model_validate(phase.model_dump()) == phase


def test_other_options_and_parsed_phases_pass_through():
    phase = PhaseOptions(unfreeze="all")
    assert read_phases({"epochs": 2}, "then") == {"epochs": 2}
    read = read_phases({"epochs": 2, "then": [phase, {"unfreeze": 1}]}, "then")
    assert read == {"epochs": 2, "then": (phase, PhaseOptions(unfreeze=1))}


@pytest.mark.parametrize(
    ("then", "message"),
    [
        (
            {"unfreeze": 1},
            r"then: found \{'unfreeze': 1\}; expected a list of phases, such as \[\{unfr",
        ),
        (None, "then: found None; expected a list"),
        ([3], r"then\.0: found 3; expected a mapping such as \{unfreeze: 1, epochs: 5"),
        ([{}], r"then\.0\.unfreeze: found nothing; expected: How many of the top blocks"),
        ([{"unfreeze": True}], r"then\.0\.unfreeze: found True; expected .*'all'"),
        ([{"unfreeze": 0}], r"then\.0\.unfreeze: found 0; .*at least 1, or 'all'"),
        ([{"unfreeze": "none"}], r"then\.0\.unfreeze: found 'none'; .*'all'"),
        (
            [{"unfreeze": 1}, {"unfreeze": 1, "learning_rate": -1}],
            r"then\.1\.learning_rate: found -1; expected at least 0",
        ),
        ([{"unfreeze": 1, "epoch": 3}], r"then\.0\.epoch: unknown option; did you mean 'epochs'"),
        ([{"unfreeze": 1, "hidden": 3}], r"then\.0\.hidden: unknown option"),
        ([{"unfreeze": 1, "crop": 2, "shift": 0.1}], r"then\.0: found crop: 2 and shift: 0\.1"),
        (
            [{"unfreeze": 1, "epochs": 0, "batch_size": 0}],
            r"then\.0\.epochs: found 0; .*; then\.0\.batch_size: found 0",
        ),
    ],
)
def test_messages_name_the_phase_and_the_option(then, message):
    with pytest.raises(ValueError, match=message):
        read_phases({"then": then}, "then")


def test_options_of_another_schedule_or_optimizer_are_rejected():
    phase = PhaseOptions.model_validate({"unfreeze": 1, "milestones": [0.5]})
    phase.check_optimizer("then.0", "adam", "step")
    with pytest.raises(ValueError, match=r"then\.0: found milestones with schedule: cosine"):
        phase.check_optimizer("then.0", "adam", "cosine")
    own = PhaseOptions.model_validate({"unfreeze": 1, "milestones": [0.5], "schedule": "step"})
    own.check_optimizer("then.0", "adam", "cosine")
