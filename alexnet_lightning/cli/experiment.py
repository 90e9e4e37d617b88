"""The command line: YAML files and flags in; data, model and Trainer out."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import yaml
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger

import alexnet_lightning.data
import alexnet_lightning.models
import alexnet_lightning.training.muon
import alexnet_lightning.training.schedules  # noqa: F401  # a class has a short name once it is imported
from alexnet_lightning.callbacks import (
    ConfusionMatrix,
    EmbeddingPCA,
    LayerTable,
    LearningCurves,
    Throughput,
)
from alexnet_lightning.callbacks.step_seed import StepSeed
from alexnet_lightning.cli.checks import LINKED, check_links, check_monitors, check_sizes
from alexnet_lightning.cli.config_files import check_yaml, config_files
from alexnet_lightning.cli.help import show_help
from alexnet_lightning.cli.messages import as_user_error, explain
from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training import cluster
from alexnet_lightning.training.checkpoints import AtomicCheckpointIO
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.training.recovery import Recovery
from alexnet_lightning.training.run_folder import RunFolder
from alexnet_lightning.training.tracking import wandb_logger

DEFAULTS = {
    "trainer.log_every_n_steps": 10,
    "trainer.use_distributed_sampler": False,  # the data module shards, without padding
    "checkpoint.monitor": "val/top1",
    "checkpoint.mode": "max",
    "checkpoint.filename": "best",
    "checkpoint.save_last": False,  # Recovery does
    "checkpoint.enable_version_counter": False,
    # After the schedule has stepped on the validation, not before it.
    "checkpoint.save_on_train_epoch_end": True,
}


class ExperimentCLI(LightningCLI):
    """Everything that one experiment's configuration describes, built and checked, not yet run.

    Args:
        args: command line without the program's name.
        trained: whether a checkpoint will fill the model, so that weights it once began with are
            not fetched.

    Raises:
        UserError: the configuration is wrong, in one line.
    """

    def __init__(self, args: Sequence[str], trained: bool = False) -> None:
        self.trained = trained
        super().__init__(
            ImageClassifier,
            ImageDataModule,
            subclass_mode_model=True,
            subclass_mode_data=True,
            save_config_callback=None,  # RunFolder keeps it
            seed_everything_default=0,
            auto_configure_optimizers=False,  # ImageClassifier does
            # Variants are final, and their checkpoints hold the plain arguments of __init__.
            load_from_checkpoint_support=False,
            parser_kwargs={
                "prog": "python -m alexnet_lightning.fit",
                "exit_on_error": False,
                "allow_abbrev": False,
            },
            run=False,
            args=list(args),
        )

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--name", type=str | None, help="Folder of the runs; default: the first config's name."
        )
        parser.add_argument("--runs_dir", type=str, default="runs", help="Where run folders go.")
        parser.add_argument("--test", type=bool, default=True, help="Test the best checkpoint.")
        parser.add_argument(
            "--tf32", type=bool, default=False, help="Let GPUs round float32 factors to 10 bits."
        )
        parser.add_lightning_class_args(ModelCheckpoint, "checkpoint")
        parser.add_lightning_class_args(Recovery, "recovery")
        parser.add_lightning_class_args(EmbeddingPCA, "embedding_pca")
        parser.set_defaults(DEFAULTS)
        for name in LINKED:
            parser.link_arguments(f"data.{name}", f"model.init_args.{name}", apply_on="instantiate")

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        show_help(parser, args)
        files = config_files(args)
        for path in files:
            check_yaml(path)
        try:
            self.config = parser.parse_args(args)
        except Exception as error:
            raise UserError(explain(error)) from error
        if self.config.name is None:
            self.config.name = files[0].stem if files else "run"
        of_data, seed = self.config.data.init_args, self.config.seed_everything
        if of_data.seed is None and not isinstance(seed, bool):
            of_data.seed = seed  # one number changes all that chance decides

    def instantiate_classes(self) -> None:
        """Build the data, then the model that fits it; the Trainer waits for a run folder."""
        # torch's own defaults differ between matrix products (exact) and convolutions (TF32).
        torch.set_float32_matmul_precision("high" if self.config.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = self.config.tf32
        config = self.config.clone()
        if self.trained and "weights" in config.model.init_args:
            config.model.init_args.weights = None
        try:
            self.config_init = self.parser.instantiate_classes(config)
        except Exception as error:
            raise as_user_error(error) from error
        self.datamodule: ImageDataModule = self.config_init["data"]
        self.model: ImageClassifier = self.config_init["model"]
        check_links(self.config.model.init_args, self.datamodule)
        check_sizes(self.model.network, self.datamodule)
        callbacks = listed(self.config_init["trainer"].get("callbacks"))
        check_monitors(self.config, callbacks, self.model.val_metrics.names)
        self.model.check_recipe()

    def resolved(self) -> str:
        """Return the whole configuration as YAML: enough to run the experiment again."""
        return self.parser.dump(self.config, skip_none=False)

    def tracker(self, run: RunFolder) -> Logger | None:
        """Return the logger beside metrics.csv: the one `trainer.logger` names, else W&B's."""
        given = self.config_init["trainer"].get("logger")
        if given is None or given is True:
            return wandb_logger(run, yaml.safe_load(self.resolved()))
        return given or None

    def build_trainer(
        self, folder: Path, loggers: list[Logger], looking_on: bool = True
    ) -> Trainer:
        """Return the Trainer of this experiment.

        Args:
            folder: where checkpoints and figures go.
            loggers: all of them.
            looking_on: whether callbacks draw figures and checkpoints are kept.

        Raises:
            UserError: Lightning refuses the combination of trainer flags.
        """
        config = self.config_init["trainer"]
        plugins, callbacks = listed(config.get("plugins")), listed(config.get("callbacks"))
        if looking_on:
            checkpoint: ModelCheckpoint = self.config_init["checkpoint"]
            checkpoint.dirpath = str(folder / "checkpoints")
            drawing = [self.config_init["embedding_pca"], LearningCurves(), ConfusionMatrix()]
            recovery: Recovery = self.config_init["recovery"]
            recovery.folder = folder / "checkpoints"
            seed = StepSeed(int(os.environ["PL_GLOBAL_SEED"]))
            # Recovery comes after the best checkpoint, of which it keeps the score.
            callbacks = [seed, *callbacks, Throughput(), *drawing, checkpoint, recovery]
            if config.get("enable_model_summary") in (None, True):
                callbacks.append(LayerTable())
        overrides = {
            "default_root_dir": folder,
            "logger": loggers,
            "plugins": [*plugins, *cluster.environment(), AtomicCheckpointIO()],
            "callbacks": callbacks,
            "enable_checkpointing": looking_on,
            "enable_model_summary": False,  # LayerTable stands for it
        }
        try:
            trainer = Trainer(**{**config, **overrides})
        except (MisconfigurationException, ValueError, TypeError, RuntimeError) as error:
            raise UserError(f"trainer: {' '.join(str(error).split())}") from error
        if config.get("sync_batchnorm") and trainer.strategy.root_device.type == "cpu":
            raise UserError("trainer.sync_batchnorm: torch has it for GPUs only; leave it out here")
        return trainer


def listed(given: Any) -> list[Any]:
    """Return what the Trainer takes alone, as a list or not at all, as a list."""
    if given is None:
        return []
    return given if isinstance(given, list) else [given]
