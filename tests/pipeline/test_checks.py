import numpy as np
import pytest

from pipeline.checks import (
    LONGEST_MESSAGE,
    StudyError,
    check_finite,
    check_images,
    check_known,
    check_labels,
    check_paired,
    did_you_mean,
    escaped,
    in_message,
    listing,
    shortened,
    shown,
)


@pytest.mark.parametrize(
    ("images", "found"),
    [
        (np.zeros((2, 8, 8, 3)), "float64"),
        (np.zeros((2, 8, 8), np.uint8), r"\(2, 8, 8\)"),
        (np.zeros((2, 8, 8, 4), np.uint8), r"\(2, 8, 8, 4\)"),
        (np.zeros((0, 8, 8, 3), np.uint8), "no image"),
    ],
)
def test_images(images, found):
    with pytest.raises(StudyError, match=found):
        check_images(images)
    check_images(np.zeros((1, 8, 8, 3), np.uint8))


@pytest.mark.parametrize(
    ("labels", "found"),
    [([0, 1], "shape"), ([0, 1, 3], "0 to 3"), ([0.0, 1, 2], "float64"), ([-1, 0, 1], "-1 to 1")],
)
def test_labels(labels, found):
    with pytest.raises(StudyError, match=found):
        check_labels(np.array(labels), 3, 3)
    check_labels(np.array([0, 1, 2]), 3, 3)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_finite_names_the_first_bad_place(value):
    features = np.zeros((9000, 4), np.float32)
    check_finite(features, "features")
    features[8500, 2] = value
    with pytest.raises(StudyError, match="row 8500, column 2"):
        check_finite(features, "features")


def test_paired():
    ids = np.arange(5)
    check_paired(ids, ids.copy(), "run 'a'", "dvc repro a")
    with pytest.raises(StudyError, match=r"found 4 images; expected the 5 .* dvc repro a"):
        check_paired(ids[:4], ids, "run 'a'", "dvc repro a")
    with pytest.raises(StudyError, match="id 9 where 2 was expected"):
        check_paired(np.array([0, 1, 9, 3, 4]), ids, "run 'a'", "dvc repro a")


def test_unknown_names_get_a_hint():
    check_known("hog", ("hog", "lbp"), "method")
    with pytest.raises(StudyError, match="did you mean 'hog'"):
        check_known("hogg", ("hog", "lbp"), "method")
    with pytest.raises(StudyError, match="known: hog, lbp"):
        check_known("zzz", ("hog", "lbp"), "method")


def test_listing_is_cut():
    assert listing([]) == "none"
    assert listing(range(20), 3) == "0, 1, 2, ... (20 in all)"


# --- messages -------------------------------------------------------------------------------------


@pytest.mark.tried(
    "Messages",
    "an error that quotes what is very long: a name, a value, thousands of lines",
    "at most 2,000 characters, with the number of those left out",
)
@pytest.mark.parametrize(
    "message",
    ["x" * 1_000_000, "line\n" * 100_000, "a\n" + "b" * 5000, "x" * 1990 + "\n" * 5000],
    ids=["one word", "lines", "a long second line", "empty lines"],
)
def test_no_message_is_longer_than_a_page(message):
    for reported in (str(StudyError(message)), f"{StudyError(message)}", shortened(message)):
        assert len(reported) <= LONGEST_MESSAGE
        kept, _, count = reported.rpartition("... (")
        assert message.startswith(kept.strip())
        left_out = int(count.split(" ")[0].replace(",", ""))
        assert abs(len(kept) + left_out - len(message)) <= 3  # but for the space before the dots


def test_a_message_is_cut_behind_a_line():
    reported = shortened("\n".join(f"problem {i}" for i in range(1000)))
    assert reported.splitlines()[-2].startswith("problem ")
    assert " more characters, in " in reported.splitlines()[-1]
    assert reported.splitlines()[-2] in [f"problem {i}" for i in range(1000)]


def test_what_fits_is_left_alone():
    assert str(StudyError("x" * LONGEST_MESSAGE)) == "x" * LONGEST_MESSAGE


def test_values_are_shown_cut():
    assert shown("a") == "'a'"
    assert shown("a" * 500) == "'" + "a" * 119 + "... (382 more characters)"
    assert shown(1 << 100_000) == "a number too long to show"
    assert len(listing(["a" * 5000, "b"])) < 200


@pytest.mark.parametrize(
    ("found", "known", "meant"),
    [
        ("hogg", ["hog", "lbp"], "hog"),
        ("cel", ["cell", "block"], "cell"),
        ("smv", ["svm", "rbf"], "svm"),
        ("cifar", ["cifar10", "digits"], "cifar10"),
        ("batchsize", ["batch_size"], "batch_size"),
        ("lerning_rate", ["learning_rate"], "learning_rate"),
        ("Epochs", ["epochs"], "epochs"),
        ("wieghts", ["weights", "method"], "weights"),
        ("class_weight", ["weights", "classes"], None),
        ("rotation", ["orientations", "saturation"], None),
        ("lr", ["l1", "l2"], None),
        ("lo", ["low"], "low"),
        ("testing", ["train", "test"], "test"),
        ("batch", ["batch_norm", "batch_size"], "batch_norm"),
        ("l", ["low"], None),
        ("class", ["c", "cl"], None),
        ("x", ["y"], None),
        ("n" * 100_000, ["n" * 99_999], None),
    ],
)
def test_only_a_slip_of_the_hand_gets_a_hint(found, known, meant):
    assert did_you_mean(found, known) == (f"; did you mean {meant!r}?" if meant else "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, é, 犬, 👩\u200d🔬", "plain, é, 犬, 👩\u200d🔬"),
        ("\x1b[2J\a", r"\x1b[2J\x07"),
        ("caf\udce9", r"caf\xe9"),
        ("\u202e\ufeff\ufffe\ud800", r"\u202e\ufeff\ufffe\ud800"),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(text, shown):
    assert escaped(text) == shown
    assert escaped(shown) == shown


@pytest.mark.tried(
    "Names", "escape codes in any name that a message shows", "the message shows them, escaped"
)
def test_no_message_holds_escape_codes():
    assert str(StudyError("found \x1b[31m\udce9;\nexpected")) == "found \\x1b[31m\\xe9;\nexpected"


def test_long_names_are_cut_in_messages():
    assert len(in_message("x" * 10_000)) < 120
    assert len(listing(["x" * 10_000] * 100)) < 1500
    assert in_message("name") == "name"
