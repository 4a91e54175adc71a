"""The runs that `compare` may choose, the most telling for their time first, with their costs.

A cost is a count of operations, which a machine's speeds (`pipeline.commands.compare.speeds`) turn
into seconds. The constants were measured on two cores; `tests/benchmarks` compares forecasts with
real times.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.commands.compare.speeds import Speeds

TUNE_LINEAR = {
    "trials": 8,
    "images": None,
    "ranges": {"C": {"low": 1e-6, "high": 1.0, "log": True}},
}
TUNE_LOGISTIC = {
    "trials": 8,
    "images": None,
    "ranges": {"C": {"low": 1e-4, "high": 10.0, "log": True}},
}
TUNE_KERNEL = {
    "trials": 8,
    "images": None,
    "ranges": {
        "C": {"low": 0.5, "high": 50.0, "log": True},
        "gamma": {"low": 0.2, "high": 5.0, "log": True},
    },
}
TUNED_CLASSES = 50
"""With more classes a classifier is fitted once, with options that work for most images: each trial
of a search would fit hundreds of classes."""
_STAGE, _KERAS_STAGE = 4.0, 12.0
"""Seconds to start a stage, without and with Keras."""
_FIT_PASSES = 35
"""Passes over the features per fit of a linear classifier; most trials of a search are stopped on a
part of the images."""
_KERNEL = 1.5
"""Speed of the fits of a kernel SVM, as a multiple of that of a matrix product: most trials are
stopped on a part of the images, whose kernel is far smaller."""
_COMPONENTS = 60
"""Operations to find principal components, per cube of the smaller of images and features."""
KERNEL_COMPONENTS = 512
"""Principal components that a kernel SVM is given. On 10,000 photographs of 20 classes, validation
accuracy was 3 points higher with them than with all 3,720 features, in half the memory."""
_TRAINING = 0.25
"""Share of the speed of a matrix product that the training of a small network reaches."""
_BATCHES = 1.8e-4
"""Seconds per training image for all but its arithmetic: small batches, augmentation."""
_CHECKS = 10.0
"""Seconds per network that is trained: checks, compilation, scores."""


@dataclass(frozen=True)
class Task:
    """What costs depend on."""

    n: int
    """Images in all."""
    n_classes: int
    trainings: int
    """Models that each run trains: 1, or one per fold and a last one."""
    size: int
    """Side of the stored images in pixels."""
    base_size: int
    """Side at which the pretrained network sees them."""
    speeds: Speeds


@dataclass(frozen=True)
class Candidate:
    """A run, with the feature sets that it needs."""

    name: str
    kind: str
    """classical or deep."""
    why: str
    """A comment for params.yaml."""
    entry: Callable[[Task], Mapping[str, Any]]
    features: tuple[str, ...]
    seconds: Callable[[Task], float]
    """Of training and prediction, without its feature sets."""


@dataclass(frozen=True)
class FeatureSet:
    """A feature set that candidates share."""

    why: str
    entry: Callable[[Task], Mapping[str, Any]]
    dimension: int
    seconds: Callable[[Task], float]


def _fits(task: Task) -> int:
    """Return how often a classifier is fitted: eight trials and the chosen one, for each model."""
    return (9 if task.n_classes <= TUNED_CLASSES else 1) * task.trainings


def _dimension(features: Sequence[str]) -> int:
    return sum(FEATURES[name].dimension for name in features)


def _rows(task: Task, features: Sequence[str]) -> int:
    """Return how many images a classifier learns from, mirrored ones included."""
    return (2 if _learns_mirrored(features) else 1) * task.n


def _mirroring(task: Task, features: Sequence[str]) -> float:
    """Return the seconds to compute the features of mirrored images."""
    if not _learns_mirrored(features):
        return 0.0
    return sum(FEATURES[name].seconds(task) - _STAGE for name in features)


def _learns_mirrored(features: Sequence[str]) -> bool:
    """Return whether a run learns from mirrored images, as networks do; colors hardly change."""
    return tuple(features) != ("color",)


def _linear_seconds(*features: str) -> Callable[[Task], float]:
    def seconds(task: Task) -> float:
        dimension = _dimension(features)
        fits, rows = _fits(task), _rows(task, features)
        flops = fits * _FIT_PASSES * 4 * rows * dimension * max(1, task.n_classes - 1)
        return _STAGE + _mirroring(task, features) + flops / (0.1 * task.speeds.flops)

    return seconds


def _kernel_seconds(*features: str) -> Callable[[Task], float]:
    def seconds(task: Task) -> float:
        rows = _rows(task, features)
        kernel = rows**2 * (2 * KERNEL_COMPONENTS + 300 * task.n_classes) / _KERNEL
        components = _COMPONENTS * min(rows, _dimension(features)) ** 3
        fits = _fits(task) * (kernel + components) / task.speeds.flops
        return _STAGE + _mirroring(task, features) + fits

    return seconds


def epochs(task: Task, most: int) -> int:
    """Return how many epochs a network needs: small sets need more, for as many steps."""
    return int(min(most, max(10, 60_000 // task.n)))


def _training_seconds(multiply_adds: float, most: int) -> Callable[[Task], float]:
    def seconds(task: Task) -> float:
        passes = epochs(task, most) * task.n * task.trainings
        return (
            _KERAS_STAGE
            + _CHECKS * task.trainings
            + passes * (6 * multiply_adds / (_TRAINING * task.speeds.flops) + _BATCHES)
        )

    return seconds


def _base_seconds(task: Task) -> float:
    return _KERAS_STAGE + 1.1 * task.n * _per_image(task)


def _finetune_seconds(task: Task) -> float:
    # The base runs once; then its top blocks are trained, forward and backward, on its features.
    passes = FINETUNE_EPOCHS * task.n * task.trainings
    return _base_seconds(task) + 8 * task.trainings + 0.9 * passes * _per_image(task)


def _per_image(task: Task) -> float:
    return task.base_size**2 * task.speeds.base_pixel


FINETUNE_EPOCHS = 6
FEATURES: dict[str, FeatureSet] = {
    "color": FeatureSet(
        "colors, by region",
        lambda task: {"method": "color_histogram", "image_size": 64, "space": "lab", "bins": 16,
                      "grid": 2, "sqrt": True},
        192,
        lambda task: _STAGE + 2e-4 * task.n,
    ),
    "hog": FeatureSet(
        "shapes: histograms of oriented gradients",
        lambda task: {"method": "hog", "image_size": 64, "convention": "dalal_triggs", "cell": 8,
                      "orientations": 18, "signed": True, "channel": "strongest"},
        3528,
        lambda task: _STAGE + 4 + 6e-4 * task.n,
    ),
    "efficientnet": FeatureSet(
        "a network pretrained on ImageNet, frozen; its weights are installed with the project",
        lambda task: {"method": "pretrained", "base": "efficientnet_lite0",
                      "image_size": task.base_size},
        1584,
        _base_seconds,
    ),
}  # fmt: skip


def _linear(features: list[str], **more: Any) -> Callable[[Task], Mapping[str, Any]]:
    return lambda task: {
        "method": "linear_svm", "features": features, **_mirrored(features), "C": 0.001, **more,
        **_search(task, TUNE_LINEAR),
    }  # fmt: skip


def _logistic(features: list[str]) -> Callable[[Task], Mapping[str, Any]]:
    return lambda task: {
        "method": "logistic_regression", "features": features, **_mirrored(features), "C": 0.01,
        **_search(task, TUNE_LOGISTIC),
    }  # fmt: skip


def _mirrored(features: Sequence[str]) -> dict[str, bool]:
    return {"mirrored": True} if _learns_mirrored(features) else {}


def _search(task: Task, tune: Mapping[str, Any]) -> dict[str, Any]:
    return {"tune": tune} if task.n_classes <= TUNED_CLASSES else {}


CANDIDATES: tuple[Candidate, ...] = (
    Candidate(
        "color_svm", "classical", "what colors alone tell", _linear(["color"]), ("color",),
        _linear_seconds("color"),
    ),
    Candidate(
        "hog_color_svm", "classical", "the classical answer: shapes and colors",
        _linear(["hog", "color"], scaling="unit"), ("hog", "color"),
        _linear_seconds("hog", "color"),
    ),
    Candidate(
        "efficientnet_logistic", "classical",
        "a hybrid: features of the pretrained network, a linear classifier",
        _logistic(["efficientnet"]), ("efficientnet",), _linear_seconds("efficientnet"),
    ),
    Candidate(
        "lenet5", "deep", "a small network, trained from scratch on small images",
        lambda task: {
            "method": "lenet5", "image_size": 32, "epochs": epochs(task, 60), "batch_norm": True,
            "batch_size": 32, "optimizer": "nesterov", "learning_rate": 0.02,
            "weight_decay": 5e-4, "schedule": "cosine", "warmup": 1, "flip": "alternating",
            "crop": 2, "border": "reflect", "monitor": "accuracy",
        },
        (), _training_seconds(0.9e6, 60),
    ),
    Candidate(
        "hog_color_rbf_svm", "classical", "the same features with a radial kernel",
        lambda task: {
            "method": "rbf_svm", "features": ["hog", "color"], **_mirrored(["hog", "color"]),
            "scaling": "unit", "pca": KERNEL_COMPONENTS, "C": 5, "gamma": 1.0,
            **_search(task, TUNE_KERNEL),
        },
        ("hog", "color"), _kernel_seconds("hog", "color"),
    ),
    Candidate(
        "efficientnet_color_logistic", "classical", "the hybrid with colors beside it",
        _logistic(["efficientnet", "color"]), ("efficientnet", "color"),
        _linear_seconds("efficientnet", "color"),
    ),
    Candidate(
        "resnet20", "deep", "a modern network, trained from scratch",
        lambda task: {
            "method": "resnet", "depth": 20, "image_size": 64, "width": 0.5, "batch_size": 32,
            "epochs": epochs(task, 40), "optimizer": "nesterov", "learning_rate": 0.05,
            "weight_decay": 5e-4, "schedule": "cosine", "warmup": 1, "flip": "alternating",
            "crop": 4, "border": "reflect", "monitor": "accuracy",
        },
        (), _training_seconds(48e6, 40),
    ),
    Candidate(
        "efficientnet_finetuned", "deep",
        "the pretrained network: first a new head, then its top blocks are trained as well",
        lambda task: {
            "method": "transfer", "base": "efficientnet_lite0", "image_size": task.base_size,
            "epochs": 20, "learning_rate": 1e-3, "schedule": "cosine", "batch_size": 32,
            "then": [{"unfreeze": 2, "epochs": FINETUNE_EPOCHS, "learning_rate": 1e-4}],
        },
        (), _finetune_seconds,
    ),
)  # fmt: skip
