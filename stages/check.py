"""Check all of params.yaml before anything is computed, and record the code of all stages.

It writes a fingerprint of the code of each stage, so that an edit only reruns the stages that it
affects. It always runs, because DVC would not notice edited code or a new link among the images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, cast

from pipeline import host_memory
from pipeline.checks import StudyError, check_known, listing
from pipeline.classical.run.memory import check_memory
from pipeline.config.entries import read_params
from pipeline.config.params import Params, load_params
from pipeline.features.forecast import check_features_fit, expected_width
from pipeline.fingerprints.stage_code import save_fingerprints
from pipeline.keras_backend import check_backend
from pipeline.robustness.severities import CONSTANTS, check_color
from pipeline.storage.integrity import file_digest
from stages import run

if TYPE_CHECKING:
    from pipeline.classical.spec import ClassicalSpec
    from pipeline.config.variants import Variant
    from pipeline.data.spec import DatasetSpec, Outlook
    from pipeline.deep.spec import DeepSpec
    from pipeline.features.spec import FeatureSpec


def main() -> None:
    """Parse params.yaml, check the files that it names, and write data/code/."""
    params = load_params()
    features = cast("Iterable[FeatureSpec]", params.features.values())
    if params.deep or any(spec.family == "hybrid" for spec in features):
        check_backend()
    check_files(params)
    dataset = cast("DatasetSpec", params.dataset)
    outlook = dataset.outlook()  # once: it walks through a folder or an archive
    most = dataset.most_training_images(outlook)
    check_parts(params, most, outlook)
    check_channels(params)
    check_memory_ahead(params, outlook)
    read = dataset.files_read()
    save_fingerprints(read_params()[0], {path.as_posix(): file_digest(path) for path in read})
    sets, runs = len(params.features), len(params.roster)
    print(f"params.yaml is valid: feature sets: {sets}, runs: {runs}")


def check_files(params: Params) -> None:
    """Raise `StudyError` if params.yaml names an unusable file or an unknown corruption."""
    cast("DatasetSpec", params.dataset).check_files()
    reading = [(f"features.{name}", spec) for name, spec in params.features.items()]
    reading += [(f"deep.{name}", spec) for name, spec in params.deep.items()]
    for name, ablation in params.ablations.items():
        for each in ablation.variants:
            place = f"ablations.{name}.values.{each.label}"
            reading += [(place, spec) for spec in each.features.values()]
            reading += [(place, each.spec)] if each.kind == "deep" else []
    for name, spec in reading:
        try:
            cast("FeatureSpec | DeepSpec", spec).check_files()
        except StudyError as error:
            raise StudyError(f"params.yaml: {name}: {error}") from None
    for name, options in params.corrupt.items():
        for corruption in options.corruptions or ():
            check_known(corruption, list(CONSTANTS), f"corruption of params.yaml: corrupt.{name},")


def check_channels(params: Params) -> None:
    """Raise `StudyError` if params.yaml asks for colors of gray images; print what mirrors digits.

    Mirror images of digits are no digits, but one may want to see what that does to a run.
    """
    dataset = cast("DatasetSpec", params.dataset)
    channels, problems = dataset.image_channels, list[str]()
    for name, spec in cast("Mapping[str, FeatureSpec]", params.features).items():
        with _noted(problems, f"features.{name}: "):
            spec.check_channels(channels)
    for name, options in params.corrupt.items():
        for corruption in options.corruptions or ():
            with _noted(problems, f"corrupt.{name}: "):
                check_color(corruption, channels)
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise StudyError(f"params.yaml does not suit the gray images of {dataset.name}:\n{lines}")
    mirrored = [] if dataset.mirrors else list(_mirrored(params))
    if mirrored:
        print(
            f"note: {listing(mirrored)}: learning from mirror images, or predicting on them, "
            f"hardly helps with {dataset.name}, because the mirror image of a digit is no digit"
        )


def _mirrored(params: Params) -> Iterator[str]:
    """Yield the options by which runs see mirror images."""
    for kind, runs in (("classical", params.classical), ("deep", params.deep)):
        for name, spec in runs.items():
            options = spec.model_dump()
            for option in ("mirrored", "flip", "tta"):
                if options.get(option, False) not in (False, None, "none"):
                    yield f"{kind}.{name}.{option}"


def check_parts(params: Params, most: int | None, outlook: Outlook | None) -> None:
    """Raise `StudyError` if params.yaml asks for more training images or classes than there are.

    Each class needs an image to learn from. Where a number is not known yet, as before most
    downloads, the stages themselves check.

    Args:
        params: the study.
        most: training images, at most; None if unknown.
        outlook: of the dataset; None if unknown.
    """
    dataset = cast("DatasetSpec", params.dataset)
    classes = len(dataset.classes or ()) or (outlook.n_classes if outlook is not None else 0)
    there = None if dataset.min_per_class is not None else classes or None
    problems: list[str] = []
    if params.sample_size.runs:
        with _noted(problems):
            if most is not None:
                params.sample_size.numbers(most)
        smallest = next((size for size in params.sample_size.sizes if size is not None), there)
        if there is not None and smallest is not None and smallest < there:
            problems.append(f"sample_size.sizes: found {smallest}; {_an_image_each(there)}")
    for name, ablation in params.ablations.items():
        for each in ablation.variants:
            with _noted(problems, f"ablations.{name}, {each.label}: "):
                _check_variant(each, most, dataset.classes, there)
    if problems:
        raise StudyError("\n".join(f"params.yaml: {problem}" for problem in problems))


def _check_variant(
    variant: Variant, most: int | None, names: tuple[str, ...] | None, there: int | None
) -> None:
    """Raise `StudyError` if there are fewer images or classes than a value of an ablation wants."""
    limit, wanted = variant.limit, variant.classes or there
    if most is not None and limit is not None and limit > most:
        raise StudyError(
            f"limit: found {limit:,}; expected at most the {most:,} training images (null for all)"
        )
    if there is None or wanted is None:
        return
    for each in wanted if isinstance(wanted, tuple) and names else ():
        check_known(each, list(names or ()), "class")
    count = len(wanted) if isinstance(wanted, tuple) else wanted
    if count > there:
        raise StudyError(f"classes: found {count}; expected at most the {there} there are")
    if limit is not None and limit < count:
        raise StudyError(f"limit: found {limit}; {_an_image_each(count)}")


def _an_image_each(classes: int) -> str:
    return f"expected at least {classes}, an image of each class"


def check_memory_ahead(params: Params, outlook: Outlook | None) -> None:
    """Raise `StudyError` if features, or runs on them, cannot fit in this machine's memory.

    The images are counted by their names and not decoded. Where they are not known yet, as before a
    download, the stages themselves check, as they do in any case.
    """
    memory = host_memory.total()
    if outlook is None or memory is None:
        return
    sets = cast("Mapping[str, FeatureSpec]", params.features)
    channels = cast("DatasetSpec", params.dataset).image_channels
    problems: list[str] = []
    for name, spec in sets.items():
        with _noted(problems):
            check_features_fit(name, spec, outlook.sizes, outlook.side, memory, channels)
    widths = {
        name: expected_width(spec, outlook.side, channels) or 0 for name, spec in sets.items()
    }
    for name, entry in cast("Mapping[str, ClassicalSpec]", params.classical).items():
        used = {each: widths[each] for each in entry.features}
        with _noted(problems, f"classical.{name}: "):
            check_memory(name, entry, outlook.sizes, used, outlook.n_classes, memory)
    if problems:
        lines = "\n".join(f"  {problem}" for problem in problems)
        raise StudyError(
            f"params.yaml asks for more memory than there is, for about "
            f"{sum(outlook.sizes.values()):,} images of {outlook.side} pixels:\n{lines}"
        )


@contextmanager
def _noted(problems: list[str], where: str = "") -> Iterator[None]:
    """Add an error of the block to `problems`."""
    try:
        yield
    except StudyError as error:
        problems.append(f"{where}{error}")


if __name__ == "__main__":
    run(main)
