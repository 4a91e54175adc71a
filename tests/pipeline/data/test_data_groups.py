"""What tells the group of an image: its name, a folder, a CSV file."""

import pytest
from pydantic import ValidationError

from pipeline.checks import StudyError
from pipeline.data.groups import GroupBy, depth_below_class, group_images
from pipeline.data.image_folder import Spec

NAMES = ["cat/p1_a.jpg", "cat/p1_b.jpg", "dog/p1_c.jpg", "dog/p2_a.jpg", "dog/other.jpg"]


def spec(groups):
    return Spec(name="image_folder", path="data/incoming", groups=groups)


def partition(found):
    """Sets of positions, whatever the numbers of the groups."""
    numbers = found.groups.tolist()
    return sorted([i for i, n in enumerate(numbers) if n == each] for each in set(numbers))


def test_by_name_across_classes_and_the_rest_alone():
    found = group_images(GroupBy(name="^([^_]+)_"), NAMES)
    assert partition(found) == [[0, 1, 2], [3], [4]]
    assert "4 images are in 2 groups" in found.notes[0]
    assert "1 others are groups of their own: dog/other.jpg" in found.notes[0]


def test_a_name_like_a_group_is_not_in_it():
    found = group_images(GroupBy(name="^(x|dog/other)"), ["a/x.png", "dog/other.png", "a/y.png"])
    assert partition(found) == [[0], [1], [2]]


def test_by_folder():
    names = ["cat/p1/a.jpg", "cat/p2/a.jpg", "dog/p1/a.jpg"]
    assert partition(group_images(GroupBy(folder=2), names)) == [[0, 2], [1]]


def test_by_csv_with_paths_and_with_names(tmp_path):
    path = tmp_path / "groups.csv"
    path.write_text("file,group,more\ncat/p1_a.jpg,x,1\nother.jpg,x,2\nnowhere.jpg,y,3\n")
    found = group_images(GroupBy(csv=str(path)), NAMES)
    assert partition(found) == [[0, 4], [1], [2], [3]]
    assert "1 rows of the CSV file name no image" in found.notes[0]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name,group\na,b\n", "no column file"),
        ("file,group\ncat/p1_a.jpg,x\ncat/p1_a.jpg,y\n", "line 3: found a second group, y"),
        ("file,group\ncat/p1_a.jpg,\n", "line 2: expected a file and its group"),
        ("file,group\nnone.jpg,x\n", "found no image"),
    ],
)
def test_a_wrong_csv_file(tmp_path, text, message):
    path = tmp_path / "groups.csv"
    path.write_text(text)
    with pytest.raises(StudyError, match=message):
        group_images(GroupBy(csv=str(path)), NAMES)


def test_file_names_that_several_images_have(tmp_path):
    path = tmp_path / "groups.csv"
    path.write_text("file,group\na.jpg,x\n")
    with pytest.raises(StudyError, match="several images have; expected paths"):
        group_images(GroupBy(csv=str(path)), ["cat/a.jpg", "dog/a.jpg"])


def test_a_pattern_that_matches_nothing():
    with pytest.raises(StudyError, match="found no image that the pattern"):
        group_images(GroupBy(name="^(zzz)"), NAMES)


@pytest.mark.parametrize(
    "groups",
    ["name", {}, {"name": "(a", }, {"name": "abc"}, {"name": "(a)(b)"}, {"folder": 1},
     {"folder": True}, {"csv": "~/x.csv"}, {"name": "(a)", "folder": 2}, {"level": 2}],
)  # fmt: skip
def test_wrong_options(groups):
    with pytest.raises(ValidationError, match="expected"):
        spec(groups)


def test_a_missing_csv_file_is_seen_by_check(tmp_path):
    one = Spec(name="image_folder", path=str(tmp_path), groups={"csv": str(tmp_path / "x.csv")})
    with pytest.raises(StudyError, match="there is no file"):
        one.check_files()


def test_options_survive_their_record():
    for groups in ({"name": "^(a)"}, {"folder": 3}, {"csv": "x.csv"}):
        assert spec(groups) == Spec.model_validate(spec(groups).model_dump(mode="json"))


def test_the_level_of_the_classes_is_no_group():
    assert depth_below_class(GroupBy(folder=2), has_splits=False) == 1
    assert depth_below_class(GroupBy(folder=3), has_splits=True) == 1
    assert depth_below_class(None, has_splits=True) == 0
    with pytest.raises(StudyError, match="which is the level of the classes"):
        depth_below_class(GroupBy(folder=2), has_splits=True)
