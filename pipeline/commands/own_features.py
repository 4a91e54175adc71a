"""What a run itself sees in images: the vectors from which its last linear or kernel step decides.

Those of a network are the inputs of its last layer; those of a classical run or a hybrid are its
joined, scaled features, and their components if it has some. They are computed along with the
scores, at no further cost.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.checks import check_finite
from pipeline.classical.run.scores import decision_scores
from pipeline.classical.run.training_set import join
from pipeline.inference import scores_and_features
from pipeline.storage.stored_runs import PixelModel

if TYPE_CHECKING:
    import keras

ScoresAndFeatures = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""(n, classes) scores, (n, classes) probabilities as `PixelModel.probabilities` has them, and
(n, d) features."""
FeatureFunction = Callable[[NDArray[np.uint8]], ScoresAndFeatures]
"""Takes (n, height, width, 3) uint8 RGB images of the study's size."""


def feature_function(run: PixelModel) -> FeatureFunction:
    """Return the function that gives a run's scores, probabilities and features of images."""
    if run.card.family == "deep":
        network = with_features(run.model)

        def of_network(images: NDArray[np.uint8]) -> ScoresAndFeatures:
            scores, features = scores_and_features(network, images)
            check_finite(scores, f"scores of {run.card.run}")
            return scores, scores, features

        return of_network

    def of_classifier(images: NDArray[np.uint8]) -> ScoresAndFeatures:
        model = run.model
        joined = join([extractor.transform(images) for extractor in model.extractors])
        scores = decision_scores(model.classifier, joined)
        check_finite(scores, f"scores of {run.card.run}")
        features = np.asarray(model.classifier[:-1].transform(joined), dtype=np.float32)
        return scores, model.calibrator.predict_proba(scores), features

    return of_classifier


def with_features(network: keras.Model) -> keras.Model:
    """Return a model with two outputs: the network's own, and the input of its last layer.

    The last layer may be that of a network within the network.
    """
    import keras

    both = keras.Model(network.inputs, _ends(network))
    both.jit_compile = network.jit_compile
    return both


def _ends(network: Any) -> list[Any]:
    import keras

    *before, last = network.layers
    if hasattr(last, "layers"):
        head = keras.Model(last.inputs, _ends(last))
        return list(head(before[-1].output))
    return [network.outputs[0], last.input]
