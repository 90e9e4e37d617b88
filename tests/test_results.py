"""What results/ says, recomputed from its rows, and how its pages look."""

import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from alexnet_lightning.plots.style import DPI
from alexnet_lightning.studies import document, tables
from alexnet_lightning.studies.document import page
from alexnet_lightning.studies.grid import grid
from alexnet_lightning.studies.plan import read_study
from alexnet_lightning.studies.rows import read
from alexnet_lightning.studies.tables import paired

RESULTS = Path(__file__).parents[1] / "results"
REPORTS = sorted(path.parent for path in RESULTS.glob("*/report.md"))
WIDTHS = {"desktop": 1280, "phone": 390}  # pixels


assert REPORTS


@pytest.mark.parametrize("folder", REPORTS, ids=lambda path: path.name)
def test_a_report_says_what_its_rows_do(folder: Path) -> None:
    study, evidence = read_study(folder / "study.yaml"), read(folder)
    text = (folder / "report.md").read_text()
    assert tables.results(study, evidence) in text
    assert tables.costs(study, evidence) in text
    assert not study.ladder or tables.ladder(study, evidence) in text
    assert not study.reach or tables.reach(study, evidence) in text
    for question in study.questions:
        assert document.answered(question, study, evidence) in text
    for part in document.layer_parts(study, evidence):
        assert part in text


@pytest.mark.parametrize("folder", REPORTS, ids=lambda path: path.name)
def test_its_errors_and_differences_are_scipys(folder: Path) -> None:
    study, evidence = read_study(folder / "study.yaml"), read(folder)
    text = (folder / "report.md").read_text()
    top1: dict[str, dict[int, float]] = defaultdict(dict)
    for row in evidence.runs:
        top1[row["variant"]][row["seed"]] = 100 * row["test/top1"]
    for values in top1.values():
        errors = 100 - np.array(list(values.values()))
        shown = f"{errors.mean():.2f}"
        if len(errors) > 1:
            half = stats.sem(errors) * stats.t.ppf(0.975, len(errors) - 1)
            shown += f" ± {half:.2f}"
        assert f"| {shown} % |" in text
    for question in study.questions:
        of, against = top1[question.of], top1[question.against]
        seeds = [seed for seed in of if seed in against]
        if len(seeds) > 1 and question.metric == "test/top1":
            both = [[side[seed] for seed in seeds] for side in (of, against)]
            interval = stats.ttest_rel(*both).confidence_interval(0.95)
            found = paired(of, against)
            assert found is not None and found.half is not None
            assert found.mean + found.half == pytest.approx(interval.high, abs=1e-6)
            shows = interval.low > 0 or interval.high < 0
            assert ("no difference shown" in document.answered(question, study, evidence)) != shows


@pytest.mark.parametrize("folder", REPORTS, ids=lambda path: path.name)
def test_5_nn_is_a_number_of_the_images_that_it_is_among(folder: Path) -> None:
    for row in read(folder).runs:
        for space in ("features", "penultimate"):
            if (accuracy := row.get(f"val/{space}_knn5")) is not None:
                right = accuracy * row["val/embedded_images"]
                assert right == pytest.approx(round(right), abs=1e-6)


@pytest.mark.parametrize("folder", REPORTS, ids=lambda path: path.name)
def test_every_run_of_a_study_has_its_row_and_its_figures_are_there(folder: Path) -> None:
    study, evidence = read_study(folder / "study.yaml"), read(folder)
    wanted = {(run.variant, run.seed) for run in grid(study)}
    assert {(row["variant"], row["seed"]) for row in evidence.runs} == wanted
    assert all(row["versions"] and row["git_commit"] for row in evidence.runs)
    for line in (folder / "report.md").read_text().splitlines():
        if line.startswith("!["):
            assert (folder / line.split("(")[-1].rstrip(")")).is_file()


def test_the_summary_quotes_the_reports() -> None:
    """What stands in bold in results/README.md stands in the report that its line links."""
    quoted = 0
    for line in (RESULTS / "README.md").read_text().replace("\n   ", " ").splitlines():
        links = re.findall(r"\]\((\w+)/report\.md\)", line)
        for words in re.findall(r"\*\*(.+?)\*\*", line):
            if not re.search(r"\d", words):
                continue
            reports = [(RESULTS / name / "report.md").read_text() for name in links]
            assert any(words in report for report in reports), f"{words}: not in {links}"
            quoted += 1
    assert quoted >= len(REPORTS)


@pytest.mark.slow
@pytest.mark.parametrize("folder", REPORTS, ids=lambda path: path.name)
def test_nothing_of_a_page_overflows(folder: Path, browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(page("Report", (folder / "report.md").read_text(), folder))
    tab = browser.new_page()
    try:
        tab.goto(path.as_uri())
        loaded = "[...document.images].every(image => image.complete && image.naturalWidth > 0)"
        assert tab.evaluate(loaded)
        for name, width in WIDTHS.items():
            tab.set_viewport_size({"width": width, "height": 900})
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
            wide = (
                "width => [...document.querySelectorAll('p, h1, h2, li, .figure, .table')]"
                ".filter(part => part.getBoundingClientRect().right > width + 0.5)"
                ".map(part => part.outerHTML.slice(0, 80))"
            )
            assert tab.evaluate(wide, width) == []
            cut = (
                "[...document.querySelectorAll('.table')].some(t => t.scrollWidth > t.clientWidth)"
            )
            assert name == "phone" or not tab.evaluate(cut), "the last column is cut"
            small = "Math.min(...[...document.images].map(i => i.width / i.naturalWidth))"
            assert tab.evaluate(small) * 11 * DPI / 72 > 9, "type of under 9 px"
    finally:
        tab.close()
