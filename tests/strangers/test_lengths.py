"""How long a run is, how it goes on, and numbers out of range."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.strangers.conftest import Case

CYCLE = "--model.lr_scheduler OneCycleLR --model.lr_scheduler.max_lr 0.01"
COSINE = "--model.lr_scheduler WarmupCosine"
CASES = [
    Case(
        f"fit --config {{quick}} {CYCLE} --trainer.max_epochs -1 --trainer.max_time 00:00:00:20",
        r"^error: model\.lr_scheduler: .* neither trainer\.max_epochs nor trainer\.max_steps gives",
    ),
    Case(
        f"fit --config {{quick}} {COSINE} --trainer.limit_train_batches 0",
        r"^error: trainer\.limit_train_batches is 0: give a fraction above 0 to 1, or a number",
    ),
    Case(
        "fit --config {quick} --trainer.val_check_interval 1000",
        r"^error: trainer\.val_check_interval is 1000: an epoch has 6 batches; give a number from",
    ),
    Case(
        "fit --config {quick} --trainer.enable_checkpointing false",
        r"^error: trainer\.enable_checkpointing is false, but a run is tested and resumed from",
    ),
    Case(
        "fit --config {quick} --seed_everything 99999999999",
        r"^error: seed_everything is 99999999999: give a whole number from 0 to 4294967295$",
    ),
    Case(
        "fit --config {quick} --seed_everything false",
        r"^error: seed_everything is false: give a whole number from 0 to 4294967295$",
    ),
    Case(
        "fit --config {quick} --model.width 100000",
        r"^error: model: the network does not fit in memory; make it smaller$",
    ),
    Case("serve {run} --max_pixels 90", r"^error: --max_pixels is 90: give a number from 1 to 89$"),
    Case(
        "fit --resume {run}",
        r" stopped after epoch 2 because --trainer\.max_epochs was reached; resume it with",
        status=0,
    ),
    Case(
        "fit --resume {run} --data.batch_size 32",
        r"^error: data\.batch_size is 200 in .* and cannot become 32 on resuming: ",
    ),
    Case("fit --resume {run} --resume {run}", r"^error: --resume is given 2 times: "),
]


def test_a_limited_validation_says_of_how_many_images_it_is(
    ends: Callable[..., tuple[str, str]],
) -> None:
    flags = "--trainer.max_epochs 1 --trainer.limit_val_batches 1"
    out, _ = ends(Case(f"fit --config {{quick}} {flags}", "^run ", 0))
    (line,) = [line for line in out.splitlines() if line.startswith("val ")]
    assert line.endswith("of 150 images")  # the 300 in two batches alike


@pytest.mark.parametrize("case", CASES, ids=str)
def test_command_ends_in_one_line(
    case: Case, run: Path, ends: Callable[..., tuple[str, str]]
) -> None:
    ends(case, run=run)
