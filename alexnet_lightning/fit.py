"""Train, test and keep one experiment: python -m alexnet_lightning.fit --config configs/X.yaml."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import Trainer

from alexnet_lightning import tracking
from alexnet_lightning.cli import ExperimentCLI
from alexnet_lightning.command import run_command
from alexnet_lightning.errors import UserError
from alexnet_lightning.metrics_csv import MetricsCSV
from alexnet_lightning.run import RunFolder
from alexnet_lightning.summary import best_figures, facts, run_table, test_figures


def fit(args: Sequence[str]) -> None:
    """Train what the command line describes; leave a run folder and print what came out.

    Raises:
        UserError: the configuration is wrong; nothing has been trained or written then.
    """
    cli = ExperimentCLI(args)
    if cli.config.trainer.fast_dev_run:  # a look whether it runs: leaves no trace
        trainer = cli.build_trainer(Path(), [], looking_on=False)
        trainer.fit(cli.model, datamodule=cli.datamodule)
        trainer.test(cli.model, datamodule=cli.datamodule, verbose=False)
        return

    run, metrics, trainer = open_run(cli)
    tracker = cli.tracker(run)
    trainer.loggers = [metrics, *([tracker] if tracker else [])]
    started = time.perf_counter()
    trainer.fit(cli.model, datamodule=cli.datamodule)
    seconds = time.perf_counter() - started

    tested: dict[str, float] = {}
    if cli.config.test:
        # Not by `ckpt_path`: with EMAWeightAveraging it loads the weights before averaging.
        best: Any = trainer.checkpoint_callback
        cli.model.load_state_dict(run.weights(best.best_model_path))
        trainer.test(cli.model, datamodule=cli.datamodule, verbose=False)
        tested = test_figures(trainer)
    if trainer.is_global_zero:
        figures = best_figures(trainer, metrics) | tested | facts(trainer, cli.model, seconds)
        run.write_summary(figures)
        tracking.close(tracker, figures)
        print(run_table(figures, run.path))


def open_run(cli: ExperimentCLI) -> tuple[RunFolder, MetricsCSV, Trainer]:
    """Return a new run folder, its metrics.csv and the Trainer, or leave no folder at all.

    All that can still go wrong with a configuration goes wrong here: the data cannot be had or
    read, Lightning refuses the flags.
    """
    root = Path(cli.config.runs_dir)
    if tracking.is_rank_zero():
        cli.datamodule.prepare_data()
        cli.datamodule.setup("fit")
        run = RunFolder.create(root, cli.config.name)
    else:
        run = RunFolder(root)  # rank zero writes, the others never do
    metrics = MetricsCSV(run.path)
    try:
        trainer = cli.build_trainer(run.path, [metrics])
    except UserError:
        run.discard()
        raise
    run.write_config(cli.resolved())
    return run, metrics, trainer


if __name__ == "__main__":
    run_command(fit)
