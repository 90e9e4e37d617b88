"""A study's report for W&B: what would be sent, from the rows of a real study."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alexnet_lightning.report import main

RESULTS = Path(__file__).parents[2] / "results"
Outcome = Callable[..., tuple[int, str, str]]


@pytest.fixture
def study(in_tmp: Path) -> Path:
    """The rows of the study residual, in whose folder its report is made again."""
    return shutil.copytree(RESULTS / "residual", in_tmp / "runs" / "residual")


def written(path: Path) -> list[dict[str, Any]]:
    """The blocks of a report."""
    spec = json.loads(path.read_text())["spec"]
    blocks: list[dict[str, Any]] = (json.loads(spec) if isinstance(spec, str) else spec)["blocks"]
    return blocks


def test_without_a_login_it_is_a_file(study: Path, outcome: Outcome) -> None:
    status, out, err = outcome(main, "residual", "--wandb")
    assert (status, err) == (0, "")
    assert "wrote runs/residual/wandb.json; to save it in W&B: wandb login" in out
    blocks = written(study / "wandb.json")
    texts = [block["content"] for block in blocks if block["type"] == "markdown-block"]
    report = (study / "report.md").read_text()
    for heading in ("## Answers", "## Results", "## Every run"):
        assert heading in report
        assert sum(heading in text for text in texts) == 1
    assert "![" not in "".join(texts), "figures of this machine"
    (grid,) = [block["metadata"] for block in blocks if block["type"] == "panel-grid"]
    (runs,) = grid["runSets"]
    metrics = [panel["config"].get("metrics") for panel in grid["panelBankSectionConfig"]["panels"]]
    assert ["val/top1"] in metrics
    assert ["train/loss"] in metrics
    assert runs["grouping"] == [{"section": "config", "name": "name.value"}], "the variant"
    (group,) = runs["filters"]["filters"]
    assert (group["key"], group["value"]) == ({"section": "run", "name": "group"}, "residual")


def test_a_folder_of_runs_is_no_study(in_tmp: Path, outcome: Outcome) -> None:
    (in_tmp / "runs").mkdir()
    status, out, err = outcome(main, "runs", "--wandb")
    assert (status, out) == (2, "")
    assert err == "error: --wandb: runs is no study: W&B has its runs already\n"
