"""What is drawn and said of the histories of a made-up study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from pipeline.analyses.learning_curves.axes import DOTTED, MOST_DOTS
from pipeline.analyses.learning_curves.chart import draw_together
from pipeline.analyses.learning_curves.panels import panel
from pipeline.analyses.learning_curves.view import view
from pipeline.page.study import StudyResults
from pipeline.storage.results import Results
from tests.pipeline.synthetic_study import NORMAL, Wanted, made_up


@pytest.fixture(scope="module")
def normal():
    return made_up(NORMAL)[0]


@pytest.fixture(scope="module")
def two():
    """A network of three seeds and a classical run: charts take long to make."""
    return made_up([run for run in NORMAL if run.name in ("lenet5", "hog_linear")])[0]


def curves(results):
    return view(StudyResults(results))


def with_losses(results, run, validation, train):
    """Replace the losses of a run, the same for all of its seeds."""
    table = results.tables["learning_curves"].copy()
    for split, values in (("validation", validation), ("train", train)):
        mine = (table["run"] == run) & (table["metric"] == "loss") & (table["split"] == split)
        table.loc[mine, "value"] = table.loc[mine, "x"].map(dict(enumerate(values, start=1)))
    tables = {**results.tables, "learning_curves": table}
    return Results(tables, results.metrics, results.study)


def kept_by(results, monitor, epoch=9, **options):
    """Let every network keep an epoch, chosen by a metric."""
    cards = {
        run: {
            seed: {
                **card,
                "notes": {**card["notes"], "monitor": monitor, "best_epoch": epoch},
                "options": {**card["options"], **options},
            }
            if card["family"] == "deep"
            else card
            for seed, card in seeds.items()
        }
        for run, seeds in results.study["cards"].items()
    }
    return Results(results.tables, results.metrics, {**results.study, "cards": cards})


RISING = [1.0, 0.8, 0.6, 0.5, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4]
FALLING = list(np.linspace(1.0, 0.1, 15))


@pytest.fixture(scope="module")
def overfit(two):
    return with_losses(two, "lenet5", RISING, FALLING)


@pytest.mark.parametrize(
    ("kept", "words"),
    [
        (5, "of epoch 5 (by validation loss), are from before it overfits."),
        (12, "of epoch 12 (by validation loss), are from after that, so the run’s probabilities"),
    ],
)
def test_the_sentence_names_the_epoch(overfit, kept, words):
    found = curves(kept_by(overfit, "loss", kept))
    (sentence,) = found.sentences
    assert sentence.startswith(
        "lenet5 overfits from epoch 7 on: its validation loss is lowest at epoch 4 (0.500) and "
        "160% higher at epoch 15 (1.300), while its training loss falls from 0.807 to 0.164."
    )
    assert words in sentence
    assert not found.none_overfits
    (curve,) = [each for each in found.curves if each.run == "lenet5"]
    assert "overfits from epoch 7 on" in curve.describe("loss")
    assert "overfits" not in curve.describe("accuracy")


def test_no_sentence_where_none_overfits(normal):
    found = curves(normal)
    assert found.sentences == ()
    assert found.none_overfits


def test_seeds_that_kept_different_epochs(overfit):
    cards = overfit.study["cards"]
    for card, epoch in zip(cards["lenet5"].values(), (5, 12, 5), strict=True):
        card["notes"] = {**card["notes"], "best_epoch": epoch}
    (sentence,) = curves(overfit).sentences
    assert "of epochs 5 and 12 (by validation loss), are partly from after" in sentence


def test_short_runs_are_said_not_to_be_judged():
    results, *_ = made_up([Wanted("brief", "deep", 0.6, epochs=5), NORMAL[0]])
    (sentence,) = curves(results).sentences
    assert sentence.startswith("Not judged")
    assert sentence.endswith("brief.")


def together(results, metric):
    return draw_together(curves(results).curves, "epoch", metric).spec


def marked(spec, shape):
    """The rows that a chart draws as rings or crosses."""
    rows = []
    for layer in spec["layer"]:
        mark = layer.get("mark", {})
        if isinstance(mark, dict) and shape(mark):
            rows += spec["datasets"][layer["data"]["name"]]
    return rows


def ring(mark):
    return mark.get("shape") == "circle" and mark.get("filled") is False


def cross(mark):
    return str(mark.get("shape", "")).startswith("M")


def with_values(results, metric):
    """Add a metric of the networks where the study lacks it: a tenth of the loss."""
    table = results.tables["learning_curves"]
    if metric in set(table["metric"]):
        return results
    loss = table[(table["split"] == "validation") & (table["metric"] == "loss")]
    table = pd.concat([table, loss.assign(metric=metric, value=loss["value"] / 10)])
    return Results({**results.tables, "learning_curves": table}, results.metrics, results.study)


@pytest.mark.parametrize("monitor", ["loss", "accuracy", "balanced_loss"])
def test_the_kept_epoch_is_ringed_on_the_curve_that_chose_it(two, monitor):
    results = kept_by(with_values(two, monitor), monitor, epoch=6)
    assert monitor in curves(results).by_epoch
    table = results.tables["learning_curves"]
    for metric in {monitor, "loss"}:
        rings = marked(together(results, metric), ring)
        assert len(rings) == (3 if metric == monitor else 0), "one per seed, where it chose"
        at = (table["metric"] == metric) & (table["split"] == "validation") & (table["x"] == 6)
        for row in rings:
            assert row["x"] == 6
            assert row["y"] == pytest.approx(table.loc[at, "value"].mean(), abs=1e-4)


def test_a_network_by_itself_has_rings_and_its_onset(overfit):
    curve = next(c for c in curves(kept_by(overfit, "accuracy", epoch=6)).curves if c.onset)
    accuracy, loss = (panel(curve, metric).to_dict() for metric in ("accuracy", "loss"))
    assert [row["y"] for row in marked(accuracy, ring)] == pytest.approx(
        [value for _, value in curve.best], abs=1e-4
    )
    assert not marked(loss, ring)
    assert not marked(accuracy, cross)
    (row,) = marked(loss, cross)
    assert (row["run"], row["x"], row["y"]) == ("lenet5", 7, 0.6)
    (row,) = marked(loss, lambda mark: mark.get("type") == "rect")
    assert (row["x"], row["end"], row["text"]) == (7, 15, "overfits from 7")
    assert [r["x"] for r in marked(together(overfit, "loss"), cross)] == [7]


def test_runs_of_a_family_differ_in_color_and_number(normal):
    found = curves(normal)
    assert [curve.number for curve in found.curves] == list(range(1, 7))
    for family in ("classical", "deep"):
        tones = [curve.tone for curve in found.curves if curve.family == family]
        assert len(set(tones)) == len(tones)


def test_learning_rates_have_a_chart(two):
    spec = together(two, "learning_rate")
    rows = [
        row for rows in spec["datasets"].values() for row in rows if row.get("split") == "train"
    ]
    rates = {row["run"]: row["y"] for row in rows}
    assert set(rates) == {"lenet5"}
    assert rates["lenet5"][-1] == pytest.approx(-3, abs=1e-3)  # the last of them is 0.001


def test_long_lines_have_few_dots():
    results, *_ = made_up([Wanted("long", "deep", 0.6, epochs=100)])
    spec = together(results, "loss")
    (row,) = [r for rows in spec["datasets"].values() for r in rows if r.get("split") == "train"]
    dotted = [x for x in row["x"] if (x - 1) % row["every"] == 0 or x == row["last"]]
    assert DOTTED == "(datum.x - 1) % datum.every == 0 || datum.x == datum.last"
    assert 15 <= len(dotted) <= MOST_DOTS + 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"label_smoothing": 0.2}, ["Label smoothing (vgg16_transfer 0.2, lenet5 0.2) keeps"]),
        ({"loss": "hinge"}, ["shown here: vgg16_transfer (hinge loss), lenet5 (hinge loss)."]),
        ({"loss": "cross_entropy", "label_smoothing": 0.0}, []),
    ],
)
def test_what_sets_losses_apart_is_said(normal, options, words):
    found = curves(kept_by(normal, "loss", **options)).notes
    assert len(found) == len(words)
    assert all(word in note for word, note in zip(words, found, strict=True))
