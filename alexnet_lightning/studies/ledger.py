"""The ledger: every run of a folder by date, its settings and its results."""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from alexnet_lightning.studies import tuning
from alexnet_lightning.studies.csv_rows import read_rows
from alexnet_lightning.studies.grid import ELSEWHERE, Run, differences, resolved, state_of
from alexnet_lightning.studies.rows import column
from alexnet_lightning.studies.tables import NONE, duration, table
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RUNS, RunFolder

FIGURES = {
    "train/loss": ".3f", "train/top1": ".2%", "val/loss": ".3f", "val/top1": ".2%",
    "test/loss": ".3f", "test/top1": ".2%", "parameters": ",.0f",
}  # fmt: skip
NO_DIFFERENCE = (*ELSEWHERE, "name", "seed_everything", "data.init_args.seed")
MAX_DIFFERENCES = 6


def ledger(folder: Path, bases: list[str] | None = None) -> str:
    """Return a line per run in folder/NAME/DATE, the oldest first, and which are not in it.

    Settings are compared with `bases`, or configs/NAME.yaml, or else the oldest run of the folder.

    Raises:
        UserError: there is no run in folder/NAME/DATE.
    """
    runs = sorted(folder.glob("*/*/config.yaml"), key=lambda path: path.parent.name)
    check_runs(folder, runs)
    compared: dict[str, Any] = {}  # by name of the runs
    rows, oldest, missing = [], None, elsewhere(folder)
    for path in runs:
        run, name = RunFolder(path.parent), path.parts[-3]
        try:
            config = yaml.safe_load(path.read_text(encoding="utf-8"))
            who = [run.name.replace("/", " "), str(config["seed_everything"])]
        except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
            missing.append(f"{run.name}, whose config.yaml is not one of `fit`")
            continue
        oldest = oldest or config
        if name not in compared:
            compared[name] = base_of(name, bases) or oldest
        metrics = read_rows(run.metrics) if run.metrics.is_file() else []
        summary = run.read_summary()
        training = {key: column(metrics, key)[-1:] for key in ("train/loss", "train/top1")}
        figures = summary | {key: last[0] for key, last in training.items() if last}
        shown = [(figures.get(key), form) for key, form in FIGURES.items()]
        cells = [NONE if value is None else f"{value:{form}}" for value, form in shown]
        cells.append(duration(summary["seconds"]) if "seconds" in summary else NONE)
        epochs = str(summary.get("epochs") or len(column(metrics, "val/loss")))
        if not bases:  # a study's are told by its base
            who.append(brief(config.get("model")))
        state = "diverged" if "diverged_at_step" in summary else state_of(run)
        rows.append([*who, changes(compared[name], config), state, epochs, *cells])
    names = [key.replace("/", " ").replace("top1", "top-1") for key in FIGURES]
    model = [] if bases else ["model"]
    header = ["run", "seed", *model, "differs by", "state", "epochs", *names, "time"]
    base = "the study's base" if bases else "configs/NAME.yaml as it is now"
    against = f"“Differs by” is from {base}; where that cannot be read, from the oldest run."
    missing = [f"Not in this table: {text}." for text in missing]
    return "\n\n".join([table(header, rows), against, *missing])


def check_runs(folder: Path, runs: list[Path]) -> None:
    """Raise a UserError that says what to name instead if a folder holds no runs as NAME/DATE."""
    if runs:
        return
    alone = "; ".join([f"{folder}: no run here", *elsewhere(folder)])
    wanted = f"give a run folder, a study, or a folder of runs, for example {RUNS}"
    raise UserError(f"{alone}; {wanted}")


def elsewhere(folder: Path) -> list[str]:
    """Return in words how many runs stand in a folder otherwise than as NAME/DATE, and where.

    A study's trials, which its report tells elsewhere, are none of them.
    """
    trials = folder / tuning.FOLDER if (folder / "study.yaml").is_file() else None
    deeper = sorted(folder.glob("*/*/*/config.yaml"))
    counts = Counter(path.parents[2] for path in deeper if path.parents[2] != trials)
    found = [f"{n} runs in {path}; `report {path}` shows them" for path, n in counts.items()]
    above = len(list(folder.glob("*/config.yaml")))
    return [*found, *([f"{above} runs directly in {folder}, without a NAME"] if above else [])]


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
    # As code: a page may break the lines of it anywhere.
    shown = " ".join(f"`{text.replace('`', '')}`" for text in found[:MAX_DIFFERENCES])
    return shown + (f" and {more} more" if more > 0 else "") or NONE


def brief(value: Any) -> str:
    """Return a value in short: of a class its name."""
    if isinstance(value, dict) and "class_path" in value:
        return str(value["class_path"]).rsplit(".", 1)[-1]
    if isinstance(value, list):
        return f"[{' '.join(map(brief, value))}]"
    return str(value).rsplit(".", 1)[-1] if str(value).startswith("alexnet_l") else str(value)
