"""`fit --resume RUN_DIR`: what of an earlier run can go on, and from where."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch.utilities import rank_zero_warn

from alexnet_lightning.cli.command import CommandParser
from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.optimization import needs_total_steps
from alexnet_lightning.training.run_folder import LAST, RunFolder, variant_of
from alexnet_lightning.training.tracking import say


def resume_flag(args: Sequence[str]) -> tuple[RunFolder | None, list[str]]:
    """Return the run that --resume names, and the command line of its own configuration.

    Raises:
        UserError: the folder holds no run.
    """
    parser = CommandParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--resume", type=Path)
    options, rest = parser.parse_known_args(args)
    if options.resume is None:
        return None, rest
    run = RunFolder.find(options.resume)
    return run, ["--config", str(run.config), *rest]


def check_resume(run: RunFolder, cli: ExperimentCLI) -> Path | None:
    """Return the checkpoint to go on from; the summary if the run is finished; None if it has none.

    Raises:
        UserError: the checkpoint is of another model, or the schedule ends where the run did.
    """
    path = latest(run.checkpoints)
    if path is None:
        say(f"{run.path}: no checkpoint yet; it starts anew")
        return None
    checkpoint = torch.load(path, weights_only=True, map_location="cpu")
    check_model(path, checkpoint, cli)
    epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    wanted = cli.config.trainer.max_epochs
    if run.summary.is_file() and done(run, wanted):
        say(f"{run.path} is finished, after {epochs} epochs: raise --trainer.max_epochs to go on")
        return run.summary
    say(f"{run.path}: going on after step {checkpoint['global_step']}, {path.name}")
    return path


def latest(folder: Path) -> Path | None:
    """Return the newest checkpoint of a folder that can be read; None if there is none yet.

    Newer ones that are damaged are named in a warning.

    Raises:
        UserError: there are checkpoints, and all are damaged.
    """
    paths = [folder / LAST, *sorted(folder.glob("last-*.ckpt"), key=age)]
    for path in (damaged := [path for path in paths if path.is_file()]):
        try:
            torch.load(path, weights_only=True, map_location="cpu")
        except Exception as error:  # a damaged file can raise anything
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            rank_zero_warn(f"{path} is damaged ({reason}): going on from the one before it")
        else:
            return path
    if damaged:
        raise UserError(f"{folder}: no checkpoint here can be read; train anew")
    return None


def age(path: Path) -> int:
    """Return the number in last-1.ckpt."""
    return int(path.stem.removeprefix("last-"))


def done(run: RunFolder, epochs: int) -> bool:
    """Tell whether the run's summary says that it trained so many epochs, or stopped by itself."""
    summary = json.loads(run.summary.read_text())
    stopped: bool = summary.get("stopped_early", False)
    return stopped or bool(summary["epochs"] >= epochs)


def check_model(path: Path, checkpoint: dict[str, Any], cli: ExperimentCLI) -> None:
    """Raise a UserError if a checkpoint does not fit the model or the schedule."""
    mine, theirs = type(cli.model).__name__, variant_of(checkpoint)
    if mine != theirs:
        raise UserError(f"{path} is of {theirs}, the configuration's model is {mine}; train anew")
    try:
        weights = checkpoint.get("current_model_state", checkpoint["state_dict"])
        cli.model.load_state_dict(weights)
    except RuntimeError as error:
        reason = one_line(error)
        raise UserError(f"{path} does not fit the configuration's model: {reason}") from None
    schedule = cli.model.lr_scheduler
    if schedule is not None and needs_total_steps(schedule):
        before = checkpoint["max_epochs"]
        if before != cli.config.trainer.max_epochs:
            raise UserError(
                f"trainer.max_epochs: the run's schedule was laid out over {before} epochs and "
                "ends with them; train anew for more"
            )
