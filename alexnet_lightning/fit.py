"""Train, test and keep one experiment: python -m alexnet_lightning.fit --config configs/X.yaml."""

from alexnet_lightning.system import signals

if __name__ == "__main__":  # before the imports, which take seconds: a cluster may signal early
    signals.listen(signals.REQUEUE)

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from alexnet_lightning.cli.command import run_command
from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.cli.resume import check_resume, resume_flag
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.memory import keep_freed_memory
from alexnet_lightning.training import cluster, tracking
from alexnet_lightning.training.metrics_csv import MetricsCSV
from alexnet_lightning.training.run_folder import LAST, RunFolder
from alexnet_lightning.training.summary import best_figures, facts, run_table, test_figures


def fit(args: Sequence[str]) -> None:
    """Train what the command line describes; leave a run folder and print what came out.

    Raises:
        UserError: the configuration is wrong; nothing has been trained or written then.
        Stopped: a signal asked for it; `--resume` goes on from there.
    """
    cluster.check()
    earlier, args = resume_flag(args)
    trained = earlier is not None and (earlier.checkpoints / LAST).is_file()
    cli = ExperimentCLI(args, trained)
    if cli.config.trainer.fast_dev_run:  # a look whether it runs: leaves no trace
        trainer = cli.build_trainer(Path(), [], looking_on=False)
        trainer.fit(cli.model, datamodule=cli.datamodule)
        trainer.test(cli.model, datamodule=cli.datamodule, verbose=False)
        return

    earlier = earlier or cluster.restarted_run(Path(cli.config.runs_dir), cli.config.name)
    checkpoint = None if earlier is None else check_resume(earlier, cli)
    if earlier is not None and checkpoint == earlier.summary:
        return
    run, metrics, trainer = open_run(cli, earlier)
    try:
        train_and_test(cli, run, metrics, trainer, checkpoint)
    finally:
        run.unlock()


def train_and_test(
    cli: ExperimentCLI,
    run: RunFolder,
    metrics: MetricsCSV,
    trainer: Trainer,
    checkpoint: Path | None,
) -> None:
    """Train from a checkpoint or from the start, test the best weights, keep and print it all."""
    if trainer.strategy.root_device.type == "cpu":
        keep_freed_memory()
    tracker = cli.tracker(run)
    trainer.loggers = [metrics, *([tracker] if tracker else [])]
    if line := cluster.batch_line(trainer, cli.datamodule.batch_size):
        tracking.say(line)
    try:
        trainer.fit(cli.model, datamodule=cli.datamodule, ckpt_path=checkpoint, weights_only=True)
    except signals.Stopped as stop:
        tracking.close(tracker, {})
        if trainer.is_global_zero:
            cluster.after(stop, run.path)
        raise

    tested: dict[str, float] = {}
    if cli.config.test:
        # Not by `ckpt_path`: with EMAWeightAveraging it loads the weights before averaging.
        best: Any = trainer.checkpoint_callback
        cli.model.load_state_dict(run.weights(best.best_model_path))
        trainer.test(cli.model, datamodule=cli.datamodule, verbose=False)
        tested = test_figures(trainer)
    if trainer.is_global_zero:
        figures = best_figures(trainer, metrics) | tested | facts(trainer, cli.model)
        run.write_summary(figures)
        tracking.close(tracker, figures)
        print(run_table(figures, run.path))


def open_run(
    cli: ExperimentCLI, earlier: RunFolder | None
) -> tuple[RunFolder, MetricsCSV, Trainer]:
    """Return the run folder, its metrics.csv and the Trainer, or leave no new folder at all.

    All that can still go wrong with a configuration goes wrong here: the data cannot be had or
    read, Lightning refuses the flags.
    """
    root = Path(cli.config.runs_dir)
    run = earlier or RunFolder(root)  # rank zero writes, the others never do
    if tracking.is_rank_zero():
        if earlier is not None:
            earlier.lock()
        cli.datamodule.prepare_data()
        cli.datamodule.setup("fit")
        run = earlier or RunFolder.create(root, cli.config.name, cluster.job())
    metrics = MetricsCSV(run.path)
    try:
        trainer = cli.build_trainer(run.path, [metrics])
    except UserError:
        if earlier is None and tracking.is_rank_zero():
            run.discard()
        raise
    if tracking.is_rank_zero():
        run.write_config(cli.resolved())
    return run, metrics, trainer


if __name__ == "__main__":
    run_command(fit)
