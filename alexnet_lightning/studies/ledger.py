"""The ledger: every run of a folder by date, its settings and its results."""

from pathlib import Path
from typing import Any

import yaml

from alexnet_lightning.studies.grid import ELSEWHERE, Run, differences, resolved, state_of
from alexnet_lightning.studies.rows import column, read_rows
from alexnet_lightning.studies.tables import NONE, table
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder

FIGURES = {
    "train/loss": ".3f", "train/top1": ".2%", "val/loss": ".3f", "val/top1": ".2%",
    "test/loss": ".3f", "test/top1": ".2%", "parameters": ",.0f", "seconds": ".0f",
}  # fmt: skip
NO_DIFFERENCE = (*ELSEWHERE, "name", "seed_everything", "data.init_args.seed")
MAX_DIFFERENCES = 6


def ledger(folder: Path, bases: list[str] | None = None) -> str:
    """Return a line per run in folder/NAME/DATE, the oldest first.

    Settings are compared with `bases`, or configs/NAME.yaml, or the oldest run of the same name.
    """
    runs = sorted(folder.glob("*/*/config.yaml"), key=lambda path: path.parent.name)
    if not runs:
        raise UserError(f"{folder}: no run here; name a folder that holds NAME/DATE/config.yaml")
    compared: dict[str, Any] = {}  # by name of the runs
    rows = []
    for path in runs:
        run, name, config = RunFolder(path.parent), path.parts[-3], yaml.safe_load(path.read_text())
        if name not in compared:
            compared[name] = base_of(name, bases) or config
        metrics = read_rows(run.metrics) if run.metrics.is_file() else []
        summary = run.read_summary()
        training = {key: column(metrics, key)[-1:] for key in ("train/loss", "train/top1")}
        figures = summary | {key: last[0] for key, last in training.items() if last}
        shown = [(figures.get(key), form) for key, form in FIGURES.items()]
        cells = [NONE if value is None else f"{value:{form}}" for value, form in shown]
        epochs = str(summary.get("epochs") or len(column(metrics, "val/loss")))
        state = "diverged" if "diverged_at_step" in summary else state_of(run)
        who = [run.name.replace("/", " "), str(config["seed_everything"])]
        rows.append([*who, changes(compared[name], config), state, epochs, *cells])
    names = [key.replace("/", " ").replace("top1", "top-1") for key in FIGURES]
    return table(["run", "seed", "differs by", "state", "epochs", *names], rows)


def base_of(name: str, bases: list[str] | None) -> dict[str, Any] | None:
    """Return the configuration that runs of a name are compared with, if there is one."""
    files = bases or [f"configs/{name}.yaml"]
    try:
        return resolved(Run(name, 0, tuple(f"--config={path}" for path in files)), Path())
    except UserError:  # there is none, or it was written for an earlier version
        return None


def changes(base: dict[str, Any], config: dict[str, Any]) -> str:
    """Return the keys in which a run differs from its base, with the values of the run."""
    found = [
        f"{key.replace('.init_args', '')}={brief(value)}"
        for key, value in differences(base, config).items()
        if key not in NO_DIFFERENCE
    ]
    more = len(found) - MAX_DIFFERENCES
    return " ".join(found[:MAX_DIFFERENCES]) + (f" and {more} more" if more > 0 else "") or NONE


def brief(value: Any) -> str:
    """Return a value in short: of a class its name."""
    if isinstance(value, dict) and "class_path" in value:
        return str(value["class_path"]).rsplit(".", 1)[-1]
    if isinstance(value, list):
        return f"[{' '.join(map(brief, value))}]"
    return str(value).rsplit(".", 1)[-1] if str(value).startswith("alexnet_l") else str(value)
