"""What results/ says, recomputed from its rows, and how its pages look."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from alexnet_lightning.plots.style import DPI
from alexnet_lightning.report import report
from alexnet_lightning.studies import document, tables
from alexnet_lightning.studies.contrasts import Contrast, contrasts
from alexnet_lightning.studies.document import page
from alexnet_lightning.studies.grid import grid
from alexnet_lightning.studies.levels import values
from alexnet_lightning.studies.plan import read_study
from alexnet_lightning.studies.rows import Evidence, read

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
    assert not study.questions or tables.differences(study, evidence) in text
    assert not study.reach or tables.reach(study, evidence) in text
    for found in contrasts(study, evidence):
        assert document.answered(found, study) in text
    for part in document.layer_parts(study, evidence):
        assert part in text


@pytest.mark.parametrize("folder", REPORTS, ids=lambda path: path.name)
def test_its_errors_are_scipys(folder: Path) -> None:
    evidence, text = read(folder), (folder / "report.md").read_text()
    top1: dict[str, dict[int, float]] = defaultdict(dict)
    for row in evidence.runs:
        top1[row["variant"]][row["seed"]] = 100 * row["test/top1"]
    for of_seed in top1.values():
        errors = 100 - np.array(list(of_seed.values()))
        shown = f"{errors.mean():.2f}"
        if len(errors) > 1:
            half = stats.sem(errors) * stats.t.ppf(0.975, len(errors) - 1)
            shown += f" ± {half:.2f}"
        assert f"| {shown} %" in text


@pytest.mark.parametrize("declared", [False, True])
@pytest.mark.parametrize("folder", REPORTS, ids=lambda path: path.name)
def test_its_differences_are_scipys_and_holms(folder: Path, declared: bool) -> None:
    study, evidence = read_study(folder / "study.yaml"), read(folder)
    if declared:  # as if all questions were, for Holm's correction
        every = [replace(question, primary=True) for question in study.questions]
        study = replace(study, questions=every)
    raw = [by_scipy(found, evidence) for found in contrasts(study, evidence)]
    primary = [raw[i] for i, question in enumerate(study.questions) if question.primary]
    for found, of_scipy in zip(contrasts(study, evidence), raw, strict=True):
        if of_scipy is None:
            assert found.difference is None or found.difference.n == 1
            continue
        p, p_within, high = of_scipy
        assert found.difference is not None
        assert found.difference.mean + found.difference.half == pytest.approx(high, abs=1e-6)
        if found.question.primary:
            p = corrected(p, [each[0] if each else 1.0 for each in primary])
            p_within = corrected(p_within, [each[1] if each else 1.0 for each in primary])
        assert (found.p, found.p_within) == pytest.approx((p, p_within))
        assert ("undecided" in found.verdict) == (p >= 0.05 and p_within >= 0.05)


def by_scipy(found: Contrast, evidence: Evidence) -> tuple[float, float, float] | None:
    """Return p of difference and of equivalence and the interval's end; None for one seed."""
    of, against = (values(evidence, *side) for side in found.question.sides)
    apart = [of[seed] - against[seed] for seed in of if seed in against]
    if len(apart) < 2:
        return None
    margin = found.question.equivalence
    if len(set(apart)) == 1:  # at chance with every seed: scipy has no p
        return float(apart[0] == 0), float(margin is None or abs(apart[0]) >= margin), apart[0]
    test = stats.ttest_1samp(apart, 0)
    ends = [] if margin is None else [(-margin, "greater"), (margin, "less")]
    one_sided = [stats.ttest_1samp(apart, end, alternative=side).pvalue for end, side in ends]
    return test.pvalue, max(one_sided, default=1.0), test.confidence_interval(0.95).high


def corrected(p: float, family: Sequence[float]) -> float:
    """Return Holm's p: the largest of the smaller ones, each times the number not smaller."""
    steps = [each * sum(other >= each for other in family) for each in family if each <= p]
    return min(1.0, max(steps))


@pytest.mark.parametrize("folder", REPORTS, ids=lambda path: path.name)
def test_5_nn_is_a_number_of_the_images_that_it_is_among(folder: Path) -> None:
    for row in read(folder).runs:
        for space in ("features", "penultimate"):
            if (accuracy := row.get(f"val/{space}_knn5")) is not None:
                right = accuracy * row["val/embedded_images"]
                assert right == pytest.approx(round(right), abs=1e-6)


@pytest.mark.parametrize("folder", REPORTS, ids=lambda path: path.name)
def test_rows_are_of_the_study_and_figures_and_missing_runs_are_told(folder: Path) -> None:
    study, evidence = read_study(folder / "study.yaml"), read(folder)
    wanted = [(run.variant, run.seed) for run in grid(study)]
    rows = [(row["variant"], row["seed"]) for row in evidence.runs]
    assert rows == [run for run in wanted if run in rows]
    assert f"\n{len(rows)} of {len(wanted)} runs; " in (folder / "report.md").read_text()
    assert all(row["versions"] and row["git_commit"] for row in evidence.runs)
    for line in (folder / "report.md").read_text().splitlines():
        if line.startswith("!["):
            assert (folder / line.split("(")[-1].rstrip(")")).is_file()


def test_a_report_written_elsewhere_is_the_same_with_all_figures(tmp_path: Path) -> None:
    kept = RESULTS / "residual"  # with figures of runs that are gone
    report(kept, output=tmp_path / "there")
    assert (tmp_path / "there/report.md").read_bytes() == (kept / "report.md").read_bytes()
    for figure in kept.glob("figures/*.png"):
        assert (tmp_path / "there/figures" / figure.name).is_file(), figure.name


def test_the_summary_links_every_report() -> None:
    linked = re.findall(r"\]\((\w+)/report\.md\)", (RESULTS / "README.md").read_text())
    assert {*linked} == {folder.name for folder in REPORTS}


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
