"""Figures and pages that would say what is not so: a line says what is so instead."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.strangers.conftest import Case

CASES = [
    Case(
        "report {run}", r"^error: .*: this is one run; its figures are in .*figures; give a study"
    ),
    Case("report {run}/..", r"^error: .*: this holds runs of one configuration; give a study or a"),
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
    assert not list(own_run.parent.rglob("report*"))
