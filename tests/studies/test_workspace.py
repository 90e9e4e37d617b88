"""The panels of the W&B workspace, held against what a real offline run logged."""

import json
from pathlib import Path
from typing import Any

from alexnet_lightning.studies.workspace import workspace
from tests.training.trackers.test_wandb import inspect


def content(group: str | None = None) -> dict[str, Any]:
    """What W&B gets."""
    model = workspace("me", "project", "name", group)._to_model()
    return model.model_dump(by_alias=True, exclude_none=True)["spec"]["section"]


def panels(view: str) -> list[dict[str, Any]]:
    found = [
        panel["config"]
        for section in content()["panelBankConfig"]["sections"]
        for panel in section["panels"]
        if panel["viewType"] == view
    ]
    assert found, view
    return found


def test_its_panels_show_what_a_run_logs(run: Path) -> None:
    records = [json.loads(line) for line in inspect(run).splitlines()]
    rows = [record["history"]["item"] for record in records if record["type"] == "history"]
    summary = json.loads(inspect(run, "--summary"))["summary"]
    curves = panels("Run History Line Plot")
    for panel in curves:
        (figure,) = panel["metrics"]
        assert any({figure, panel["xAxis"]} <= set(row) for row in rows), figure
    for panel in panels("Bar Chart"):
        assert isinstance(summary[panel["metrics"][0]], int | float)
    for panel in panels("Media Browser"):
        (picture,) = panel["mediaKeys"]
        assert any(row.get(f"{picture}._type") == "images/separated" for row in rows), picture
    for column in content()["runSets"][0]["runFeed"]["columnOrder"]:
        kind, _, figure = column.partition(":")
        assert figure in summary if kind == "summary" else column == "run:displayName"
    logged = {key for row in rows for key in row if key.startswith(("train/", "val/"))}
    logged.remove("val/embedded_images")  # a number of images, the same in every epoch
    assert logged <= {panel["metrics"][0] for panel in curves}, "a figure is left out"


def test_runs_are_one_line_a_variant(run: Path) -> None:
    (runs,) = content("residual")["runSets"]
    assert runs["grouping"] == [{"section": "config", "name": "name.value"}]
    assert json.loads(inspect(run, "--summary"))["config"]["name"] == "quick"
    (filtered,) = runs["filters"]["filters"]
    assert filtered["key"] == {"section": "run", "name": "group"}
    assert (filtered["op"], filtered["value"]) == ("=", "residual")
    assert content()["runSets"][0]["filters"]["filters"] == []
