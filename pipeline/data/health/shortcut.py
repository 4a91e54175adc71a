"""The shortcut control: a classifier that never sees a picture, only facts about its file.

If width, height, bytes, format or mean brightness predict the class, the classes were photographed
or stored in different ways, and a model may learn that instead of the subject (Geirhos et al. 2020,
"Shortcut learning in deep neural networks"; Torralba and Efros 2011, "Unbiased look at dataset
bias").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.sampling import stratified_order
from pipeline.storage.health import ALL, BRIGHTNESS

if TYPE_CHECKING:
    import pandas as pd

FACTS: dict[str, tuple[str, ...]] = {
    "width and height": ("width", "height"),
    "file size": ("bytes",),
    "format": ("format",),
    BRIGHTNESS: ("brightness",),
}
"""Set of facts -> its columns. Facts that are the same for all images are left out."""
_TREES, _LEAF, _MOST = 100, 3, 10_000
"""Trees of the forest, images in a leaf, and the most training images."""


def fact_sets(facts: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return the sets of facts that differ between images, and all of them together.

    Args:
        facts: the columns named in `FACTS`.
    """
    found = {
        name: kept
        for name, columns in FACTS.items()
        if (kept := tuple(each for each in columns if facts[each].nunique() > 1))
    }
    if len(found) > 1:
        found[ALL] = tuple(column for columns in found.values() for column in columns)
    return found


def predict_from_facts(
    facts: pd.DataFrame,
    labels: NDArray[np.integer],
    test_facts: pd.DataFrame,
    columns: tuple[str, ...],
    seed: int,
) -> NDArray[np.int64]:
    """Learn classes from facts with a random forest, and predict those of other images.

    Args:
        facts: of the n training images.
        labels: (n,) their classes.
        test_facts: of the images to predict.
        columns: the facts to use.
        seed: of the forest.

    Returns:
        (m,) the predicted classes.
    """
    from sklearn.ensemble import RandomForestClassifier

    chosen = np.sort(stratified_order(labels, seed)[:_MOST])
    inputs, test_inputs = _numbers(facts, test_facts, columns)
    forest = RandomForestClassifier(_TREES, min_samples_leaf=_LEAF, random_state=seed)
    forest.fit(inputs[chosen], np.asarray(labels)[chosen])
    predicted: NDArray[np.int64] = forest.predict(test_inputs).astype(np.int64)
    return predicted


def _numbers(
    facts: pd.DataFrame, test_facts: pd.DataFrame, columns: tuple[str, ...]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both tables as numbers; each format of the training images is a column of its own."""
    parts, test_parts = [], []
    for column in columns:
        if column == "format":
            known = np.unique(facts[column].astype(str))
            parts.append(facts[column].astype(str).to_numpy()[:, None] == known)
            test_parts.append(test_facts[column].astype(str).to_numpy()[:, None] == known)
        else:
            parts.append(facts[column].to_numpy(dtype=np.float64)[:, None])
            test_parts.append(test_facts[column].to_numpy(dtype=np.float64)[:, None])
    return np.hstack(parts).astype(np.float64), np.hstack(test_parts).astype(np.float64)
