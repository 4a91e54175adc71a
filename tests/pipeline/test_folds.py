"""The roles of the folds, and the pooled scores of the models."""

import numpy as np
import pytest

from pipeline.folds import pooled, rows_of_model, rows_of_stored_model


@pytest.mark.parametrize("count", [3, 4, 5])
def test_each_image_is_tested_once_and_never_by_a_model_that_learned_from_it(count):
    folds = np.random.default_rng(0).permutation(np.arange(23) % count)
    roles = {"train": np.zeros(23), "validation": np.zeros(23), "test": np.zeros(23)}
    for model in range(count):
        rows = rows_of_model(folds, model)
        joined = np.concatenate(list(rows.values()))
        assert sorted(joined.tolist()) == list(range(23))
        for split, chosen in rows.items():
            roles[split][chosen] += 1
    assert (roles["test"] == 1).all()
    assert (roles["validation"] == 1).all()
    assert (roles["train"] == count - 2).all()


@pytest.mark.parametrize("count", [3, 5])
def test_pooled_scores_are_of_the_right_models(count):
    folds = np.arange(20) % count
    parts = [
        {
            split: np.stack([np.full(len(rows), model), rows], axis=1).astype(np.float32)
            for split, rows in rows_of_model(folds, model).items()
        }
        for model in range(count)
    ]
    found = pooled(folds, parts)
    offsets = {"test": 0, "validation": -1, "train": -2}
    for split, offset in offsets.items():
        assert found[split][:, 1].tolist() == list(range(20))
        assert found[split][:, 0].tolist() == ((folds + offset) % count).tolist()


def test_the_stored_model_keeps_one_fold_to_validate():
    folds = np.arange(9) % 3
    rows = rows_of_stored_model(folds)
    assert rows["validation"].tolist() == [0, 3, 6]
    assert rows["train"].tolist() == [1, 2, 4, 5, 7, 8]
