"""`fit --resume RUN_DIR`: whether an earlier run can continue, and from which checkpoint."""

from argparse import ArgumentError, ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data.identity import DataIdentity
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.checkpoints import newest
from alexnet_lightning.training.optimization import needs_total_steps
from alexnet_lightning.training.run_folder import RunFolder, variant_of
from alexnet_lightning.training.tracking import say


class Resume(NamedTuple):
    """What there is to do for a run that has begun; "start" if it has no checkpoint yet."""

    state: Literal["start", "continue", "finished"]
    checkpoint: Path | None = None


def resume_flag(args: Sequence[str]) -> tuple[RunFolder | None, list[str]]:
    """Return the run that --resume names, and the command line of its own configuration."""
    parser = ArgumentParser(add_help=False, allow_abbrev=False, exit_on_error=False)
    parser.add_argument("--resume", action="append", default=[])
    try:
        options, rest = parser.parse_known_args(args)
    except ArgumentError:
        raise UserError("--resume: give a run folder, a config's name, or latest") from None
    named = options.resume
    if not named:
        return None, rest
    if len(named) > 1:
        raise UserError(f"--resume is given {len(named)} times: resume one run at a time")
    run = RunFolder.find(named[0])
    return run, ["--config", str(run.config), *rest]


def check_resume(run: RunFolder, cli: ExperimentCLI) -> Resume:
    """Return how a run continues, having read and checked its newest checkpoint."""
    found = newest(run.checkpoints)
    if found is None:
        say(f"{run.path}: no checkpoint yet; it starts from the beginning")
        return Resume("start")
    path, checkpoint = found
    cli.trained_on = DataIdentity.of_checkpoint(checkpoint)
    check_model(path, checkpoint, cli)
    epochs = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
    if run.summary.is_file() and done(run, cli.config.trainer.max_epochs):
        say(f"{run.path} is finished, after {epochs} epochs: raise --trainer.max_epochs to go on")
        return Resume("finished")
    say(f"{run.path}: resuming after step {checkpoint['global_step']}, {path.name}")
    cli.checkpoint_io.read = path, checkpoint  # the Trainer need not read it again
    return Resume("continue", path)


def done(run: RunFolder, epochs: int) -> bool:
    """Tell whether the run's summary says that it trained so many epochs, or stopped by itself."""
    summary = run.read_summary()
    return bool(summary.get("stopped_early", False) or summary["epochs"] >= epochs)


def check_model(path: Path, checkpoint: dict[str, Any], cli: ExperimentCLI) -> None:
    """Raise a UserError if a checkpoint does not fit the model or the schedule."""
    mine, theirs = type(cli.model).__name__, variant_of(checkpoint)
    if mine != theirs:
        raise UserError(
            f"{path} is of {theirs}, the configuration's model is {mine}; start a new run"
        )
    try:
        weights = checkpoint.get("current_model_state", checkpoint["state_dict"])
        cli.model.load_state_dict(weights)
    except RuntimeError as error:
        raise UserError(
            f"{path} does not fit the configuration's model: {one_line(error)}"
        ) from None
    schedule = cli.model.lr_scheduler
    if schedule is not None and needs_total_steps(schedule):
        before = checkpoint["max_epochs"]
        if before != cli.config.trainer.max_epochs:
            raise UserError(
                f"trainer.max_epochs: the run's schedule was laid out over {before} epochs and "
                "ends with them; start a new run for more"
            )
