"""Train an experiment, test its best checkpoint and keep all figures in a run folder."""

from __future__ import annotations

from alexnet_lightning.system import signals

if __name__ == "__main__":  # before the imports, which take seconds: a cluster may signal early
    signals.listen(signals.REQUEUE)

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_lightning.cli.command import run_command
from alexnet_lightning.system.errors import UserError

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

    from alexnet_lightning.cli.experiment import ExperimentCLI, Training
    from alexnet_lightning.cli.resume import Resume
    from alexnet_lightning.training.run_folder import RunFolder


def fit(
    config: str | Path | Sequence[str | Path] = (),
    overrides: Mapping[str, Any] | None = None,
    resume: str | Path | None = None,
) -> dict[str, Any]:
    """Train an experiment, test its best checkpoint and keep all in runs/NAME/DATE.

    Args:
        config: YAML file, or several, each laid over those before it.
        overrides: flags of the command line and their values, as {"trainer.max_epochs": 3}.
        resume: run folder to continue in place of a new run; a config's name, or "latest".

    Returns:
        The figures of `summary.json` and "run", the run folder; empty after a fast_dev_run.

    Raises:
        UserError: the configuration is wrong; nothing has been trained or written then.
        DivergedError: the loss is not finite; the checkpoints from before are kept.
    """
    from alexnet_lightning.cli.config_files import as_flags

    files = [config] if isinstance(config, str | Path) else config
    if not isinstance(files, Sequence):
        raise UserError(f"config is {config!r}: give a YAML file, or a list of them")
    if not isinstance(overrides or {}, Mapping):
        raise UserError(f"overrides is {overrides!r}: give flags, as {{'trainer.max_epochs': 3}}")
    args = [f"--config={file}" for file in files] + as_flags(overrides or {})
    return experiment([f"--resume={resume}", *args] if resume else args)


def main(args: Sequence[str]) -> None:
    """Run the command line, and print what came out."""
    from alexnet_lightning.cli.help import show_page

    if not show_page(args):
        experiment(args)


def experiment(args: Sequence[str]) -> dict[str, Any]:
    """Train what a command line describes, print the table, and return the figures.

    After a signal it saves and raises Stopped; `--resume` continues from there.
    """
    from alexnet_lightning.cli.config_files import check_files

    check_files(args)  # a path that is mistyped is told before the slow imports
    from alexnet_lightning.cli.experiment import ExperimentCLI, listed
    from alexnet_lightning.cli.messages import in_one_line
    from alexnet_lightning.cli.ranges import check_ranges
    from alexnet_lightning.cli.resume import Resume, check_resume, resume_flag
    from alexnet_lightning.training import cluster, tracking
    from alexnet_lightning.training.run_folder import LAST

    cluster.check()
    earlier, args = resume_flag(args)
    cli = ExperimentCLI(args, earlier is not None and (earlier.checkpoints / LAST).is_file())
    check_ranges(cli.config.trainer)
    tracking.check_packages(listed(cli.config.trainer.logger))
    if cli.config.trainer.fast_dev_run:  # shows whether it runs, and leaves no trace
        trainer = cli.bare_trainer(Path())
        with in_one_line():
            trainer.fit(cli.model, datamodule=cli.datamodule)
        trainer.test(cli.model, datamodule=cli.datamodule, verbose=False)
        return {}

    earlier = earlier or cluster.restarted_run(Path(cli.config.runs_dir), cli.config.name)
    resume = Resume("start") if earlier is None else check_resume(earlier, cli)
    if earlier is not None and resume.state == "finished":
        return {**earlier.read_summary(), "run": str(earlier.path)}
    run, training = open_run(cli, earlier)
    try:
        return train_and_test(cli, run, training, resume)
    finally:
        run.unlock()


def train_and_test(
    cli: ExperimentCLI, run: RunFolder, training: Training, resume: Resume
) -> dict[str, Any]:
    """Train from a checkpoint or from the start, test the best weights, keep and print it all."""
    from alexnet_lightning.training import tracking

    trackers: list[Logger] = []
    try:
        trackers += cli.trackers(run)
        train(cli, training, trackers, resume)
        return finish(cli, run, training, trackers)
    except (UserError, signals.Stopped) as error:
        tracking.close(trackers, {})
        if training.trainer.is_global_zero:
            leave(run, resume, error)
        raise


def open_run(cli: ExperimentCLI, earlier: RunFolder | None) -> tuple[RunFolder, Training]:
    """Return the run folder and the training; on a mistake no new folder is left."""
    from alexnet_lightning.cli.checks import check_batches
    from alexnet_lightning.training import cluster
    from alexnet_lightning.training.rank_zero import is_rank_zero
    from alexnet_lightning.training.run_folder import RunFolder

    root = Path(cli.config.runs_dir)
    _ = cli.model
    run = earlier or RunFolder(root)  # rank zero writes, the others never do
    if is_rank_zero():
        if earlier is not None:
            earlier.lock()
        cli.datamodule.prepare_data()
        cli.datamodule.setup("fit")
        run = earlier or RunFolder.create(root, cli.config.name, cluster.job())
    try:
        training = cli.training(run)
        if is_rank_zero():
            check_batches(training.trainer, cli.datamodule)
    except BaseException:
        if earlier is None and is_rank_zero():
            run.discard()
        raise
    if earlier is None and is_rank_zero():
        run.write_config(cli.resolved)
    else:
        training.recovery.on_first_save = lambda: run.write_config(cli.resolved)
    return run, training


def train(
    cli: ExperimentCLI, training: Training, trackers: Sequence[Logger], resume: Resume
) -> None:
    """Train from a checkpoint or from the start."""
    from alexnet_lightning.cli.messages import in_one_line
    from alexnet_lightning.system.memory import keep_freed_memory
    from alexnet_lightning.training import cluster
    from alexnet_lightning.training.onlookers import looking_on
    from alexnet_lightning.training.rank_zero import say

    trainer = training.trainer
    if trainer.strategy.root_device.type == "cpu":
        keep_freed_memory()
    trainer.loggers = [training.metrics, *map(looking_on, trackers)]
    if line := cluster.batch_line(trainer, cli.datamodule.batch_size):
        say(line)
    if not cli.datamodule.has_validation:
        say("no images are held out: no epoch is chosen, the last one is tested")
    with in_one_line():
        trainer.fit(
            cli.model, datamodule=cli.datamodule, ckpt_path=resume.checkpoint, weights_only=True
        )


def leave(run: RunFolder, resume: Resume, error: UserError | signals.Stopped) -> None:
    """Say how a stopped run is resumed; take its folder back if nothing has been trained."""
    from alexnet_lightning.training import cluster
    from alexnet_lightning.training.divergence import DivergedError
    from alexnet_lightning.training.rank_zero import say

    begun = resume.state != "start" or any(run.checkpoints.rglob("[!.]*.ckpt"))
    if not begun and not isinstance(error, DivergedError):
        run.discard()
    if isinstance(error, signals.Stopped):
        if begun:
            cluster.after(error, run.path)
        else:
            say("stopped before the first step: nothing is kept")


def finish(
    cli: ExperimentCLI, run: RunFolder, training: Training, trackers: Sequence[Logger]
) -> dict[str, Any]:
    """Test the best weights, keep and print it all."""
    from alexnet_lightning.callbacks import MatrixRate
    from alexnet_lightning.training import tracking
    from alexnet_lightning.training.run_folder import BEST, LAST
    from alexnet_lightning.training.summary import best_figures, facts, run_table, test_figures

    trainer, metrics = training.trainer, training.metrics
    # The other ranks have no run folder, and know this one from the checkpoints.
    folder = Path(str(training.checkpoint.dirpath))
    path = folder / (BEST if training.checkpoint.best_model_path else LAST)
    best = run.read(str(path))
    figures: dict[str, Any] = {}
    if trainer.is_global_zero:  # the others log nothing
        figures = best_figures(path, best, metrics, training.checkpoint.monitor)
    if cli.config.test:
        # Not by `ckpt_path`: with EMAWeightAveraging it loads the weights before averaging.
        cli.model.load_state_dict(best["state_dict"])
        trainer.test(cli.model, datamodule=cli.datamodule, verbose=False)
        figures |= test_figures(trainer)
    if trainer.is_global_zero:
        rate = training.throughput.images_per_second
        figures |= facts(trainer, cli.model, training.recovery.seconds, rate)
        for callback in cli.callbacks:
            if isinstance(callback, MatrixRate):
                figures |= callback.figures
        if training.divergence.step:
            figures["diverged_at_step"] = training.divergence.step
        run.write_summary(figures)
        tracking.close(trackers, figures, path if cli.config.log_best else None)
        print(run_table(figures, run.path))
    return {**figures, "run": str(run.path)}


if __name__ == "__main__":
    run_command(main)
