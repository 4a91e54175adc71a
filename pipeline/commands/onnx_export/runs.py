"""Graphs of whole runs, from pixels to scores and calibrated probabilities.

A network is exported as it is stored. Of a hybrid, the graph consists of the pretrained networks
with their pooling, the scaling, the components if there are any, and a linear classifier with its
sigmoids.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from pipeline.checks import StudyError, listing
from pipeline.class_scores import of_probabilities
from pipeline.classical.projection import PrincipalComponents
from pipeline.classical.run.scaling import UnitScaler
from pipeline.classical.solvers.linear_model import LinearClassifier
from pipeline.commands.onnx_export.graph import Graph
from pipeline.commands.onnx_export.network import add_network, in_float32
from pipeline.features.pretrained import PretrainedFeatures
from pipeline.features.resized import Resized
from pipeline.inference import network_scores
from pipeline.resizing import Sides
from pipeline.statistics.temperature import SMALLEST
from pipeline.storage.stored_runs import PixelModel

EXPORTABLE = (
    "networks, and hybrids: the linear methods linear_svm and logistic_regression on feature sets "
    "of the method pretrained alone"
)


def check_exportable(run: PixelModel) -> None:
    """Raise `StudyError` unless a run is one of `EXPORTABLE`."""
    if run.card.family == "deep":
        return
    inner = map(_inner, run.model.extractors)
    others = [each for each in inner if not isinstance(each, PretrainedFeatures)]
    linear = isinstance(run.model.classifier["classify"], LinearClassifier)
    if others or not linear:
        what = f"a {run.card.method} on {' + '.join(run.card.features)}"
        raise StudyError(
            f"{run.card.run} cannot be exported: found {what}; expected one of these: {EXPORTABLE}"
        )


def sides_seen(run: PixelModel) -> Sides:
    """Return the height and width of the images that the networks of a run get.

    Images are resized before, with integers for results, which a graph could not do alike.

    Raises:
        StudyError: if the networks of a hybrid get images of several sizes.
    """
    if run.card.family == "deep":
        height, width = run.model.input_shape[1:3]
        return int(height), int(width)
    stored = run.image_shape[:2]
    sizes = {each.sides if isinstance(each, Resized) else stored for each in run.model.extractors}
    if len(sizes) > 1:
        raise StudyError(
            f"{run.card.run} cannot be exported: its feature sets read images of the sizes "
            f"{listing(sorted(sizes))}; expected one `image_size` for all"
        )
    return sizes.pop()


def _inner(extractor: Any) -> Any:
    return extractor.extractor if isinstance(extractor, Resized) else extractor


def add_run(graph: Graph, run: PixelModel, temperature: float) -> dict[str, int]:
    """Add a run to a graph whose input is called ``pixels``.

    Args:
        graph: an empty one.
        run: one that `check_exportable` accepts.
        temperature: of a network's probabilities; hybrids have their own sigmoids.

    Returns:
        The width of each output, ``scores`` and ``probabilities``.
    """
    pixels = graph.first(graph.add("Cast", "pixels", to=1))  # float32
    if run.card.family == "deep":
        scores = _both_classes(graph, add_network(graph, run.model, pixels), run)
        shares = _tempered(graph, scores, temperature)
    else:
        scores = _hybrid_scores(graph, run, pixels)
        shares = _calibrated(graph, scores, run.model.calibrator)
    outputs = {"scores": scores, "probabilities": shares}
    return {graph.named(value, name): len(run.class_names) for name, value in outputs.items()}


def scores_in_float32(run: PixelModel, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the run's own scores, by networks that compute in float32 as the graph does.

    They are `PixelModel.scores` unless the run was trained with a lower precision.
    """
    if run.card.family == "deep":
        return of_probabilities(network_scores(in_float32(run.model), images))
    for extractor in map(_inner, run.model.extractors):
        extractor.use_float32()
    return run.scores(images)


def _both_classes(graph: Graph, outputs: str, run: PixelModel) -> str:
    if run.model.output_shape[-1] > 1:
        return outputs
    return graph.add("Concat", graph.scaled(outputs, -1.0, 1.0), outputs, axis=1)


def _tempered(graph: Graph, scores: str, temperature: float) -> str:
    """Return softmax(log(p) / T), as `pipeline.statistics.temperature` does."""
    bounded = graph.add("Max", scores, graph.constant(SMALLEST))
    logarithms = graph.add("Log", bounded)
    divided = graph.add("Div", logarithms, graph.constant(temperature))
    return graph.add("Softmax", divided, axis=1)


def _hybrid_scores(graph: Graph, run: PixelModel, pixels: str) -> str:
    shape = (*sides_seen(run), run.image_shape[2])
    parts = [_features(graph, _inner(each), shape, pixels) for each in run.model.extractors]
    x = parts[0] if len(parts) == 1 else graph.add("Concat", *parts, axis=1)
    for step in run.model.classifier.named_steps.values():
        x = _step(graph, step, x)
    if len(run.class_names) > 2:
        return x
    return graph.add("Concat", graph.add("Neg", x), x, axis=1)


def _features(
    graph: Graph, extractor: PretrainedFeatures, shape: tuple[int, int, int], pixels: str
) -> str:
    x = add_network(graph, extractor.network(shape), pixels)
    if not extractor.spec.sqrt:
        return x
    return graph.add("Mul", graph.add("Sign", x), graph.add("Sqrt", graph.add("Abs", x)))


def _step(graph: Graph, step: Any, x: str) -> str:
    """Add one step of a fitted pipeline; the last one gives (n, classes) or (n, 1)."""
    if isinstance(step, FunctionTransformer):
        return x
    if isinstance(step, StandardScaler):
        return _scaled(graph, x, step.mean_, 1 / step.scale_)
    if isinstance(step, UnitScaler):
        return _scaled(graph, x, step.mean_, np.repeat(step.scale_, step.widths))
    if isinstance(step, PrincipalComponents):
        x = graph.add("MatMul", x, graph.constant(step.components_.T))
        return graph.add("Sub", x, graph.constant(step.components_ @ step.mean_))
    if isinstance(step, LinearClassifier):
        x = graph.add("MatMul", x, graph.constant(step.coef_.T))
        return graph.add("Add", x, graph.constant(step.intercept_))
    raise StudyError(f"found the step {type(step).__name__}, which cannot be exported")


def _scaled(graph: Graph, x: str, mean: NDArray, factor: NDArray) -> str:
    centered = graph.add("Sub", x, graph.constant(mean))
    return graph.add("Mul", centered, graph.constant(factor))


def _calibrated(graph: Graph, scores: str, calibrator: Any) -> str:
    """Return one sigmoid per class, divided by their sum; even shares if all are 0."""
    lines = graph.scaled(scores, calibrator.slope_, calibrator.intercept_)
    each = graph.add("Sigmoid", lines)
    total = graph.add("ReduceSum", each, graph.integers([1]), keepdims=1)
    some = graph.add("Greater", total, graph.constant(0.0))
    shares = graph.add("Div", each, graph.add("Max", total, graph.constant(SMALLEST)))
    even = graph.constant(1 / len(calibrator.slope_))
    return graph.add("Where", some, shares, even)
