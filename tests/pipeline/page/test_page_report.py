"""The report as files: whole, self-contained, escaped, repeatable, and with the CSV's numbers."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import altair as alt
import numpy as np
import pytest
from altair.utils.schemapi import validate_jsonschema

import pipeline
from pipeline.analyses import tables as all_tables
from pipeline.analyses.accuracy.chart import draw as draw_accuracy
from pipeline.analyses.accuracy.view import view as accuracy
from pipeline.analyses.confusion import matrices
from pipeline.analyses.depth.chart import SHADES
from pipeline.analyses.learning_curves.view import MOST_PANELS
from pipeline.checks import StudyError
from pipeline.page.environment import TEMPLATES, breakable
from pipeline.page.formats import p_value, points
from pipeline.page.page import page as page_of
from pipeline.page.rendering import figure
from pipeline.page.report import write_report
from pipeline.page.study import StudyResults
from pipeline.page.summary import headline, summary
from pipeline.page.theme import FAMILY_COLORS, LIGHT, TONES
from pipeline.storage.paths import STUDY
from pipeline.storage.pictures import load_feature_pictures, load_network_pictures
from pipeline.storage.results import Results, accuracy_with_costs, save_results
from tests.pipeline.page.parsed_page import Page
from tests.pipeline.synthetic_study import (
    CASES,
    GPU_RECIPES,
    ROSTER,
    STRANGE,
    drawn_features,
    made_up,
    save_samples,
)

FIGURES = ("accuracy", "coverage", "agreement", "confusion", "corruption", "corruption_severity",
           "cost_parameters", "cost_predict_ms_per_image", "cost_train_seconds",
           "learning_by_epoch", "learning_by_images", "learning_rate_by_epoch", "loss_by_epoch",
           "network_lenet5", "network_vgg16_transfer", "networks_by_epoch", "pairwise",
           "per_class",
           "reliability_classical", "reliability_deep", "reliability_hybrid",
           "sample_size", "train_test")  # fmt: skip
ABLATIONS = ("ablation_kernel", "ablation_optimizer", "ablation_optimizer_accuracy",
             "ablation_optimizer_loss")  # fmt: skip
FILES = [*(f"figures/{name}.{kind}" for name in (*FIGURES, *ABLATIONS) for kind in ("png", "svg")),
         "index.html", "networks.csv", "summary.md"]  # fmt: skip


def read(folder) -> Page:
    return Page((folder / "index.html").read_text(encoding="utf-8"))


def test_all_files_are_there(normal):
    folder, _ = normal
    found = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    pictures = ("samples/", "features/", "networks/")
    others = [name for name in found if not name.startswith(pictures)]
    manifests = ["features.json", "networks.json", "report.json"]
    assert others == sorted(["features.csv", *manifests, *FILES])


def test_nothing_is_loaded_from_anywhere(normal, strange):
    folder, _ = normal
    beside = re.compile(
        r"#|data:image/(?:png|jpeg);base64,|(?:tables/|networks/)?[a-z_]+\.(csv|json)$|figures/[a-z0-9_]+\.(svg|png)$"
    )
    for text in ((folder / "index.html").read_text(encoding="utf-8"), strange[1]):
        page = Page(text)
        assert not {"link", "iframe", "object"} & {tag for tag, _ in page.tags}
        assert not [a for tag, a in page.tags if tag == "script" and "src" in a]
        for tag, attributes in page.tags:
            for name in ("src", "href", "xlink:href", "srcset", "poster", "action"):
                if name in attributes:
                    assert beside.match(attributes[name]), (tag, attributes)
            assert not re.search(r"url\((?!#)", attributes.get("style") or "")
        style = text.split("<style>")[1].split("</style>")[0]
        assert "url(" not in style
        assert "@import" not in style
        assert page.open == []


def hashed(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def test_the_policy_allows_the_scripts_and_the_style_of_the_page_by_their_hashes(normal, strange):
    folder, _ = normal
    for text in ((folder / "index.html").read_text(encoding="utf-8"), strange[1]):
        page = Page(text)
        policy = next(a for _, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
        styles = re.findall(r"<style>(.*?)</style>", text, re.S)
        scripts = [body for attributes, body in page.scripts if "type" not in attributes]
        assert (len(styles), len(scripts)) == (1, 3)
        assert policy["content"] == (
            "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
            f"style-src {hashed(styles[0])}; script-src {' '.join(map(hashed, scripts))}"
        )
        # What the policy would forbid is not there.
        assert not [a for _, a in page.tags if "style" in a or any(n[:2] == "on" for n in a)]
        bars = [a["data-bar"] for _, a in page.tags if "data-bar" in a]
        shares = {a["data-share"] for _, a in page.tags if "data-share" in a}
        assert shares - {"0"}
        for number in bars:
            assert f'[data-bar="{number}"] {{ --at: 0.' in styles[0]
        for share in shares - {"0"}:
            assert f'[data-share="{share}"] {{ --share: ' in styles[0]


def test_files_that_the_page_names_are_there(normal):
    folder, results = normal
    for tag, attributes in read(folder).tags:
        target = attributes.get("href") or ""
        if tag == "a" and target.startswith(("figures/", "networks/")):
            assert (folder / target).exists()
        elif target.endswith(".csv"):
            assert target.removeprefix("tables/").removesuffix(".csv") in results.tables


def headed(page: Page, title: str) -> list[dict[str, str]]:
    """The rows of the first table with a column of this title, by the titles of its columns."""
    start = next(i for i, row in enumerate(page.rows) if title in row)
    head = page.rows[start]
    body = itertools.takewhile(
        lambda row: len(row) == len(head) and row[0] != "Run", page.rows[start + 1 :]
    )
    return [dict(zip(head, row, strict=True)) for row in body]


def shown(share: float) -> str:
    return f"{share * 100:.1f}%"


def test_accuracy_table_has_the_numbers_of_the_csv(normal):
    folder, results = normal
    rows = {row["Run"]: row for row in headed(read(folder), "Macro-F1")}
    assert len(rows) == len(results.tables["accuracy"])
    for record in accuracy_with_costs(results).to_dict("records"):
        sets = record["features"].replace("+", " + ")
        made_of = f"{record['method']} on {sets}" if sets else record["method"]
        row = rows[record["run"] + made_of]
        low, high = record["test_ci_low"] * 100, record["test_ci_high"] * 100
        n = len(record["seeds"].split("+"))
        spread = f"± {record['test_seed_std'] * 100:.2f} (n = {n})" if n > 1 else ""
        tested = f"{shown(record['test_accuracy'])}{low:.1f} to {high:.1f}{spread}"
        assert row["Test accuracy95% interval"] == tested
        for title, column in (("Top 2", "test_top2_accuracy"),
                              ("Without duplicates", "test_accuracy_unique"),
                              ("Validation", "validation_accuracy"),
                              ("Train", "train_accuracy")):  # fmt: skip
            assert row[title] == shown(record[column])
        gap = (record["train_accuracy"] - record["test_accuracy"]) * 100
        assert row["Train \u2212\u00a0testpoints"] == f"{gap:.1f}"
        ends = f"{record['macro_f1_ci_low']:.3f} to {record['macro_f1_ci_high']:.3f}"
        assert row["Macro-F1"] == f"{record['macro_f1']:.3f}{ends}"
        assert row["Parameters"] == f"{record['parameters']:,}"
        seconds = float(row["Trainings"].replace(",", ""))
        assert seconds == pytest.approx(record["train_seconds"], rel=0.005)
        milliseconds = float(row["Predictionms per image"])
        assert milliseconds == pytest.approx(record["predict_ms_per_image"], rel=0.005)


def test_tables_of_runs_and_pairs_have_the_numbers_of_the_csv(normal):
    folder, results = normal
    page = read(folder)
    pairs = headed(page, "p (Holm)")
    for row, record in zip(pairs, results.tables["pairwise"].to_dict("records"), strict=True):
        assert (row["First run"], row["Second run"]) == (record["run_a"], record["run_b"])
        interval = f"{points(record['ci_low'])} to {points(record['ci_high'])}"
        assert row["Differencepoints"] == f"{points(record['difference'])}{interval}"
        assert row["Only first correct"] == f"{record['only_a_right']:,}"
        assert row["p (Holm)"] == p_value(record["p_holm"])
        assert row["Significant"] == ("yes" if record["holds"] else "no")
    calibrated = results.tables["calibration"].set_index("run")
    rows = headed(page, "Temperature")
    assert len(rows) == len(calibrated)
    for row in rows:
        record = calibrated.loc[row["Run"]]
        assert row["Calibration error, beforepoints"].startswith(points(record["ece_before"]))
        assert row["Calibration error, afterpoints"].startswith(points(record["ece_after"]))
        assert float(row["Temperature"]) == pytest.approx(record["temperature"], rel=0.005)
    corrupted = results.tables["corruption"]
    rows = headed(page, "Corrupted")
    assert len(rows) == 2
    for row in rows:
        mine = corrupted[corrupted["run"] == row["Run"]]
        clean = mine.loc[mine["severity"] == 0, "accuracy"].item()
        mean = mine.loc[mine["severity"] > 0, "accuracy"].mean()
        assert row["Clean"] == shown(clean)
        assert row["Corrupted"] == shown(mean)
        assert row["Lostpoints"].startswith(points(clean - mean))
        assert row["Images"] == "200"
    rows = headed(page, "Combination")
    for row, record in zip(rows, results.tables["combinations"].to_dict("records"), strict=True):
        assert row["Test accuracy95% interval"].startswith(shown(record["accuracy"]))


def test_test_time_augmentation_has_a_table_of_its_own(normal, tiny):
    folder, results = normal
    record = results.tables["accuracy"].set_index("run").loc["vgg16_transfer"]
    assert record["tta_test_accuracy"] != record["test_accuracy"]
    (row,) = headed(read(folder), "Test accuracy with it")
    assert (row["Run"], row["Views"]) == ("vgg16_transfer", "mirror_shift")
    assert row["Test accuracy"].startswith(shown(record["test_accuracy"]))
    assert row["Test accuracy with it"].startswith(shown(record["tta_test_accuracy"]))
    low, high = record["tta_difference_ci_low"], record["tta_difference_ci_high"]
    ends = f"{points(low)} to {points(high)}"
    assert row["Differencepoints"] == f"{points(record['tta_difference'])}{ends}"
    assert row["p"] == p_value(record["tta_p_value"])
    assert row["Predictionms per image"] == "0.123"
    assert row["Prediction with itms per image"] == "0.740"
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert f"| vgg16_transfer | mirror_shift | {shown(record['test_accuracy'])} (" in summary
    assert headline(results).count("mirror_shift") == 0
    assert "test-time augmentation" not in read(tiny[0]).text


def test_confusion_tables_have_the_numbers_of_the_csv(normal):
    folder, results = normal
    counted = results.tables["confusion"].set_index(["run", "actual", "predicted"])["count"]
    page = read(folder)
    names = results.study["dataset"]["class_names"]
    heads = [i for i, row in enumerate(page.rows) if row[1:] == list(names)]
    assert len(heads) == len(results.tables["accuracy"])
    best = set(results.study["families_best"].values())
    runs = list(results.tables["accuracy"]["run"])
    order = [r for r in runs if r in best] + [r for r in runs if r not in best]
    for run, start in zip(order, heads, strict=True):
        for row in page.rows[start + 1 : start + 1 + len(names)]:
            for predicted, text in zip(names, row[1:], strict=True):
                assert int(text.strip() or 0) == counted[run, row[0], predicted]


def test_images_stand_behind_the_cells(normal):
    folder, results = normal
    page = read(folder)
    (stored,) = [json.loads(t) for a, t in page.scripts if a.get("id") == "behind-cells"]
    table = results.tables["confusion_images"]
    names = results.study["dataset"]["class_names"]
    assert len(stored["images"]) == table["image"].nunique()
    for (run, actual, predicted), part in table.groupby(["run", "actual", "predicted"]):
        key = f"{names.index(actual)}-{names.index(predicted)}"
        held = [base64.b64decode(stored["images"][n].partition(",")[2])
                for n in stored["cells"][run][key]]  # fmt: skip
        assert held == [(folder / path).read_bytes() for path in part.sort_values("rank")["image"]]
    buttons = [a for tag, a in page.tags if tag == "button" and "data-cell" in a]
    assert len(buttons) == len(table.groupby(["run", "actual", "predicted"]))


def test_numbers_of_charts_are_those_of_the_tables(normal):
    """All numbers of a chart's data that are said to be a column of a table occur in it."""
    folder, results = normal
    specs = {a["data-spec"]: json.loads(t) for a, t in read(folder).scripts if "data-spec" in a}
    for name, table, columns in (
        ("pairwise", "pairwise", ["difference", "ci_low", "ci_high", "p_holm"]),
        ("agreement", "agreement", ["agreement", "kappa", "oracle"]),
        ("per_class", "per_class", ["precision", "recall", "f1"]),
        ("reliability_deep", "reliability", ["confidence", "accuracy", "n"]),
    ):
        rows = [r for data in specs[name]["datasets"].values() for r in data if columns[0] in r]
        assert len(rows) >= 2
        for column in columns:
            known = {float(f"{value:.6g}") for value in results.tables[table][column].dropna()}
            found = {row[column] for row in rows if column in row and row.get("n", 1)}
            assert found - {0, 1} <= known, (name, column)


def test_the_same_results_give_the_same_bytes(study_folder):
    """Also in another process, and read from the disk, where the only seed 0 is an integer."""
    results, images, ids = made_up(**CASES["tiny"])
    save_samples(results, images, ids, STUDY)
    write_report(StudyResults(results))
    kept = {p: p.read_bytes() for p in STUDY.rglob("*") if p.is_file()}
    save_results(results, all_tables.tables())
    code = (
        "from pipeline.analyses.tables import load_results\n"
        "from pipeline.page.report import write_report\n"
        "from pipeline.page.study import StudyResults\n"
        "write_report(StudyResults(load_results()))"
    )
    checkout = str(Path(pipeline.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": checkout}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    assert {p: p.read_bytes() for p in kept} == kept


def test_every_chart_of_a_page_is_valid_vega_lite(normal):
    """The report itself leaves out this check, which takes a fifth of its time."""
    folder, _ = normal
    specs = [json.loads(body) for _, body in read(folder).scripts if body.startswith("{")]
    charts = [spec for spec in specs if "$schema" in spec]
    schema = alt.load_schema()
    for chart in charts:
        validate_jsonschema(chart, schema)
    assert len(charts) >= 20


def test_figures_say_what_the_tables_say(normal):
    folder, results = normal
    svg = (folder / "figures" / "accuracy.svg").read_text(encoding="utf-8")
    assert "var(--" not in svg
    for row in results.tables["accuracy"].itertuples():
        assert f">{row.run}<" in svg
    counts = matrices.confusion_matrices(StudyResults(results))[0]
    table = results.tables["confusion"]
    part = table[table["run"] == counts.run]
    assert counts.counts.ravel().tolist() == part["count"].tolist()
    assert np.allclose(counts.shares.sum(axis=1), 1)


def test_order_of_the_page(normal):
    folder, _ = normal
    page = read(folder)
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below - above <= 1 for above, below in itertools.pairwise(levels))
    titles = ["Accuracy", "Which run to use", "Near-duplicates", "Learning curves", "Overfitting",
              "Tuning", "Cost", "Significant differences", "Calibration", "Corrupted images",
              "Confusion", "What features see", "What networks see", "Hardest images",
              "Sample images", "Confidence", "Experimental setup", "Not run",
              "Reading the intervals"]  # fmt: skip
    html = (folder / "index.html").read_text(encoding="utf-8")
    places = [html.index(f">{title}</h2>") for title in titles]
    assert places == sorted(places)
    linked = [a["href"] for tag, a in page.tags if tag == "a"]
    headings = [f"#{a['id']}" for tag, a in page.tags if tag == "h2"]
    assert linked[1 : len(headings) + 1] == headings  # after the link that skips to the results


def test_everything_has_a_text_alternative(normal):
    folder, _ = normal
    page = read(folder)
    assert all(a.get("alt") for tag, a in page.tags if tag == "img")
    assert all(a.get("aria-label") for _, a in page.tags if a.get("role") in ("img", "region"))
    tables = [tag for tag, _ in page.tags if tag == "table"]
    assert len(tables) == len([tag for tag, _ in page.tags if tag == "caption"])
    drawings = [a for tag, a in page.tags if tag == "svg"]
    assert all(a.get("aria-hidden") == "true" for a in drawings)
    charts = [a for _, a in page.tags if "data-chart" in a]
    assert len(drawings) == len(charts) == len([s for a, s in page.scripts if "data-spec" in a])
    assert all(a["role"] == "img" and len(a["aria-label"]) > 30 for a in charts)
    heads = [a for tag, a in page.tags if tag == "th"]
    assert all(a.get("scope") in ("row", "col") for a in heads)


def test_ids_are_unique_and_used_ones_exist(normal):
    folder, _ = normal
    page = read(folder)
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    html = (folder / "index.html").read_text(encoding="utf-8")
    for target in re.findall(r"(?:url\(#|href=\"#)([\w-]+)", html):
        assert target in ids


def test_samples_tell_correct_from_wrong_without_color(normal):
    folder, results = normal
    page, table = read(folder), results.tables["samples"]
    cells = " ".join(cell for row in page.rows for cell in row)
    assert cells.count("✓correct:") == table["correct"].sum()
    assert cells.count("✗wrong:") == (~table["correct"]).sum()
    pictures = [a["src"] for tag, a in page.tags if tag == "img"]
    sure, drawn = results.tables["certainty"], load_feature_pictures(folder)
    hard = results.tables["errors"]
    assert table["id"].nunique() == 12
    seen = load_network_pictures(folder)  # in two tables, under five images each
    assert len(pictures) == 12 + len(sure) + len(drawn) + len(hard) + len(seen) + 2 * 5
    shown = {base64.b64decode(picture.partition(",")[2]) for picture in pictures}
    for path in (*table["image"], *sure["image"], *hard["image"], *drawn["image"]):
        assert (folder / path).read_bytes() in shown


def test_the_experimental_setup(normal):
    folder, results = normal
    text = re.sub(r"\s+", " ", read(folder).text)
    for fact in (results.study["dataset"]["sha256"], "800 training, 200 validation, 400 test",
                 "airplane, automobile, bird", "epochs = 15", "best epoch: 9",
                 "feature sets: hog (method: hog, cell: 8), color (method: color_histogram",
                 "Some Processor 2.50GHz (2 cores)", "keras 3.11 on tensorflow 2.20",
                 "numpy 2.4.6", "needs a GPU: about nine hours", "dvc repro"):  # fmt: skip
        assert fact in text


def test_strange_names_are_shown_as_they_are(strange):
    results, text = strange
    page = Page(text)
    bars = 2  # a bar in a cell is made of one <i> and one <b>, a run each
    assert [tag for tag, _ in page.tags].count("i") == bars
    assert [tag for tag, _ in page.tags].count("b") == bars
    for name in (STRANGE, "сеть_神経網", "猫", "<i>&amp;\"'", "$a_b$", "كلب", "<script>"):
        assert name in page.text
    drawing = figure(draw_accuracy(accuracy(StudyResults(results)))[0])
    root = ET.fromstring(drawing)
    drawn = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert STRANGE in drawn
    assert "сеть_神経網" in drawn
    words = summary(StudyResults(results))
    assert "<script>" not in words
    assert r"a &lt;b\>&" in words
    tables = re.findall(r"(?:^\|.*\n)+", words, re.MULTILINE)
    assert len(tables) == 3
    for table in tables:
        bars = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(bars) == 1, table


def test_an_address_in_the_summary_leads_to_its_page():
    results, _, _ = made_up(**CASES["tiny"])
    address = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    results.study["dataset"]["description"] = f"2 * 2 files of {address}, each with its MD5"
    assert rf"2 \* 2 files of <{address}>, each" in summary(StudyResults(results))


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
    assert f"test accuracy {one}, {two} and {three}%" in read(folder).text
    assert "over seeds" in headline(results)


def test_one_seed_each_has_no_column_of_spreads(tmp_path):
    results, _, _ = made_up(**CASES["tiny"])
    assert "over seeds" not in headline(results)
    assert "±" not in summary(StudyResults(results))


def test_two_dozen_runs(roster):
    results, text, _ = roster
    page = Page(text)
    words = [a["aria-label"] for _, a in page.tags if a.get("role") == "img"]
    charts = [a["data-chart"] for _, a in page.tags if "data-chart" in a]
    assert len({c.split("-")[1] for c in charts if "-" in c}) == MOST_PANELS < len(ROSTER)
    assert len([w for w in words if "networks, errors by epoch" in w]) == 2
    assert len(text) < 5_000_000
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
        assert page.text.count(name) >= 2  # at the table, and in the section
    assert "and 3 more." in page.text


def test_networks_say_how_they_were_trained_and_checked(roster):
    _, text, _ = roster
    row = next(" ".join(row) for row in Page(text).rows if row[0].startswith("residual56_narrow")
               and "epochs run" in row[1])  # fmt: skip
    row = re.sub(r"\s+", " ", row)
    for fact in ("depth = 56; residual = yes; width = 0.5", "epochs run: 15; best epoch: 14",
                 "seconds per epoch: 22.1; images per second: 2,250",
                 "learning rate: peak 0.091, last 0.001", "multiply-adds per image: 40.6 million",
                 "Checks before training", "first loss: 2.41, near ln(10)"):  # fmt: skip
        assert fact in row
    # what all networks have in common stands once
    assert text.count("plateau_patience = 5") == 1
    assert "plateau_patience" not in row


def test_a_figure_that_the_study_has_no_longer_goes(tiny):
    folder, results = tiny
    for name in ("depth_plain.svg", "depth_plain.png"):
        (folder / "figures" / name).write_text("of an earlier study")
    write_report(StudyResults(results, folder=folder))
    assert not list((folder / "figures").glob("depth*"))


def test_sections_without_data_are_left_out_and_named_with_the_edit(tiny):
    folder, _ = tiny
    html = (folder / "index.html").read_text(encoding="utf-8")
    absent = ("tuning", "features-seen", "depth", "cost", "pairwise", "agreement", "corruption")
    for name in absent:
        assert f'id="{name}"' not in html
        assert f'href="#{name}"' not in html
    for present in ("overfitting", "confidence", "calibration"):
        assert f'id="{present}"' in html
    text = re.sub(r"\s+", " ", read(folder).text)
    edits = {
        "Corrupted images": "name a run under corrupt in params.yaml",
        "Cost": "name a second run under classical or deep",
        "Significant differences": "name a second run under classical or deep",
        "What features see": "dvc repro illustrate",
        "A network": "under deep",
        "Tuning": "under tune",
        "Depth": "residual: false and true",
    }
    for part, edit in edits.items():
        assert re.search(f"{part}.{{0,99}}{re.escape(edit)}", text), part
    assert "A classical run name one" not in text
    assert "## Tuning" not in (folder / "summary.md").read_text(encoding="utf-8")
    assert not list((folder / "figures").glob("pairwise.*"))


def test_missing_feature_pictures_name_the_stage_that_draws_them(tmp_path):
    results, images, ids = made_up(**CASES["tiny"])
    save_samples(results, images, ids, tmp_path)
    table = drawn_features(tmp_path, images, results)
    (tmp_path / table["image"].iloc[-1]).unlink()
    with pytest.raises(StudyError, match="dvc repro illustrate"):
        write_report(StudyResults(results, folder=tmp_path, feature_pictures=table))


def test_gaps_trials_and_certainty_have_the_numbers_of_the_tables(normal):
    folder, results = normal
    page = read(folder)
    rows = [" ".join(row) for row in page.rows]
    record = results.tables["accuracy"].set_index("run").loc["hog_color_rbf"]
    shares = [f"{record[f'{split}_accuracy'] * 100:.1f}%" for split in ("train", "test")]
    assert any(row.startswith(f"hog_color_rbf {shares[0]} {shares[1]}") for row in rows)
    assert any(re.match("5 2.5 0.25 400 70.0% 12.5", row) for row in rows)
    assert "8 trials (2 stopped early) on 400 training images" in page.text
    first = results.tables["certainty"].iloc[0]
    assert f"{first['confidence'] * 100:.1f}%" in page.text
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    assert "hog_color_rbf: 8 trials (2 stopped early) on 400 training images" in summary
    assert "color_linear classifies" in summary


def test_summary_stands_on_its_own(normal):
    folder, results = normal
    summary = (folder / "summary.md").read_text(encoding="utf-8")
    for row in results.tables["accuracy"].itertuples():
        line = next(
            x for x in summary.splitlines() if x.startswith(("| " + row.run, "| **" + row.run))
        )
        assert f"| {row.test_accuracy * 100:.1f}% |" in line
    assert "beats" in summary
    assert results.study["dataset"]["sha256"] in summary
    assert "| resnet20 | not run | needs a GPU" in summary
    assert summary.endswith("\n")
    assert "\n\n\n" not in summary


def test_two_classes(tiny):
    folder, _ = tiny
    page = read(folder)
    assert len([a for tag, a in page.tags if "data-matrix" in a]) == 1
    assert "no network" in page.text
    assert "Top 2" not in page.text  # is 100% with two classes
    assert "2: cat, dog" in page.text


def test_a_hundred_classes(tmp_path):
    results, images, ids = made_up(**CASES["large"])
    save_samples(results, images, ids, tmp_path)
    text = page_of(StudyResults(results, folder=tmp_path))
    page = Page(text)
    charts = [a["data-chart"] for _, a in page.tags if "data-chart" in a]
    assert len([c for c in charts if c.startswith("confusion-")]) == 6
    assert "100: class 00, class 01" in page.text
    assert len(text) < 5_000_000


def test_twenty_runs_of_sixty_letters(tmp_path):
    results, images, ids = made_up(**CASES["many"])
    assert max(map(len, results.metrics)) == 60
    save_samples(results, images, ids, tmp_path)
    text = page_of(StudyResults(results, folder=tmp_path))
    parsed = Page(text)
    charts = [a["data-chart"] for _, a in parsed.tags if "data-chart" in a]
    assert len({c.split("-")[1] for c in charts if "-" in c}) == MOST_PANELS
    tables_ = [a for _, a in parsed.tags if "data-matrix" in a]
    assert len(tables_) == matrices.MOST_RUNS
    assert re.search(
        r"Only the first 12 runs of the table are shown; all 20 are in\s+confusion.csv", parsed.text
    )
    assert len(text) < 5_000_000


def test_a_failure_leaves_the_last_report_whole(normal, tmp_path):
    _, results = normal
    for name in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("old")
    with pytest.raises(StudyError, match=r"samples.*dvc repro evaluate"):
        write_report(StudyResults(results, folder=tmp_path))
    assert {(tmp_path / name).read_text() for name in FILES} == {"old"}


def test_no_learning_curve_and_no_sample(tmp_path):
    """Nor any other table that a study may lack."""
    results, _, _ = made_up(**CASES["tiny"])
    kept = (
        "accuracy",
        "cost",
        "per_class",
        "confusion",
        "tuning",
        "learning_curves",
        "certainty",
        "samples",
    )
    tables = {name: results.tables[name] for name in kept}
    for name in ("learning_curves", "certainty"):
        tables[name] = tables[name].iloc[:0]
    study = {**results.study, "samples": {"drawn": [], "disagreeing": []}}
    write_report(StudyResults(Results(tables, results.metrics, study), folder=tmp_path))
    text = read(tmp_path).text
    assert "which records their histories" in text
    assert "Calibration" in text.partition("No data for these parts")[2]


def luminance(color: str) -> float:
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def contrast(one: str, other: str) -> float:
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_contrast_in_both_themes():
    css = (TEMPLATES / "page.css").read_text()
    themes = [
        dict(re.findall(r"--([\w-]+): (#\w{6});", block))
        for block in re.findall(r"(?m)^:root(?:\[data-theme=\"dark\"\])? \{(.*?)\}", css, re.S)
    ]
    assert len(themes) == 2
    alone_on_the_page = {"raised", "link"}
    assert {f"var(--{n})": c for n, c in themes[0].items() if n not in alone_on_the_page} == LIGHT
    tones = [tone for each in TONES.values() for tone in each[1:]]
    for theme in themes:
        assert all(contrast(theme[tone[6:-1]], theme["paper"]) >= 3 for tone in tones)
        for text in ("ink", "muted", "link"):
            assert contrast(theme[text], theme["paper"]) >= 4.5
        for color in (*FAMILY_COLORS.values(), *SHADES):
            assert contrast(color, theme["paper"]) >= 3
