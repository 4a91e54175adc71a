"""What each stage trains: the options that its memory depends on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from pipeline.classical.spec import ClassicalSpec
from pipeline.config.params import Params
from pipeline.config.registry import MethodSpec
from pipeline.config.sample_size import sized_run

if TYPE_CHECKING:
    from pipeline.config.variants import Variant
    from pipeline.features.spec import FeatureSpec


@dataclass(frozen=True)
class Plan:
    """One training of a stage, or several that differ in nothing that memory depends on."""

    spec: MethodSpec
    """All options, with what the stage changes."""
    images: int | None = None
    """Training images, at most; None for all."""
    features: Mapping[str, FeatureSpec] = field(default_factory=dict)
    """The feature sets that it joins."""
    extracted: tuple[str, ...] = ()
    """Those that the stage extracts itself, since their options or their images are others."""

    @property
    def is_network(self) -> bool:
        """Whether it trains a network."""
        return not isinstance(self.spec, ClassicalSpec)

    @property
    def uses_network(self) -> bool:
        """Whether it computes with Keras."""
        return self.is_network or self.extracts_with_network

    @property
    def extracts_with_network(self) -> bool:
        """Whether a network computes features in this stage."""
        return any(self.features[name].family == "hybrid" for name in self.extracted)

    @cached_property
    def key(self) -> str:
        """What is equal for plans that need the same."""
        text = f"{self.spec.model_dump_json()} {self.images}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def plans_of(stage: str, params: Params, document: Mapping[str, Any]) -> tuple[Plan, ...]:
    """Return what a stage trains; all runs of the study if its name tells of none.

    Args:
        stage: its name in DVC's graph, such as ``train_deep@lenet5``.
        params: the study's params.yaml.
        document: the same, as YAML.
    """
    kind, _, name = stage.partition("@")
    if kind == "ablations" and name in params.ablations:
        return tuple(
            _of_variant(variant, spec, params)
            for variant in params.ablations[name].variants
            for _, spec in variant.candidates
        )
    if kind == "sample_size" and name in params.sample_size.runs:
        return (_of_sizes(sized_run(document, params.sample_size, name), params),)
    runs = {**params.classical, **params.deep}
    specs: Iterable[MethodSpec] = [runs[name]] if name in runs else runs.values()
    return tuple(Plan(spec, features=_joined(spec, params)) for spec in specs)


def _of_variant(variant: Variant, spec: MethodSpec, params: Params) -> Plan:
    own = cast("Mapping[str, FeatureSpec]", variant.features)
    sets = {**_joined(spec, params), **own}
    is_part = variant.limit is not None or variant.classes is not None
    extracted = [name for name, each in sets.items() if name in own or (is_part and each.learns)]
    return Plan(spec, variant.limit, sets, tuple(extracted))


def _of_sizes(spec: MethodSpec, params: Params) -> Plan:
    sets, sizes = _joined(spec, params), params.sample_size.sizes
    numbers = [size for size in sizes if size is not None]
    images = None if None in sizes or not numbers else max(numbers)
    return Plan(spec, images, sets, tuple(name for name, each in sets.items() if each.learns))


def _joined(spec: MethodSpec, params: Params) -> dict[str, FeatureSpec]:
    """Return the feature sets of a run; a name that there is none of is left to `check`."""
    sets = cast("Mapping[str, FeatureSpec]", params.features)
    return {name: sets[name] for name in getattr(spec, "features", ()) if name in sets}
