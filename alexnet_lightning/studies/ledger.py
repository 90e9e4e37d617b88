"""The ledger: every run of a folder by date, what is different in it and what came out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from alexnet_lightning.studies.folder import ELSEWHERE, differences, state_of
from alexnet_lightning.studies.grid import Run, resolved
from alexnet_lightning.studies.rows import column, read_rows
from alexnet_lightning.studies.tables import NONE, table
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder

HEADER = (
    "run", "seed", "differs by", "state", "epochs",
    "train loss", "train top-1", "val loss", "val top-1", "test loss", "test top-1",
    "parameters", "seconds",
)  # fmt: skip
NO_DIFFERENCE = (*ELSEWHERE, "name", "seed_everything", "data.init_args.seed")
MAX_DIFFERENCES = 6


def ledger(folder: Path, bases: list[str] | None = None) -> str:
    """Return a line a run, the oldest first.

    Args:
        folder: holds runs as NAME/DATE.
        bases: configurations that all runs are held against; by default configs/NAME.yaml, or
            else the oldest run of the same name.

    Raises:
        UserError: there is no run.
    """
    runs = sorted(folder.glob("*/*/config.yaml"), key=lambda path: path.parent.name)
    if not runs:
        raise UserError(f"{folder}: no run here; name a folder that holds NAME/DATE/config.yaml")
    known: dict[str, Any] = {}
    return table(HEADER, [line(RunFolder(path.parent), bases, known) for path in runs])


def line(run: RunFolder, bases: list[str] | None, known: dict[str, Any]) -> list[str]:
    """Return the cells of a run; `known` keeps the configurations that runs are held against."""
    config = yaml.safe_load(run.config.read_text())
    name = run.path.parent.name
    if name not in known:
        known[name] = base_of(name, bases) or config
    metrics = read_rows(run.metrics) if run.metrics.is_file() else []
    summary = json.loads(run.summary.read_text()) if run.summary.is_file() else {}
    last = {key: column(metrics, key)[-1:] for key in ("train/loss", "train/top1")}
    figures = summary | {key: values[0] for key, values in last.items() if values}
    accuracies = ("train", "val", "test")
    cells = [
        text
        for split in accuracies
        for text in (
            number(figures.get(f"{split}/loss"), ".3f"),
            number(figures.get(f"{split}/top1"), ".2%"),
        )
    ]
    epochs = summary.get("epochs") or len(column(metrics, "val/loss"))
    return [
        f"{name} {run.path.name}",
        str(config["seed_everything"]),
        changes(known[name], config),
        state_of(run),
        str(epochs),
        *cells,
        number(summary.get("parameters"), ",.0f"),
        number(summary.get("seconds"), ".0f"),
    ]


def base_of(name: str, bases: list[str] | None) -> dict[str, Any] | None:
    """Return the resolved configuration that runs of a name are held against, if there is one."""
    files = bases or [f"configs/{name}.yaml"]
    if not all(Path(path).is_file() for path in files):
        return None
    try:
        return resolved(Run(name, 0, tuple(f"--config={path}" for path in files)), Path())
    except UserError:  # it is of an older time
        return None


def changes(base: dict[str, Any], config: dict[str, Any]) -> str:
    """Return the keys in which a run differs from its base, with its own values.

    Arguments that its classes do not have are left out.
    """
    found = [
        f"{key.replace('.init_args', '')}={brief(value)}"
        for key, (_, value) in differences(base, config).items()
        if key not in NO_DIFFERENCE and has(config, key)
    ]
    more = len(found) - MAX_DIFFERENCES
    return " ".join(found[:MAX_DIFFERENCES]) + (f" and {more} more" if more > 0 else "") or NONE


def has(config: Any, key: str) -> bool:
    """Tell whether a configuration has a dotted key, if only as null."""
    for name in key.split("."):
        if not isinstance(config, dict) or name not in config:
            return False
        config = config[name]
    return True


def brief(value: Any) -> str:
    """Return a value in a few words: of a class its name."""
    if isinstance(value, dict) and "class_path" in value:
        return str(value["class_path"]).rsplit(".", 1)[-1]
    if isinstance(value, list):
        return f"[{' '.join(map(brief, value))}]"
    return str(value).rsplit(".", 1)[-1] if str(value).startswith("alexnet_l") else str(value)


def number(value: float | None, form: str) -> str:
    """Return a figure, or a dash."""
    return NONE if value is None else f"{value:{form}}"
