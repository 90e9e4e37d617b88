"""Figures and pages that would say what is not so: a line says what is so instead."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.strangers.conftest import Case

CASES = [
    Case("report nowhere", r"^error: nowhere: no such folder, nor under runs; "),
    Case("report {run}/figures", r"^error: .*figures: no run here; give a run folder, "),
    Case("report {run} --wandb", r"^error: --wandb: .* is no study: W&B has its runs already"),
    Case("report latest", r"^runs/quick/\d+-\d+/report.html$", 0),
    Case("report quick --output page", r"^page/report.html$", 0),
    Case(
        "evaluate {unfinished}",
        r"^this run has not finished: .* epoch \d; .* fit --resume .*quick/\d",
        0,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_what_is_so_is_said(
    case: Case, ends: Callable[..., tuple[str, str]], own_run: Path
) -> None:
    if "{unfinished}" in case.command:
        (own_run / "summary.json").unlink()
    ends(case, run=own_run, unfinished=own_run)
    pages = [*own_run.parent.rglob("report*"), *Path().glob("page/*")]
    assert [path.name for path in pages] == ["report.html"] * (case.last.endswith("html$"))
