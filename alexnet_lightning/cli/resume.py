"""`fit --resume RUN_DIR`: whether an earlier run can continue, and from which checkpoint."""

from argparse import ArgumentError, ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from lightning.pytorch.callbacks import EarlyStopping, Timer
from lightning.pytorch.callbacks.early_stopping import EarlyStoppingReason

from alexnet_lightning.cli.changes import check_changes, laid_out_schedule
from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data.identity import DataIdentity
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.checkpoints import load_weights, newest
from alexnet_lightning.training.own_variant import own_variant
from alexnet_lightning.training.rank_zero import say
from alexnet_lightning.training.recovery import cut_short, progress
from alexnet_lightning.training.run_folder import RunFolder, variant_of


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
    own_variant(run)
    return run, ["--config", str(run.config), *rest]


def check_resume(run: RunFolder, cli: ExperimentCLI) -> Resume:
    """Return how a run continues, having read and checked its newest checkpoint."""
    found = newest(run.checkpoints)
    if found is None:
        say(f"{run.path}: no checkpoint yet; it starts from the beginning")
        return Resume("start")
    path, checkpoint = found
    cli.trained_on = DataIdentity.of_checkpoint(checkpoint)
    check_changes(run, cli)
    check_model(path, checkpoint, cli)
    begun, trained = (progress(checkpoint)[count] for count in ("ready", "processed"))
    if run.summary.is_file() and (reason := ended_by(checkpoint, run, cli)):
        where = f"after epoch {trained}" if begun == trained else f"in epoch {begun}"
        say(f"{run.path} stopped {where} because {reason}")
        return Resume("finished")
    if cut := cut_short(checkpoint):
        check_cut(path, checkpoint, laid_out_schedule(cli))
    say(f"{run.path}: resuming after step {checkpoint['global_step']}, {path.name}")
    if cut:
        say(f"epoch {trained} was ended before its last batch: it goes on with {trained + 1}")
    cli.checkpoint_io.read = path, checkpoint  # the Trainer need not read it again
    return Resume("continue", path)


def check_cut(path: Path, checkpoint: dict[str, Any], schedule: str | None) -> None:
    """Raise a UserError if a run cannot go on after an epoch that ended before its last batch."""
    loop = checkpoint["loops"]["fit_loop"]
    if not loop["epoch_loop.val_loop.batch_progress"]["total"]["ready"]:
        raise UserError(  # as earlier versions wrote it at the end of a run's steps
            f"{path}: its epoch ended before the last batch and was not validated, so that it "
            "cannot go on; start a new run"
        )
    if schedule:
        raise UserError(
            f"{path}: its epoch ended before the last batch, and its {schedule} would not come to "
            "its end; start a new run"
        )


def ended_by(checkpoint: dict[str, Any], run: RunFolder, cli: ExperimentCLI) -> str | None:
    """Return what keeps a finished run from going on, and what to do; None if nothing does."""
    trainer, schedule = cli.config.trainer, laid_out_schedule(cli)
    longest = trainer.max_epochs
    if longest is None and trainer.max_steps == -1 and trainer.max_time is None:
        longest = 1000  # Lightning's default
    for key, limit, count in (
        ("trainer.max_epochs", longest, progress(checkpoint)["processed"]),
        ("trainer.max_steps", trainer.max_steps, checkpoint["global_step"]),
    ):
        if limit not in (None, -1) and count >= limit:
            if schedule:
                return f"--{key} was reached, where its {schedule} ends; start a new run for more"
            return f"--{key} was reached; resume it with a larger --{key}"
    states = checkpoint["callbacks"]
    timers = [("the duration of its Timer", each) for each in cli.callbacks]
    for key, timer in [*timers, ("--trainer.max_time", Timer(trainer.max_time))]:
        if isinstance(timer, Timer) and timer.state_key in states:
            timer.load_state_dict(states[timer.state_key])
            if (remaining := timer.time_remaining()) is not None and remaining <= 0:
                return f"{key} was reached; resume it with a larger one"
    if any(state.get("finished") for state in checkpoint["lr_schedulers"]):
        return "model.lr_scheduler had made its max_reductions; start a new run for more"
    for callback in cli.callbacks:
        state = states.get(callback.state_key, {})
        if isinstance(callback, EarlyStopping) and stays_stopped(callback, state):
            return (
                f"EarlyStopping on {callback.monitor} ended it; resume it with more patience, or "
                "without this callback"
            )
    stopped = run.read_summary().get("stopped_early") and "Timer" not in states
    if stopped and not any("patience" in state for state in states.values()) and cli.callbacks:
        names = ", ".join(type(callback).__name__ for callback in cli.callbacks)
        return f"a callback ended it (trainer.callbacks: {names}); resume it without that one"
    return None


def stays_stopped(callback: EarlyStopping, state: dict[str, Any]) -> bool:
    """Tell whether a callback with its settings of now would have stopped the run as well."""
    reasons = EarlyStoppingReason
    others = set(reasons) - {reasons.NOT_STOPPED, reasons.PATIENCE_EXHAUSTED}
    return (
        state.get("wait_count", 0) >= callback.patience
        or reasons(state.get("stopping_reason", 0)) in others
    )


def check_model(path: Path, checkpoint: dict[str, Any], cli: ExperimentCLI) -> None:
    """Raise a UserError if a checkpoint does not fit the model."""
    mine, theirs = type(cli.model).__name__, variant_of(checkpoint)
    if mine != theirs:
        raise UserError(
            f"{path} is of {theirs}, the configuration's model is {mine}; start a new run"
        )
    key = "current_model_state" if "current_model_state" in checkpoint else "state_dict"
    load_weights(cli.model, checkpoint, str(path), key)
