"""Features of a frozen base: computed once for all who read them, and kept in parts.

Feature sets and networks on the same base read overlapping parts of it: pooled vectors of several
layers, and, for fine-tuning, the whole output of one. The first that finds a part missing computes
all parts that the study reads, in one pass over the images; the others find theirs. What a part
contains does not depend on who computed it, except for rounding where a compiler fuses layers.

The time of a pass is shared by multiply-adds: a part counts with the share of the layers up to its
own, which is the time of computing that part alone, if all layers have the same speed. Who reads
several parts counts the slowest, because a pass up to the deepest layer contains the others.
"""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import DTypeLike, NDArray

from pipeline.inference import predicted_batches
from pipeline.pretrained import kept_parts
from pipeline.pretrained.frozen import FLOAT16_MAX, FrozenBase, Part
from pipeline.pretrained.kept_parts import KeptPart, array_digest
from pipeline.pretrained.study_parts import parts_in_study
from pipeline.progress import Tenths

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class BaseFeatures:
    """The inputs of a network: a frozen base's features of images, or the images themselves."""

    values: NDArray
    """(n, d) float32 or float16, as in the base's output; without a base, the pixels. With a cache,
    a read-only memory map, or a `JoinedRows` of several."""
    seconds: float
    """Time of the computation, even if an earlier run did it; 0 for pixels."""


class JoinedRows:
    """Arrays joined along their columns when rows are read, like an array that is read in rows.

    Args:
        parts: (n, d) each, possibly memory-mapped.
        dtype: of the rows; float16 saturates.
    """

    def __init__(self, parts: Sequence[NDArray], dtype: DTypeLike) -> None:
        self.parts, self.dtype = parts, np.dtype(dtype)
        self.shape = (len(parts[0]), sum(part.shape[1] for part in parts))
        self.ndim, self.size = 2, math.prod(self.shape)
        self.nbytes = self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray:
        """Return the rows at an index, a slice or an array of indices, as a new array."""
        return np.concatenate([self._converted(part[rows]) for part in self.parts], axis=-1)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray:
        return np.asarray(self[:], dtype=dtype)

    def _converted(self, values: NDArray) -> NDArray:
        if self.dtype == np.float16 and values.dtype != np.float16:
            values = np.clip(values, -FLOAT16_MAX, FLOAT16_MAX)
        return values.astype(self.dtype, copy=False)


def base_features(
    frozen: FrozenBase,
    images: NDArray[np.uint8],
    split: str,
    cache_folder: Path | None,
    mirrored: bool = False,
) -> BaseFeatures:
    """Compute the features of a split, or take them from the cache.

    With a cache, memory holds one batch at a time; without one, all features.

    Args:
        frozen: the base and what is read of it.
        images: (n, height, width, 3) uint8, RGB.
        split: name of the split, for the progress lines.
        cache_folder: folder of the parts; None disables the cache.
        mirrored: flip the images horizontally first.

    Returns:
        What `frozen.model` computes.
    """
    what = f"{frozen.network.title}, {split}{', mirrored' if mirrored else ''}"
    frozen = frozen.loaded()
    if cache_folder is None:
        return _computed(frozen.model(images.shape[1:]), _seen(images, mirrored), what)
    found = _Pass(frozen, images, mirrored, what, cache_folder).parts()
    values = [part.values for part in found]
    seconds = max(part.seconds for part in found)
    dtype = np.dtype(np.float16 if frozen.is_halved else np.float32)
    if len(values) == 1 and values[0].dtype == dtype:
        return BaseFeatures(values[0], seconds)
    # Whoever reads features reads rows, which these have.
    return BaseFeatures(cast("NDArray", JoinedRows(values, dtype)), seconds)


def _computed(model: keras.Model, images: NDArray[np.uint8], what: str) -> BaseFeatures:
    start = time.perf_counter()
    values = np.empty((len(images), *model.output_shape[1:]), model.outputs[0].dtype)
    for rows, (found,) in _batches(model, images, what):
        values[rows] = found
    return BaseFeatures(values, time.perf_counter() - start)


class _Pass:
    """The parts of one set of images: what is kept of them, and computing what is not."""

    def __init__(
        self,
        frozen: FrozenBase,
        images: NDArray[np.uint8],
        mirrored: bool,
        what: str,
        folder: Path,
    ) -> None:
        self.frozen, self.images, self.mirrored = frozen, images, mirrored
        self.what, self.folder = what, folder
        self.pixels = array_digest(images)
        self.keys = self._keys(frozen)

    def parts(self) -> list[KeptPart]:
        """Return the parts in their order; compute what is missing, and the rest of the study."""
        found = self._load()
        if None not in found.values():
            print(f"{self.what}: {len(self.images):,} images read from {self.folder}", flush=True)
        else:
            base = f"{self.frozen.network.title}, mirrored: {self.mirrored}"
            with kept_parts.locked(self.folder, f"{base}, {self.pixels}"):
                found = self._load()  # another process may have computed them in the meantime
                missing = [part for part, kept in found.items() if kept is None]
                if missing:
                    self._compute(self._with_others(missing))
                    found |= self._load(missing)
        return [self._there(part, kept) for part, kept in found.items()]

    def _load(self, parts: Sequence[Part] | None = None) -> dict[Part, KeptPart | None]:
        n = len(self.images)
        wanted = self.frozen.parts if parts is None else parts
        return {part: kept_parts.load_part(self.folder, self.keys[part], n) for part in wanted}

    def _there(self, part: Part, kept: KeptPart | None) -> KeptPart:
        if kept is None:
            raise OSError(f"found no {part.name} in {self.folder}, where it was just written")
        return kept

    def _with_others(self, missing: Sequence[Part]) -> FrozenBase:
        """Return the base with all parts that the study needs and that are not kept yet."""
        others = sorted(parts_in_study(self.frozen, self.mirrored) - set(self.frozen.parts))
        every = replace(self.frozen, parts=(*missing, *others), values=None).loaded()
        if others:
            self.keys |= self._keys(replace(every, parts=tuple(others)))
        new = [part for part in others if not kept_parts.is_kept(self.folder, self.keys[part])]
        return replace(every, parts=(*missing, *new))

    def _compute(self, frozen: FrozenBase) -> None:
        """Compute and keep all parts of `frozen` in one pass over the images."""
        model, n = frozen.outputs(self.images.shape[1:]), len(self.images)
        parts = frozen.parts
        keys = {part.name: self.keys[part] for part in parts}
        shapes = {
            part.name: ((n, output.shape[1]), np.dtype(output.dtype))
            for part, output in zip(parts, model.outputs, strict=True)
        }
        digests = {part.name: hashlib.sha256() for part in parts}
        start = time.perf_counter()
        with kept_parts.writing(self.folder, keys, shapes) as arrays:
            seen = _seen(self.images, self.mirrored)
            for rows, found in _batches(model, seen, self.what):
                for part, values in zip(parts, found, strict=True):
                    arrays[part.name][rows] = values
                    digests[part.name].update(arrays[part.name][rows].data)
        seconds = time.perf_counter() - start
        records = {
            part.name: {
                "of": f"{self.what}: {part.name}",
                "sha256": digests[part.name].hexdigest(),
                "seconds": seconds * share,
            }
            for part, share in zip(parts, _shares(frozen), strict=True)
        }
        kept_parts.save_records(self.folder, keys, records)

    def _keys(self, frozen: FrozenBase) -> dict[Part, str]:
        model = frozen.outputs(self.images.shape[1:])
        keys = kept_parts.part_keys(model, self.images, self.mirrored, self.pixels)
        return dict(zip(frozen.parts, keys, strict=True))


def _shares(frozen: FrozenBase) -> list[float]:
    """Return the share of each part's layers in the multiply-adds of a pass."""
    base, size = frozen.network, frozen.image_size
    adds = [base.multiply_adds([part.layer], size) for part in frozen.parts]
    return [each / max(adds) for each in adds]


def _seen(images: NDArray[np.uint8], mirrored: bool) -> NDArray[np.uint8]:
    """Return the images or their mirror images, as a view: only batches are copied."""
    return images[:, :, ::-1] if mirrored else images


def _batches(
    model: keras.Model, images: NDArray[np.uint8], what: str
) -> Iterator[tuple[slice, list[NDArray]]]:
    """Yield rows and the outputs for them, and print progress."""
    done = Tenths(what, len(images))
    for rows, found in predicted_batches(model, images):
        yield rows, cast("list[NDArray]", found if isinstance(found, list) else [found])
        done(rows.stop)
