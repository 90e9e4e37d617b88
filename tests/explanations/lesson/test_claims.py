"""The page of claims: headings, links within the page, and cells that name their column."""

from pathlib import Path

from alexnet_lightning.explanations.lesson.claims import claims_html

CLAIMS = Path(__file__).parents[3] / "docs" / "claims.md"
PAGE = """# A title

[Five](reports.md) reports.

## Report 0

| claim | verdict | reason |
|---|---|---|
| *one* | **so** | [this](../results/residual/report.md) and [that](../x/dogs/report.md#a) |
| two | | <b>no tag</b> |
"""


def test_links_lead_to_studies_on_the_page_or_nowhere() -> None:
    html = claims_html(PAGE, {"residual"})
    assert html.count("<a ") == 1
    assert '<a href="#study-residual">this</a> and that</td>' in html
    assert "<p>Five reports.</p>" in html


def test_headings_follow_those_of_the_page() -> None:
    html = claims_html(PAGE, ())
    assert "<h3>Report 0</h3>" in html
    assert "A title" not in html


def test_a_cell_knows_its_column_and_holds_no_tags_of_the_text() -> None:
    html = claims_html(PAGE, ())
    assert '<td data-column="claim"><em>one</em></td>' in html
    assert '<td data-column="verdict"></td>' in html
    assert '<td data-column="reason">&lt;b&gt;no tag&lt;/b&gt;</td>' in html


def test_all_claims_are_there() -> None:
    text = CLAIMS.read_text()
    html = claims_html(text, {"residual"})
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert html.count("<tr>") == len(rows) > 30
    assert html.count("<table>") == html.count("<h3>") == text.count("\n## ")


def test_comments_are_left_out() -> None:
    html = claims_html("Of five, <!-- a figure -->3<!-- / --> are so.", ())
    assert html == "<p>Of five, 3 are so.</p>\n"
