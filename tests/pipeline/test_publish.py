import pytest

from pipeline.checks import StudyError
from pipeline.publish import publish, refresh


def test_readme_is_rewritten_between_the_marks_alone(tmp_path):
    readme = tmp_path / "README.md"
    marks = "<!-- results of x: begin -->{}<!-- results of x: end -->"
    readme.write_text(f"before\n{marks.format('old')}\nafter\n", encoding="utf-8")
    for text in ("| new |\n", "| newer |"):
        refresh(readme, "x", text)
        expected = marks.format(f"\n{text.strip()}\n")
        assert readme.read_text(encoding="utf-8") == f"before\n{expected}\nafter\n"


@pytest.mark.parametrize("text", ["no marks", "<!-- results of x: begin --> and no end"])
def test_readme_without_both_marks_is_left_alone(tmp_path, text):
    readme = tmp_path / "README.md"
    readme.write_text(text, encoding="utf-8")
    refresh(readme, "x", "table")
    assert readme.read_text(encoding="utf-8") == text


def test_a_study_that_was_not_run_is_refused_before_anything_is_removed(tmp_path):
    kept = tmp_path / "reports" / "reference" / "x" / "summary.md"
    kept.parent.mkdir(parents=True)
    kept.write_text("of last time", encoding="utf-8")
    with pytest.raises(StudyError, match="run the study first"):
        publish(tmp_path / "workspaces" / "x", "x", tmp_path)
    assert kept.read_text(encoding="utf-8") == "of last time"
