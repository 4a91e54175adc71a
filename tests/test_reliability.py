"""docs/reliability.md has a row for each test that it is made from."""

from tests.reliability import PAGE, marked_rows, page


def test_the_page_has_each_row_and_no_other(root):
    def rows(text: str) -> set[str]:
        """Rows without their last column, the number of trials."""
        return {line.rpartition(" | ")[0] for line in text.splitlines() if line.startswith("|")}

    expected = page(dict.fromkeys(marked_rows(root / "tests"), 1), {})
    assert rows(PAGE.read_text(encoding="utf-8")) == rows(expected), (
        "write it anew with: make reliability"
    )
