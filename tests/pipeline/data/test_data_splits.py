"""Splits are disjoint, stratified, nested and seeded; impossible splits are errors."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest

from pipeline.checks import StudyError
from pipeline.data.image_folder import Spec as FolderSpec
from pipeline.data.photos import Spec as BundledSpec
from pipeline.data.spec import RawDataset
from pipeline.data.splits import make_splits, title_and_description
from pipeline.sampling import stratified_order
from pipeline.storage.source import Source, SourceFile
from pipeline.storage.splits import SPLITS

NAMES = ("bird", "ant", "cat")  # unsorted, because the dataset's own order must be kept


def dataset(counts: dict[str, tuple[int, ...]], names=NAMES, shuffle=0) -> RawDataset:
    """Return a dataset with these numbers of images per class and split, in random order."""
    labels = np.concatenate([np.repeat(np.arange(len(n)), n) for n in counts.values()])
    split = np.repeat(list(counts), [sum(n) for n in counts.values()])
    order = np.random.default_rng(shuffle).permutation(len(labels))
    return RawDataset(
        images=np.random.default_rng(1).integers(0, 256, (len(labels), 4, 4, 3), dtype=np.uint8),
        labels=labels[order].astype(np.int64),
        class_names=names,
        split=split[order].astype("<U10"),
        image_names=np.array([f"image/{index}" for index in range(len(labels))]),
    )


def spec(**options) -> FolderSpec:
    return FolderSpec(name="image_folder", **options)


def as_sets(prepared):
    return {split: set(prepared.ids[split].tolist()) for split in SPLITS}


def check_sound(prepared, raw):
    """Check that splits have disjoint, ascending ids with the labels of the dataset."""
    ids = as_sets(prepared)
    for one, other in itertools.combinations(SPLITS, 2):
        assert not ids[one] & ids[other]
    for split in SPLITS:
        assert len(ids[split]) == len(prepared.ids[split])
        assert np.all(np.diff(prepared.ids[split]) > 0)
        found = [prepared.class_names[label] for label in prepared.labels[split]]
        assert found == [raw.class_names[raw.labels[index]] for index in prepared.ids[split]]
        assert prepared.ids[split].dtype == prepared.labels[split].dtype == np.int64


SOURCES = {
    "train only": {"train": (100, 60, 40)},
    "with test": {"train": (100, 60, 40), "test": (10, 20, 30)},
    "with all": {"train": (100, 60, 40), "validation": (5, 6, 7), "test": (10, 20, 30)},
}


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"limit": 20},
        {"classes": ("cat", "bird")},
        {"validation": 15, "test": 21, "limit": 31, "classes": ("ant", "cat")},
    ],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_no_image_is_in_two_splits(source, options, seed):
    raw = dataset(SOURCES[source])
    check_sound(make_splits(raw, spec(**options), seed), raw)


def test_every_image_of_the_source_is_used_once():
    raw = dataset(SOURCES["with test"])
    ids = as_sets(make_splits(raw, spec(), 0))
    assert set.union(*ids.values()) == set(range(len(raw.labels)))
    assert ids["test"] == set(np.flatnonzero(raw.split == "test").tolist())


def test_given_splits_are_kept():
    raw = dataset(SOURCES["with all"])
    prepared = make_splits(raw, spec(validation=50), 0)
    for split in SPLITS:
        np.testing.assert_array_equal(prepared.ids[split], np.flatnonzero(raw.split == split))


def test_proportions_are_kept():
    prepared = make_splits(dataset({"train": (500, 300, 200)}), spec(test=0.2, validation=0.1), 0)
    # 200 of 1,000 for testing, then 80 of the remaining 800.
    for split, expected in {"test": (100, 60, 40), "validation": (40, 24, 16)}.items():
        counts = np.bincount(prepared.labels[split])
        assert counts.sum() == sum(expected)
        assert np.abs(counts - expected).max() <= 1
    assert len(prepared.ids["train"]) == 720


def test_counts_are_exact():
    prepared = make_splits(dataset({"train": (500, 300, 200)}), spec(test=123, validation=77), 0)
    assert {split: len(prepared.ids[split]) for split in SPLITS} == {
        "train": 800,
        "validation": 77,
        "test": 123,
    }


@pytest.mark.parametrize("source", SOURCES)
def test_limits_nest_and_move_no_image(source):
    raw = dataset(SOURCES[source])
    whole = as_sets(make_splits(raw, spec(), 3))
    smaller = None
    for limit in (12, 13, 40, 90, 10_000):
        prepared = make_splits(raw, spec(limit=limit), 3)
        ids = as_sets(prepared)
        for split in SPLITS:
            assert len(ids[split]) == min(limit, len(whole[split]))
            assert ids[split] <= whole[split]
            assert smaller is None or smaller[split] <= ids[split]
            shares = np.bincount(raw.labels[list(whole[split])]) / len(whole[split])
            counts = np.bincount(prepared.labels[split], minlength=3)
            assert np.abs(counts - shares * len(ids[split])).max() < 1.5
        smaller = ids


def test_splits_depend_on_the_seed():
    raw = dataset(SOURCES["train only"])
    first, again, other = (as_sets(make_splits(raw, spec(), seed)) for seed in (0, 0, 1))
    assert first == again
    assert first["validation"] != other["validation"]
    assert first["test"] != other["test"]


def test_classes_are_renumbered_in_the_order_of_the_dataset():
    raw = dataset(SOURCES["with test"])
    prepared = make_splits(raw, spec(classes=("cat", "bird")), 0)
    assert prepared.class_names == ("bird", "cat")
    assert set(prepared.labels["test"].tolist()) == {0, 1}
    check_sound(prepared, raw)
    assert np.bincount(prepared.labels["test"]).tolist() == [10, 30]


@pytest.mark.parametrize(
    ("counts", "options", "message"),
    [
        ({"train": (9, 9, 9)}, {"classes": ("bird", "cta")}, r"classes.*'cta'; did you mean 'cat'"),
        ({"train": (9, 9, 0)}, {}, "no train image of cat"),
        ({"train": (9, 9, 9), "test": (3, 0, 3)}, {}, "no test image of ant"),
        ({"train": (9, 9, 9), "test": (1, 0, 1)}, {}, "2 test images for 3 classes"),
        (
            {"train": (9, 9, 9), "test": (1, 1, 1), "validation": (5, 5, 0)},
            {},
            "no validation image of cat",
        ),
        (
            {"train": (9, 9, 9), "test": (0, 0, 5)},
            {"classes": ("bird", "ant")},
            "no test image of the classes bird, ant",
        ),
        ({"train": (9, 9, 9)}, {"test": 27}, "dataset.test: found 27, which is 27 of 27"),
        ({"train": (9, 9, 9)}, {"test": 7, "validation": 20}, "dataset.validation: found 20"),
        ({"train": (9, 9, 9)}, {"test": 7, "validation": 1}, "1 validation images for 3"),
        ({"train": (9, 9, 9)}, {"test": 6, "validation": 19}, "2 train images for 3 classes"),
        ({"train": (90, 90, 90)}, {"limit": 2}, "2 train images for 3 classes.*limit"),
        (
            {"train": (9, 2, 1)},
            {},
            r"too few images of these classes: ant \(2\), cat \(1\).*dataset.min_per_class: 3",
        ),
        (
            {"train": (9, 2, 1), "test": (3, 3, 3)},
            {},
            r"classes: cat \(1\); expected at least 2 of",
        ),
        ({"train": (9, 2, 1)}, {"min_per_class": 3}, "of ant, cat, which leaves 1 of 3 classes"),
        ({"train": (0, 0, 0), "test": (5, 5, 5)}, {}, "0 train images for 3 classes"),
    ],
)
def test_impossible_splits_are_reported(counts, options, message):
    with pytest.raises(StudyError, match=message):
        make_splits(dataset(counts), spec(**options), 0)


def test_one_class_is_refused():
    with pytest.raises(StudyError, match="only one class"):
        make_splits(dataset({"train": (9,)}, names=("bird",)), spec(), 0)


def test_a_dataset_that_always_has_a_test_split_must_have_one():
    with pytest.raises(StudyError, match="found no test image"):
        make_splits(dataset({"train": (9, 9, 9)}), BundledSpec(name="photos"), 0)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("labels", np.array([0, 1, 3, 1]), "values from 0 to 3"),
        ("labels", np.array([0, 1]), "one label per image"),
        ("split", np.array(["train", "train", "tset", "test"]), "did you mean 'test'"),
        ("split", np.array(["train"]), "splits"),
        ("image_names", np.array(["a"]), "image names"),
        ("images", np.zeros((4, 4, 4), np.uint8), "expected"),
        ("images", np.zeros((4, 4, 4, 3), np.float32), "uint8"),
    ],
)
def test_a_malformed_dataset_is_refused(field, value, message):
    fields = {
        "images": np.zeros((4, 4, 4, 3), np.uint8),
        "labels": np.array([0, 1, 0, 1]),
        "class_names": ("a", "b"),
        "split": np.array(["train", "train", "test", "test"]),
        "image_names": np.array(list("wxyz")),
    }
    with pytest.raises(StudyError, match=message):
        make_splits(RawDataset(**(fields | {field: value})), spec(), 0)


@pytest.mark.parametrize("source", SOURCES.values(), ids=SOURCES)
def test_shuffled_labels_are_those_of_the_same_images_permuted(source):
    raw = dataset(source)
    plain = make_splits(raw, spec(), 5)
    mixed = make_splits(raw, spec(shuffle_labels=True), 5)
    for split in SPLITS:
        np.testing.assert_array_equal(mixed.ids[split], plain.ids[split])
        np.testing.assert_array_equal(
            np.bincount(mixed.labels[split]), np.bincount(plain.labels[split])
        )
        assert mixed.labels[split].dtype == np.int64
    np.testing.assert_array_equal(mixed.labels["test"], plain.labels["test"])
    # With 100 : 60 : 40 images, a permutation keeps (100² + 60² + 40²) / 200² = 38% of the labels.
    assert 0.25 < np.mean(mixed.labels["train"] == plain.labels["train"]) < 0.5
    assert np.any(mixed.labels["validation"] != plain.labels["validation"])


def test_the_images_of_each_class_get_all_shuffled_labels_in_proportion():
    raw = dataset({"train": (60, 60, 60), "validation": (9, 9, 9), "test": (10, 20, 30)})
    true = make_splits(raw, spec(), 5).labels
    mixed = make_splits(raw, spec(shuffle_labels=True), 5).labels
    for split, count in (("train", 20), ("validation", 3)):
        pairs = np.zeros((3, 3), dtype=int)
        np.add.at(pairs, (true[split], mixed[split]), 1)
        assert (pairs == count).all()
    raw = dataset({"train": (100, 60, 40), "validation": (5, 6, 7), "test": (10, 20, 30)})
    true = make_splits(raw, spec(), 5).labels["train"]
    mixed = make_splits(raw, spec(shuffle_labels=True), 5).labels["train"]
    pairs = np.zeros((3, 3), dtype=int)
    np.add.at(pairs, (true, mixed), 1)
    # Products of the margins, 100 : 60 : 40 of 200, up to one image at either end of a stretch.
    assert np.abs(pairs - [[50, 30, 20], [30, 18, 12], [20, 12, 8]]).max() <= 2


def test_shuffled_labels_depend_on_the_seed():
    raw = dataset({"train": (100, 60, 40), "validation": (5, 6, 7), "test": (10, 20, 30)})
    first, again, other = (
        make_splits(raw, spec(shuffle_labels=True), seed).labels["train"] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert np.any(first != other)


def test_the_description_says_that_labels_are_shuffled():
    source = Source("pets", (SourceFile("pets.zip", "pets.zip", "ab" * 32, 5),), "cats and dogs")
    assert title_and_description(spec(), source) == ("pets", "cats and dogs")
    title, description = title_and_description(spec(shuffle_labels=True, title="Pets"), source)
    assert title == "Pets, labels shuffled"
    assert description.startswith("cats and dogs; a control: training and validation labels")


@pytest.mark.tried(
    "Small data sets",
    "classes of 3 to 12 images beside large ones, with many parts, limits and seeds",
    "every class has an image in every split",
)
@pytest.mark.parametrize("part", [0.02, 0.2, 0.5])
def test_a_class_of_three_images_is_in_every_split(part, trials):
    sizes = [(3, 60, 60), (4, 4, 60), (5, 3, 3), (90, 3, 12)]
    for counts, seed in itertools.product(sizes, range(6)):
        raw = dataset({"train": counts})
        whole = make_splits(raw, spec(test=part, validation=part), seed)
        check_sound(whole, raw)
        smaller = None
        for limit in (3, 5, 11, None):
            prepared = make_splits(raw, spec(test=part, validation=part, limit=limit), seed)
            for split in SPLITS:
                assert np.bincount(prepared.labels[split], minlength=3).all()
                found = set(prepared.ids[split].tolist())
                assert found <= set(whole.ids[split].tolist())
                assert smaller is None or set(smaller.ids[split].tolist()) <= found
            smaller = prepared
    trials(len(sizes) * 6 * 4)


def test_images_of_given_splits_do_not_move():
    raw = dataset({"train": (2, 30, 30), "test": (1, 5, 5)})
    prepared = make_splits(raw, spec(validation=0.1), 0)
    assert as_sets(prepared)["test"] == set(np.flatnonzero(raw.split == "test").tolist())
    assert np.bincount(prepared.labels["train"])[0] == 1
    assert np.bincount(prepared.labels["validation"])[0] == 1


def test_splits_of_large_datasets_use_the_plain_order():
    """The splits of CIFAR-10 and of the demo have not changed."""
    for counts, validation, limit, seed in (
        ((5000,) * 10, 5000, None, 0),
        ((5000,) * 10, 5000, 2000, 0),
        ((178, 182, 177, 183, 181), 0.1, 300, 3),
    ):
        names = tuple(map(str, range(len(counts))))
        raw = dataset({"train": counts, "test": (10,) * len(counts)}, names)
        options = spec(validation=validation, limit=limit, near_duplicates="keep")
        prepared = make_splits(raw, options, seed)
        ids = np.flatnonzero(raw.split == "train")
        count = validation if isinstance(validation, int) else round(validation * len(ids))
        order = stratified_order(raw.labels[ids], seed)
        expected = {"validation": np.sort(ids[order[:count]]), "train": np.sort(ids[order[count:]])}
        for split, plain in expected.items():
            capped = plain[stratified_order(raw.labels[plain], seed)[:limit]]
            np.testing.assert_array_equal(prepared.ids[split], np.sort(capped))


def test_an_option_leaves_out_small_classes():
    raw = dataset({"train": (30, 2, 30), "test": (5, 1, 5)})
    prepared = make_splits(raw, spec(min_per_class=4), 0)
    assert prepared.class_names == ("bird", "cat")
    check_sound(prepared, raw)
    assert prepared.left_out == (
        {"what": "class with fewer than 4 images", "count": 1, "names": ["ant"]},
    )
    assert make_splits(raw, spec(min_per_class=3), 0).class_names == NAMES
    assert make_splits(raw, spec(min_per_class=3), 0).left_out == ()


def test_the_advice_on_small_classes_works():
    """Cat has one training and three test images: the option counts all four."""
    raw = dataset({"train": (9, 9, 1), "test": (3, 3, 3)})
    with pytest.raises(StudyError, match="min_per_class: 5"):
        make_splits(raw, spec(), 0)
    assert make_splits(raw, spec(min_per_class=5), 0).class_names == ("bird", "ant")


# --- groups and folds -----------------------------------------------------------------------------


def in_groups(size: int, n: int = 120) -> RawDataset:
    """Two classes in random order; `size` images in a row are one group, of one class."""
    groups = np.arange(n) // size
    labels = (groups % 2).astype(np.int64)
    return RawDataset(
        images=np.random.default_rng(1).integers(0, 256, (n, 16, 16, 3), dtype=np.uint8),
        labels=labels,
        class_names=("ant", "bee"),
        split=np.full(n, "train"),
        image_names=np.array([f"image/{index}" for index in range(n)]),
        groups=groups,
    )


def nearest_right(images, labels, learn, test) -> float:
    """Accuracy of the class of the nearest training image, by pixels."""
    flat = images.reshape(len(images), -1).astype(float)
    distances = ((flat[test][:, None] - flat[learn][None]) ** 2).sum(axis=2)
    return float(np.mean(labels[learn][distances.argmin(axis=1)] == labels[test]))


@pytest.mark.parametrize("folds", [None, 5])
def test_groups_never_straddle_splits_or_folds(folds):
    raw = in_groups(6)
    prepared = make_splits(raw, spec(folds=folds), 0)
    if folds:
        divided = [np.unique(prepared.folds[raw.groups == g]) for g in np.unique(raw.groups)]
        assert prepared.folds.shape == (120,)
        assert all(prepared.ids[split].tolist() == list(range(120)) for split in SPLITS)
    else:
        where = np.zeros(120, dtype=int)
        where[prepared.ids["validation"]], where[prepared.ids["test"]] = 1, 2
        divided = [np.unique(where[raw.groups == group]) for group in np.unique(raw.groups)]
        check_sound(prepared, raw)
        assert 18 <= len(prepared.ids["test"]) <= 30
    assert {len(each) for each in divided} == {1}
    assert prepared.groups == 20


@pytest.mark.parametrize("grouped", [True, False])
def test_a_planted_group_effect_is_gone_with_groups(grouped):
    """Images show their group alone, and a group has one class: only a leak tells the class."""
    raw = in_groups(6)
    rng = np.random.default_rng(0)
    looks = rng.integers(0, 256, (20, 16, 16, 3))[raw.groups] + rng.normal(0, 20, (120, 16, 16, 3))
    images = np.clip(looks, 0, 255).astype(np.uint8)
    raw = replace(raw, images=images, groups=raw.groups if grouped else None)
    right = []
    for seed in range(5):
        ids = make_splits(raw, spec(near_duplicates="keep", test=0.3), seed).ids
        right.append(nearest_right(images, raw.labels, ids["train"], ids["test"]))
    assert 0.2 < np.mean(right) < 0.75 if grouped else np.mean(right) > 0.95


@pytest.mark.parametrize("folds", [None, 4])
@pytest.mark.parametrize("kind", ["group", "keep"])
def test_planted_copies_stay_together_unless_kept(kind, folds):
    raw = replace(in_groups(1), groups=None)
    for first in range(0, 40, 2):
        raw.images[first + 1] = raw.images[first]
    labels = np.repeat(np.arange(60) % 2, 2)
    prepared = make_splits(replace(raw, labels=labels), spec(near_duplicates=kind, folds=folds), 0)
    where = np.zeros(120, dtype=int) if folds is None else prepared.folds
    if folds is None:
        where[prepared.ids["validation"]], where[prepared.ids["test"]] = 1, 2
    divided = np.count_nonzero(where[0:40:2] != where[1:40:2])
    assert divided == 0 if kind == "group" else divided > 3
    assert ("20 images are copies of others;" in "".join(prepared.notes)) == (kind == "group")


def test_near_duplicates_join_the_groups_that_are_given():
    raw = in_groups(6)
    raw.images[0] = raw.images[12]  # both groups have the class ant
    prepared = make_splits(raw, spec(folds=5), 0)
    assert len(np.unique(prepared.folds[np.r_[0:6, 12:18]])) == 1
    assert prepared.groups == 19


def test_groups_that_the_source_divides_are_counted_and_not_moved():
    raw = in_groups(6)
    split = np.where(np.arange(120) < 99, "train", "test")  # divides the group of 96 to 101
    prepared = make_splits(replace(raw, split=split), spec(), 0)
    assert prepared.ids["test"].tolist() == list(range(99, 120))
    assert "3 of 21 test images are of a group that is in train" in "".join(prepared.notes)


def test_folds_merge_the_splits_of_the_source():
    raw = dataset(SOURCES["with all"])
    prepared = make_splits(raw, spec(folds=5), 0)
    assert len(prepared.ids["test"]) == len(raw.labels)
    assert "(train, validation, test) are merged" in "".join(prepared.notes)


def test_folds_with_a_limit_and_shuffled_labels():
    raw = dataset({"train": (100, 60, 40)})
    plain = make_splits(raw, spec(folds=4, limit=50), 0)
    shuffled = make_splits(raw, spec(folds=4, limit=50, shuffle_labels=True), 0)
    assert len(plain.ids["train"]) == 50
    assert np.array_equal(plain.labels["test"], shuffled.labels["test"])
    assert np.array_equal(shuffled.labels["train"], shuffled.labels["validation"])
    assert not np.array_equal(plain.labels["train"], shuffled.labels["train"])


def test_a_class_with_too_few_groups_is_an_error():
    raw = in_groups(30)  # two groups of each class
    with pytest.raises(StudyError, match=r"too few groups of images .* ant \(2\)"):
        make_splits(raw, spec(), 0)
    with pytest.raises(StudyError, match=r"too few groups of images .* ant \(2\)"):
        make_splits(raw, spec(folds=3), 0)
