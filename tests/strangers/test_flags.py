"""Flags that are mistyped or out of range."""

from collections.abc import Callable

import pytest

from tests.strangers.conftest import Case

CASES = [
    Case(
        "fit --config {quick} --trainer.max_epoch 3",
        r"^error: .*--trainer\.max_epoch.*; did you mean --trainer\.max_epochs\?$",
    ),
    Case("fit --config {quick} --model.width wide", r"^error: model\.width: "),
    Case("evaluate nowhere", r"^error: .*nowhere"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_command_ends_in_one_line(case: Case, ends: Callable[..., tuple[str, str]]) -> None:
    ends(case)
