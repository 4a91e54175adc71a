"""Plain against residual networks: what is paired, and what is said of it, counted by hand."""

from __future__ import annotations

import copy

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses.depth.chart import draw_half, error_limit, shade
from pipeline.analyses.depth.view import RULE, view
from pipeline.page.line_labels import spread_out
from pipeline.page.study import StudyResults
from pipeline.storage.results import Results
from tests.pipeline.synthetic_study import DEPTHS, Wanted, made_up, network, resnet


def depth_study(results):
    return view(StudyResults(results))


PLAIN_WORSE = {(20, False): 0.10, (56, False): 0.16, (20, True): 0.09, (56, True): 0.05}


@pytest.fixture(scope="module")
def four():
    return made_up(DEPTHS)[0]


def with_training_errors(results, errors, wobble=0.0):
    """Constant training errors, but for the last epoch, where each is `wobble` higher."""
    table = results.tables["learning_curves"].copy()
    for (depth, residual), error in errors.items():
        run = f"{'residual' if residual else 'plain'}{depth}_narrow"
        mine = (table["run"] == run) & (table["split"] == "train") & (table["metric"] == "accuracy")
        last = table["x"] == table.loc[mine, "x"].max()
        table.loc[mine, "value"] = 1 - error
        table.loc[mine & last, "value"] = 1 - error - wobble
    tables = {**results.tables, "learning_curves": table}
    return depth_study(Results(tables, results.metrics, results.study))


def test_the_mean_of_the_last_quarter_and_the_last_epoch_are_told(four):
    found = with_training_errors(four, PLAIN_WORSE, wobble=0.02)
    assert found.depths == (20, 56)
    assert (found.last, found.quarter) == (40, (31, 40))
    assert found.at_end(56, False) == pytest.approx(0.18)
    assert found.on_average(56, False) == pytest.approx((9 * 0.16 + 0.18) / 10)
    plain, residual, moral, *_ = found.sentences
    assert plain == (
        "Without shortcuts, the training error of 56 layers is 6.0 points above that of 20 layers "
        "at epoch 40, and 6.0 points above it on average over epochs 31 to 40: the deeper network "
        "fits its training images worse."
    )
    assert "With shortcuts, the training error of 56 layers" in residual
    assert "4.0 points below that of 20 layers" in residual
    assert residual.endswith("fits its training images better.")
    assert "Shortcuts remove this degradation" in moral


@pytest.mark.parametrize(
    ("changes", "plain", "moral"),
    [
        ({(56, False): 0.104}, "equally well", "do not show the degradation"),
        ({(56, False): 0.106}, "training images worse", "Shortcuts remove this degradation"),
        ({(56, False): 0.05}, "training images better", "do not show the degradation"),
        (
            {(56, True): 0.12},
            "training images worse",
            "with and without shortcuts, but less with them",
        ),
        ({(56, True): 0.17}, "training images worse", "with and without shortcuts."),
    ],
)
def test_the_rule_decides_on_half_a_point(four, changes, plain, moral):
    found = with_training_errors(four, PLAIN_WORSE | changes)
    assert plain in found.sentences[0]
    assert moral in found.sentences[2]
    assert "below 0.5 points count as no difference" in RULE


def test_shortcuts_are_compared_at_each_depth(four):
    found = with_training_errors(four, PLAIN_WORSE)
    first, second = found.sentences[3:]
    assert first.startswith("At 20 layers, the training error with shortcuts is 1.0 points below")
    assert second.startswith("At 56 layers, the training error with shortcuts is 11.0 points below")


def test_one_depth_is_enough_for_a_figure_and_says_nothing_of_depth():
    found = depth_study(made_up(DEPTHS[::2])[0])
    assert found.depths == (20,)
    (sentence,) = found.sentences
    assert sentence.startswith("At 20 layers, the training error with shortcuts")
    assert "20 layers (plain20_narrow): training error from" in found.alt(False)


def test_seeds_are_averaged(four):
    again = resnet(56, True, 0.75, 0.12, seeds=(0, 1))
    results = made_up((*DEPTHS[:3], again))[0]
    table = results.tables["learning_curves"]
    mine = table[(table["run"] == "residual56_narrow") & (table["metric"] == "accuracy")]
    mine = mine[(mine["split"] == "validation") & (mine["x"] == 7)]
    assert len(mine) == 2
    line = depth_study(results).lines[56, True]
    assert line.validation[6] == pytest.approx(1 - mine["value"].mean())


@pytest.mark.parametrize(
    "wanted",
    [
        (Wanted("svm", "classical", 0.5), Wanted("net", "deep", 0.6)),
        DEPTHS[2:],  # no plain one
        (DEPTHS[0], DEPTHS[3]),  # of two depths
        (DEPTHS[0], resnet(20, True, 0.7, 0.1, learning_rate=0.05)),
        (network("one", 0.5, "resnet"), network("other", 0.5, "resnet")),  # old cards
    ],
)
def test_no_figure_without_a_pair(wanted):
    assert depth_study(made_up(wanted)[0]) is None


def test_no_figure_without_curves(four):
    tables = {**four.tables, "learning_curves": four.tables["learning_curves"].iloc[:0]}
    assert depth_study(Results(tables, four.metrics, four.study)) is None


def test_other_widths_are_another_comparison(four):
    """A full-width network stands in the same roster and is not mixed in."""
    wide = network("resnet20", 0.9, "resnet", depth=20, residual=True, width=1.0, epochs=40)
    found = depth_study(made_up((wide, *DEPTHS))[0])
    assert found.lines[20, True].run == "residual20_narrow"
    # how it is computed changes no result
    study = copy.deepcopy(four.study)
    study["cards"]["plain20_narrow"]["0"]["options"] |= {"xla": True, "seeds": [4]}
    assert depth_study(Results(four.tables, four.metrics, study)).depths == (20, 56)


def test_figure_shows_every_line_and_names_it(four):
    found = depth_study(four)
    halves = [draw_half(found, residual).spec for residual in (False, True)]
    for residual, spec in zip((False, True), halves, strict=True):
        line, _, labels = spec["layer"]
        assert line["encoding"]["y"]["scale"]["domain"] == [0, error_limit(found)]
        colors = line["encoding"]["color"]["scale"]
        assert colors["domain"] == [20, 56]
        assert colors["range"] == [shade(found, 20), shade(found, 56)]
        rows = spec["datasets"][line["data"]["name"]]
        for depth in (20, 56):
            for split in ("train", "validation"):
                drawn = [r["error"] for r in rows if (r["depth"], r["split"]) == (depth, split)]
                expected = getattr(found.lines[depth, residual], split)
                np.testing.assert_allclose(drawn, expected, rtol=1e-5)
        named = {row["label"] for row in spec["datasets"][labels["data"]["name"]]}
        assert named == {"20 train.", "20 valid.", "56 train.", "56 valid."}


def test_labels_do_not_overlap():
    values = [0.5, 0.51, 0.1, 0.52]
    moved = spread_out(values, 0.06)
    assert pd.Series(values).rank().tolist() == pd.Series(moved).rank().tolist()
    assert np.diff(sorted(moved)).min() > 0.0599
    assert moved[2] == 0.1
