"""What facts about files give away, and what they do not."""

import numpy as np
import pandas as pd
import pytest

from pipeline.data.health.shortcut import fact_sets, predict_from_facts
from pipeline.storage.health import ALL


@pytest.fixture
def facts(rng):
    """400 images whose width, height and format say nothing, in one class as in the other."""
    return pd.DataFrame(
        {
            "width": rng.integers(200, 400, 400),
            "height": rng.integers(200, 400, 400),
            "bytes": rng.integers(9_000, 20_000, 400),
            "format": rng.choice(["JPEG", "PNG"], 400),
            "brightness": rng.uniform(60, 180, 400),
        }
    )


def accuracy(facts, labels, name):
    columns = fact_sets(facts)[name]
    found = predict_from_facts(facts[:200], labels[:200], facts[200:], columns, seed=0)
    return (found == labels[200:]).mean()


@pytest.mark.parametrize(
    ("column", "plant", "name"),
    [
        ("brightness", lambda values, labels: values - 110 * labels, "mean brightness"),
        ("bytes", lambda values, labels: values + 12_000 * labels, "file size"),
        ("width", lambda values, labels: values * (1 + labels), "width and height"),
        ("format", lambda values, labels: np.where(labels, "PNG", "JPEG"), "format"),
    ],
)
def test_a_planted_shortcut_is_found_where_it_is_and_nowhere_else(facts, rng, column, plant, name):
    labels = rng.integers(0, 2, 400)
    facts[column] = plant(facts[column].to_numpy(), labels)
    for each in fact_sets(facts):
        found = accuracy(facts, labels, each)
        assert found > 0.75 if each in (name, ALL) else found < 0.65, each


def test_facts_that_are_the_same_for_all_images_are_left_out(facts):
    facts["format"], facts["width"], facts["height"], facts["bytes"] = "", 0, 0, 0
    assert fact_sets(facts) == {"mean brightness": ("brightness",)}
    facts["brightness"] = 1.0
    assert fact_sets(facts) == {}


def test_a_format_unseen_in_training_is_predicted_all_the_same(facts, rng):
    labels = rng.integers(0, 2, 400)
    facts.loc[300:, "format"] = "GIF"
    assert len(predict_from_facts(facts[:200], labels[:200], facts[200:], ("format",), 0)) == 200
