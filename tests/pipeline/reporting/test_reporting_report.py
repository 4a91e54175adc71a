"""The report as files: whole, self-contained, escaped, repeatable, and with the CSV's numbers."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest
from synthetic_study import (
    CASES,
    GPU_RECIPES,
    ROSTER,
    STRANGE,
    drawn_features,
    made_up,
    written,
)

from pipeline import artefacts
from pipeline.checks import StudyError
from pipeline.evaluation.samples import save_pictures
from pipeline.reporting import curves, figures, matrices
from pipeline.reporting.depth_figure import SHADES
from pipeline.reporting.figures import FAMILY_COLOURS
from pipeline.reporting.page import breakable
from pipeline.reporting.page import page as write_page
from pipeline.reporting.report import write_report
from pipeline.reporting.summary import headline, summary
from pipeline.results import Results, load_feature_pictures, load_results, save_results

FILES = ["figures/accuracy.png", "figures/accuracy.svg", "figures/confusion.png",
         "figures/confusion.svg", "figures/learning_curves.png", "figures/learning_curves.svg",
         "figures/train_test.png", "figures/train_test.svg", "index.html",
         "summary.md"]  # fmt: skip
VOID = {"meta", "img", "br", "hr", "link", "input", "wbr"}


class Page(HTMLParser):
    """What a browser would see: tags in order, attributes, the cells of tables, and all text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"</{tag}> closes nothing"

    def handle_data(self, data):
        self.text += data
        if {"td", "th"} & set(self.open):
            self.rows[-1][-1] += data


@pytest.fixture(scope="module")
def normal(tmp_path_factory):
    folder = tmp_path_factory.mktemp("normal")
    return folder, written(folder, **CASES["normal"])


def read(folder) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def digests(folder) -> dict[str, str]:
    return {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in FILES}


def test_all_files_are_there(normal):
    folder, _ = normal
    found = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    pictures = ("samples/", "features/")
    assert [name for name in found if not name.startswith(pictures)] == ["features.csv", *FILES]


def test_the_same_results_give_the_same_bytes(normal, tmp_path):
    folder, _ = normal
    code = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); "
        "from synthetic_study import CASES, written; "
        "written(Path(sys.argv[1]), **CASES['normal'])"
    )
    here = str(__import__("synthetic_study").__file__).rpartition("/")[0]
    subprocess.run([sys.executable, "-c", code, str(tmp_path), here], check=True)
    assert digests(tmp_path) == digests(folder)


@pytest.mark.parametrize("case", ["normal", "strange"])
def test_nothing_is_loaded_from_anywhere(case, tmp_path):
    written(tmp_path, **CASES[case])
    page = read(tmp_path)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in page.tags}
    for tag, attributes in page.tags:
        for name in ("src", "href", "xlink:href", "srcset", "poster", "action"):
            if name in attributes:
                assert re.match(r"#|data:image/png;base64,", attributes[name]), (tag, attributes)
        assert not re.search(r"url\((?!#)", attributes.get("style") or "")
    style = (tmp_path / "index.html").read_text().split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    assert page.open == []


def test_accuracy_table_has_the_numbers_of_the_csv(normal):
    folder, results = normal
    rows = {row[0]: row for row in read(folder).rows}
    for record in results.tables["accuracy"].to_dict("records"):
        sets = record["features"].replace("+", " + ")
        made_of = f"{record['method']} on {sets}" if sets else record["method"]
        row = rows[record["run"] + made_of]
        low, high = record["test_ci_low"] * 100, record["test_ci_high"] * 100
        n = len(record["seeds"].split("+"))
        spread = f"± {record['test_seed_std'] * 100:.2f} (n = {n})" if n > 1 else ""
        tested = f"{record['test_accuracy'] * 100:.1f}\u202f%"
        assert row[2] == f"{tested}{low:.1f} to {high:.1f}{spread}"
        assert row[3] == f"{record['validation_accuracy'] * 100:.1f}\u202f%"
        assert row[4] == f"{record['train_accuracy'] * 100:.1f}\u202f%"
        gap = (record["train_accuracy"] - record["test_accuracy"]) * 100
        assert row[5] == f"{gap:.1f}"
        assert row[6] == f"{record['macro_f1']:.3f}"
        assert row[7] == f"{record['parameters']:,}"
        assert float(row[8].replace(",", "")) == pytest.approx(record["train_seconds"], rel=0.005)
        assert float(row[9]) == pytest.approx(record["predict_ms_per_image"], rel=0.005)
        assert row[10] == record["seeds"].replace("+", ", ")


def test_results_from_disk_give_the_same_page(study_folder):
    """Also where the only seed is 0, which comes back from the CSV as an integer."""
    results, images, ids = made_up(**CASES["tiny"])
    save_pictures(images, ids, results)
    write_report(results, {})
    before = digests(artefacts.STUDY)
    save_results(results)
    write_report(load_results(), {})
    assert digests(artefacts.STUDY) == before


def test_figures_say_what_the_tables_say(normal):
    folder, results = normal
    svg = (folder / "figures" / "accuracy.svg").read_text(encoding="utf-8")
    for row in results.tables["accuracy"].itertuples():
        assert f">{row.run}<" in svg
        assert f"{row.family} · {row.test_accuracy * 100:.1f}\u202f%<" in svg
    counts = matrices.confusion_matrices(results)[0]
    table = results.tables["confusion"]
    part = table[table["run"] == counts.run]
    assert counts.counts.ravel().tolist() == part["count"].tolist()
    assert np.allclose(counts.shares.sum(axis=1), 1)


def test_best_epoch_is_taken_from_the_card(normal):
    _, results = normal
    found = {curve.run: curve for curve in curves.learning_curves(results)}
    table = results.tables["learning_curves"]
    kept = table[(table["run"] == "vgg16_transfer") & (table["x"] == 9)]
    value = kept[(kept["split"] == "validation") & (kept["metric"] == "accuracy")]["value"].item()
    assert found["vgg16_transfer"].best == ((9.0, value),)
    assert "best epoch 9" in found["vgg16_transfer"].words
    assert found["hog_linear"].best == ()
    assert found["hog_linear"].x_kind == "images"
    assert len(found["lenet5"].best) == 3
    assert {line.split for line in found["lenet5"].lines} == {"train", "validation"}


def test_order_of_the_page(normal):
    folder, _ = normal
    page = read(folder)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    titles = ["Accuracy", "Train against test", "Tuning", "Learning curves", "Confusion matrices",
              "What the features see", "Images, and what each run said", "Most and least sure",
              "What was run on what", "What was not run", "How to repeat it",
              "How to read the intervals"]  # fmt: skip
    html = (folder / "index.html").read_text(encoding="utf-8")
    places = [html.index(f">{title}</h2>") for title in titles]
    assert places == sorted(places)


def test_everything_has_words(normal):
    folder, _ = normal
    page = read(folder)
    assert all(a.get("alt") for tag, a in page.tags if tag == "img")
    assert all(a.get("aria-label") for _, a in page.tags if a.get("role") in ("img", "region"))
    tables = [tag for tag, _ in page.tags if tag == "table"]
    assert len(tables) == len([tag for tag, _ in page.tags if tag == "caption"])
    drawings = [a for tag, a in page.tags if tag == "svg"]
    assert all(a.get("aria-hidden") == "true" for a in drawings)
    assert len(drawings) == len([a for _, a in page.tags if a.get("role") == "img"])


def test_ids_are_unique_and_used_ones_exist(normal):
    folder, _ = normal
    page = read(folder)
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    html = (folder / "index.html").read_text(encoding="utf-8")
    for target in re.findall(r"(?:url\(#|href=\"#)([\w-]+)", html):
        assert target in ids


def test_samples_tell_right_from_wrong_without_colour(normal):
    folder, results = normal
    page, table = read(folder), results.tables["samples"]
    cells = " ".join(cell for row in page.rows for cell in row)
    assert cells.count("✓right:") == table["correct"].sum()
    assert cells.count("✗wrong:") == (~table["correct"]).sum()
    pictures = [a["src"] for tag, a in page.tags if tag == "img"]
    sure, drawn = results.tables["certainty"], load_feature_pictures(folder)
    assert table["id"].nunique() == 12
    assert len(pictures) == 12 + len(sure) + len(drawn)
    shown = {base64.b64decode(picture.partition(",")[2]) for picture in pictures}
    for path in (*table["image"], *sure["image"], *drawn["image"]):
        assert (folder / path).read_bytes() in shown


def test_what_was_run_on_what(normal):
    folder, results = normal
    text = re.sub(r"\s+", " ", read(folder).text)
    for fact in (results.study["dataset"]["sha256"], "800 training, 200 validation, 400 test",
                 "airplane, automobile, bird", "epochs = 15", "best epoch: 9",
                 "feature sets: hog (method: hog, cell: 8), color (method: color_histogram",
                 "Some Processor 2.50GHz (2 cores)", "keras 3.11 on tensorflow 2.20",
                 "numpy 2.4.6", "needs a GPU: about nine hours", "dvc repro"):  # fmt: skip
        assert fact in text


def test_strange_names_are_shown_as_they_are(tmp_path):
    written(tmp_path, **CASES["strange"])
    page = read(tmp_path)
    assert not [tag for tag, _ in page.tags if tag in ("b", "i")]
    for name in (STRANGE, "сеть_神経網", "猫", "<i>&amp;\"'", "$a_b$", "كلب", "<script>"):
        assert name in page.text
    root = ET.fromstring((tmp_path / "figures" / "accuracy.svg").read_text(encoding="utf-8"))
    drawn = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert STRANGE in drawn
    assert "сеть_神経網" in drawn
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    assert "<script>" not in summary
    assert r"a &lt;b\>&" in summary
    columns = [
        len(re.findall(r"(?<!\\)\|", line)) for line in summary.splitlines() if line[:1] == "|"
    ]
    assert set(columns) == {13, 6, 4}


def test_the_spread_over_seeds_stands_beside_the_interval_and_is_explained(normal):
    folder, results = normal
    std = results.tables["accuracy"].set_index("run").loc["lenet5", "test_seed_std"]
    text = f"± {std * 100:.2f} (n = 3)"
    for words in (read(folder).text, (folder / "summary.md").read_text(encoding="utf-8")):
        assert text in words
        assert words.count("(n = ") == 1
        assert "sample standard deviation" in re.sub(r"\s+", " ", words)
    tested = [each["test"] for each in results.study["accuracy_by_seed"]["lenet5"].values()]
    one, two, three = (f"{share * 100:.1f}" for share in tested)
    assert f"test accuracy {one}, {two} and {three}\u202f%" in read(folder).text
    assert "over seeds" in headline(results)


def test_one_seed_each_has_no_column_of_spreads(tmp_path):
    results, _, _ = made_up(**CASES["tiny"])
    assert "over seeds" not in headline(results)
    assert "±" not in summary(results)


@pytest.fixture(scope="module")
def roster(tmp_path_factory):
    folder = tmp_path_factory.mktemp("roster")
    results, images, ids = made_up(**CASES["roster"])
    save_pictures(images, ids, results, folder)
    return results, write_page(results, {}, folder), summary(results)


def test_two_dozen_runs(roster):
    results, text, _ = roster
    page = Page(text)
    words = [a["aria-label"] for _, a in page.tags if a.get("role") == "img"]
    assert len([w for w in words if w.startswith("Learning")]) == len(ROSTER)
    assert len([w for w in words if "networks, errors by epoch" in w]) == 2
    assert len(text) < 8_000_000
    assert page.open == []
    assert len(results.metrics) == len(ROSTER)


def test_names_may_break_behind_an_underscore_and_stay_whole_as_text(roster):
    _, text, _ = roster
    assert "hog_<wbr>color_<wbr>patches_<wbr>mirrored<" in text
    assert "hog_color_patches_mirrored" in Page(text).text
    assert str(breakable("a_b <i>_c &lt_d")) == "a_<wbr>b &lt;i&gt;_c &amp;lt_<wbr>d"


def test_what_was_not_run_has_no_number(roster):
    _, text, words = roster
    page = Page(text)
    for name, reason in GPU_RECIPES.items():
        assert [name, "not run", reason] in page.rows
        assert f"| {name} | not run | {reason} |" in words
        assert page.text.count(name) >= 3  # in the verdict, at the table, and in the section


def test_networks_say_how_they_were_trained_and_checked(roster):
    _, text, _ = roster
    row = next(" ".join(row) for row in Page(text).rows if row[0].startswith("residual56_narrow")
               and "epochs run" in row[1])  # fmt: skip
    row = re.sub(r"\s+", " ", row)
    for fact in ("depth = 56; residual = yes; width = 0.5", "epochs run: 15; best epoch: 14",
                 "seconds per epoch: 22.1; images per second: 2,250",
                 "learning rate: peak 0.091, last 0.001", "multiply-adds per image: 40.6 million",
                 "Checked before training", "first loss: 2.41, near ln(10)"):  # fmt: skip
        assert fact in row
    # what all networks have in common stands once
    assert text.count("plateau_patience = 5") == 1
    assert "plateau_patience" not in row


def test_a_figure_that_the_study_has_no_longer_goes(tmp_path):
    (tmp_path / "figures").mkdir()
    for name in ("depth.svg", "depth.png"):
        (tmp_path / "figures" / name).write_text("of an earlier study")
    written(tmp_path, **CASES["tiny"])
    assert not list((tmp_path / "figures").glob("depth.*"))


def test_sections_without_data_are_left_out(tmp_path):
    written(tmp_path, drawn=False, **CASES["tiny"])
    html = (tmp_path / "index.html").read_text(encoding="utf-8")
    for absent in ("tuning", "features", "depth"):
        assert f'id="{absent}"' not in html
        assert f"#{absent}" not in html
    for present in ("gap", "sure"):
        assert f'id="{present}"' in html
    assert "## Tuning" not in (tmp_path / "summary.md").read_text(encoding="utf-8")


def test_missing_feature_pictures_name_the_stage_that_draws_them(tmp_path):
    results, images, ids = made_up(**CASES["normal"])
    save_pictures(images, ids, results, tmp_path)
    table = drawn_features(tmp_path, images, results)
    (tmp_path / table["image"].iloc[-1]).unlink()
    with pytest.raises(StudyError, match="dvc repro illustrate"):
        write_report(results, {}, tmp_path, table)


def test_gaps_trials_and_certainty_have_the_numbers_of_the_tables(normal):
    folder, results = normal
    page = read(folder)
    rows = [" ".join(row) for row in page.rows]
    record = results.tables["accuracy"].set_index("run").loc["hog_color_rbf"]
    shares = [f"{record[f'{split}_accuracy'] * 100:.1f}\u202f%" for split in ("train", "test")]
    assert any(row.startswith(f"hog_color_rbf {shares[0]} {shares[1]}") for row in rows)
    assert any(re.match("5 2.5 0.25 400 70.0\u202f% 12.5", row) for row in rows)
    assert "8 trials on 400 training images" in page.text
    first = results.tables["certainty"].iloc[0]
    assert f"{first['confidence'] * 100:.1f}\u202f%" in page.text
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert "hog_color_rbf: 8 trials on 400 training images" in summary
    assert "color_linear gets" in summary


def test_summary_stands_on_its_own(normal):
    folder, results = normal
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    for row in results.tables["accuracy"].itertuples():
        line = next(
            x for x in summary.splitlines() if x.startswith(("| " + row.run, "| **" + row.run))
        )
        assert f"| {row.test_accuracy * 100:.1f}\u202f% |" in line
    assert "beats" in summary
    assert results.study["dataset"]["sha256"] in summary
    assert "| resnet20 | not run | needs a GPU" in summary
    assert summary.endswith("\n")
    assert "\n\n\n" not in summary


@pytest.mark.parametrize(("case", "panels"), [("tiny", 1), ("large", 6)])
def test_few_and_many_classes(case, panels, tmp_path):
    results = written(tmp_path, **CASES[case])
    page = read(tmp_path)
    words = [a["aria-label"] for _, a in page.tags if a.get("role") == "img"]
    assert len([w for w in words if w.startswith("Confusion")]) == panels
    assert (tmp_path / "index.html").stat().st_size < 2_000_000
    assert ("no network" in page.text) == (case == "tiny")
    assert f"{len(results.study['dataset']['class_names'])}: " in page.text


def test_forty_runs_of_sixty_letters(tmp_path):
    results, images, ids = made_up(**CASES["many"])
    assert max(map(len, results.metrics)) == 60
    save_pictures(images, ids, results, tmp_path)
    text = write_page(results, {}, tmp_path)
    parsed = Page(text)
    words = [a["aria-label"] for _, a in parsed.tags if a.get("role") == "img"]
    assert len([w for w in words if w.startswith("Learning")]) == 40
    assert len([w for w in words if w.startswith("Confusion")]) == matrices.MOST_RUNS
    assert re.search(r"the first 12 runs of the table; confusion.csv has all\s+40", parsed.text)
    assert len(text) < 2_000_000


def test_a_failure_leaves_the_last_report_whole(normal, tmp_path):
    _, results = normal
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    with pytest.raises(StudyError, match=r"samples.*dvc repro evaluate"):
        write_report(results, {}, tmp_path)
    assert {(tmp_path / name).read_text() for name in FILES} == {"old"}


def test_no_learning_curve_and_no_sample(tmp_path):
    results, _, _ = made_up(**CASES["tiny"])
    tables = dict(results.tables)
    for name in ("learning_curves", "certainty"):
        tables[name] = tables[name].iloc[:0]
    study = {**results.study, "samples": {"drawn": [], "disagreeing": []}}
    write_report(Results(tables, results.metrics, study), {}, tmp_path)
    assert "No run of this study has left a learning curve." in read(tmp_path).text


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_in_both_themes(root):
    css = (root / "pipeline" / "reporting" / "templates" / "page.css").read_text()
    themes = [
        dict(re.findall(r"--(\w+): (#\w{6});", block))
        for block in re.findall(r":root \{(.*?)\}", css, re.S)[:2]
    ]
    assert themes[0]["ink"] == figures.INK
    for theme in themes:
        for text in ("ink", "muted", "link"):
            assert contrast(theme[text], theme["paper"]) >= 4.5
        for colour in (*FAMILY_COLOURS.values(), *SHADES):
            assert contrast(colour, theme["paper"]) >= 3
