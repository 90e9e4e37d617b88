"""The command line of an experiment: YAML files and flags in; data, model and Trainer out."""

import os
import re
import sys
import warnings
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from functools import cached_property
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
import yaml
from jsonargparse import Namespace
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Checkpoint, LearningRateFinder, ModelCheckpoint, ProgressBar
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI
from lightning.pytorch.loggers import Logger

import alexnet_lightning
from alexnet_lightning.callbacks import (
    ConfusionMatrix,
    EmbeddingPCA,
    EpochEstimate,
    EpochLines,
    LayerTable,
    LearningCurves,
    Throughput,
)
from alexnet_lightning.callbacks.step_seed import StepSeed
from alexnet_lightning.cli.checks import (
    LINKED,
    check_callbacks,
    check_fused,
    check_length,
    check_links,
    check_monitors,
    check_precision,
    check_processes,
    check_rate,
    check_sizes,
)
from alexnet_lightning.cli.config_files import as_named_now, check_files, config_files, smaller
from alexnet_lightning.cli.help import show_help
from alexnet_lightning.cli.messages import as_user_error, explain, missing_package
from alexnet_lightning.cli.nulls import check_nulls
from alexnet_lightning.cli.ranges import check_checkpoint, check_name, check_seed
from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.data.identity import DataIdentity
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import no_value, one_line
from alexnet_lightning.training import cluster, tracking
from alexnet_lightning.training.checkpoints import AtomicCheckpointIO, BestCheckpoint, keep_apart
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.training.divergence import Divergence
from alexnet_lightning.training.metrics_csv import MetricsCSV
from alexnet_lightning.training.onlookers import Onlooker
from alexnet_lightning.training.pretrained import start_from
from alexnet_lightning.training.recovery import Recovery
from alexnet_lightning.training.run_folder import RunFolder

DEFAULTS = {
    "trainer.logger": True,  # W&B's, see `trackers`
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
ACCEPT = "accept_changed_data"
# A class has a short name on the command line once it is imported.
for module in alexnet_lightning.PUBLIC.values():
    if module.split(".")[1] in ("data", "models", "training"):
        import_module(module)
# Where classes lay when configurations that still exist were written.
MOVED = {
    "alexnet_lightning.muon": "alexnet_lightning.training.muon",
    "alexnet_lightning.schedules": "alexnet_lightning.training.schedules",
}
sys.modules.update({old: sys.modules[new] for old, new in MOVED.items()})


class Training(NamedTuple):
    """A Trainer, and the parts of it that tell afterwards what came out."""

    trainer: Trainer
    metrics: MetricsCSV
    checkpoint: BestCheckpoint
    recovery: Recovery
    throughput: Throughput
    divergence: Divergence


class ExperimentCLI(LightningCLI):
    """One experiment's configuration, parsed and checked; its parts are built when they are used.

    Args:
        args: command line without the program's name.
        trained: whether a checkpoint will fill the model, so that pretrained weights are not
            fetched.

    Raises:
        UserError: the configuration is wrong, in one line.
    """

    def __init__(self, args: Sequence[str], trained: bool = False) -> None:
        self.trained = trained
        self.trained_on: DataIdentity | None = None  # what the data is compared with
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

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        # As Lightning adds it, but for the loggers, which have short names here.
        trainer: dict[str, Any] = {"fail_untyped": False, "instantiate": False}
        parser.add_class_arguments(Trainer, "trainer", **trainer, sub_configs=True, skip={"logger"})
        parser.add_argument(
            "--trainer.logger",
            type=tracking.Loggers,
            help="wandb, tensorboard, mlflow, csv, a Lightning logger, or a list; false for none.",
        )
        # A command that looks at the data alone needs no model.
        parser.add_lightning_class_args(
            ImageClassifier, "model", subclass_mode=True, required=False
        )
        parser.add_lightning_class_args(ImageDataModule, "data", subclass_mode=True)

    def add_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_argument(
            "--name", type=str | None, help="Folder of the runs; default: the first config's name."
        )
        parser.add_argument("--runs_dir", type=str, default="runs", help="Where run folders go.")
        parser.add_argument("--test", type=bool, default=True, help="Test the best checkpoint.")
        parser.add_argument(
            "--pretrained",
            type=str | None,
            help="Run whose best weights training begins with: a folder, a config's name, latest.",
        )
        parser.add_argument(
            "--tf32", type=bool, default=False, help="Allow TensorFloat-32 matrix products on GPUs."
        )
        parser.add_argument(
            "--allow_divergence",
            type=bool,
            default=False,
            help="Train on when the loss is not finite, and report it; else that is an error.",
        )
        parser.add_argument(
            "--log_best", type=bool, default=False, help="Log the best checkpoint to W&B, MLflow."
        )
        parser.add_argument(
            f"--{ACCEPT}",
            type=bool,
            default=False,
            help="Go on with a trained network although its data has changed since.",
        )
        parser.add_class_arguments(ModelCheckpoint, "checkpoint", instantiate=False)
        parser.add_class_arguments(
            Recovery, "recovery", skip={"folder", "metrics"}, instantiate=False
        )
        parser.add_class_arguments(EmbeddingPCA, "embedding_pca", instantiate=False)
        parser.set_defaults(DEFAULTS)
        parser._option_string_actions[
            "--seed_everything"
        ].help = "Random seed for initialization, data order, augmentation and dropout."
        for name in LINKED:
            known = self.trained_classes if name == "num_classes" else None
            to = f"model.init_args.{name}"
            parser.link_arguments(f"data.{name}", to, known, apply_on="instantiate")

    def trained_classes(self, of_data: int) -> int:
        """Number of classes of the network: those it was trained on, or else the data's."""
        return of_data if self.trained_on is None else len(self.trained_on.classes)

    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        show_help(parser, args)
        args = [
            f"{word}=true" if word == f"--{ACCEPT}" and value not in ("true", "false") else word
            for word, value in pairwise([*args, ""])
        ]
        for word, value in pairwise([*args, "--"]):
            # argparse would name the class's flag, --model, in place of this one.
            if re.fullmatch(r"--\w+\.[\w.]+\+?", word) and value.startswith("--"):
                raise UserError(no_value(word))
        check_files(args)
        self.smaller = smaller(config_files(args))
        self.config = self.parsed(args)

    def parsed(self, args: Sequence[str]) -> Namespace:
        """Return the configuration that a command line gives."""
        parser, files = self.parser, config_files(args)
        try:
            config = plain(parser.parse_args(as_named_now(args)))
        except Exception as error:
            raise UserError(explain(error, parser._option_string_actions)) from error
        check_seed(config.seed_everything)
        check_nulls(config, LINKED)
        check_name(config.name)
        if config.name is None:
            config.name = files[0].stem if files else name_of(config)
        if config.pretrained is not None:  # "latest" is another one tomorrow
            with suppress(UserError):  # said when the weights are read
                config.pretrained = str(RunFolder.find(config.pretrained).path)
        config.runs_dir = os.path.expanduser(config.runs_dir)  # noqa: PTH111  # a text
        if config.data.init_args.seed is None:
            config.data.init_args.seed = config.seed_everything  # one number for everything random
        return config

    def instantiate_classes(self) -> None:
        """Build nothing yet."""

    @cached_property
    def datamodule(self) -> ImageDataModule:
        """The data set, built alone where no model was asked for: that may fetch weights."""
        built: ImageDataModule = self._built(Namespace(data=self.config.data)).data
        return built

    @cached_property
    def model(self) -> ImageClassifier:
        """The model that fits the data, checked with it and with the Trainer's arguments."""
        # torch's own defaults differ between matrix products (exact) and convolutions (TF32).
        torch.set_float32_matmul_precision("high" if self.config.tf32 else "highest")
        torch.backends.cudnn.allow_tf32 = self.config.tf32
        if self.config.get("model") is None:
            raise UserError("model: none is given; name one of --help, as in --model AlexNetBN")
        config = self.config.clone()
        filled = self.trained or config.pretrained is not None
        if filled and "weights" in config.model.init_args:
            config.model.init_args.weights = None
        built = self._built(config)
        self.datamodule, self.trainer_arguments = built.data, dict(built.trainer)
        model: ImageClassifier = built.model
        if self.config.pretrained is not None and not self.trained:
            model.pretrained = start_from(model, RunFolder.find(self.config.pretrained))
        check_links(self.config.model.init_args, self.datamodule)
        check_sizes(model.network, self.datamodule)
        check_checkpoint(self.config.checkpoint)
        check_monitors(self.config, self.callbacks, model, self.datamodule)
        check_callbacks(self.callbacks, model)
        check_length(self.config.trainer, model.lr_scheduler)
        if not self.trained:
            check_rate(self.config.model.init_args, self.callbacks)
        model.check_recipe()
        return model

    @cached_property
    def trainer_arguments(self) -> dict[str, Any]:
        """What the configuration says of the Trainer; its callbacks, loggers and plugins built."""
        _ = self.model  # which is built and checked together with them
        arguments: dict[str, Any] = self.__dict__["trainer_arguments"]
        return arguments

    def _built(self, config: Namespace) -> Any:
        try:
            built = self.parser.instantiate(config)
        except Exception as error:
            raise as_user_error(error) from error
        built.data.trained_on, built.data.accept_changed = self.trained_on, self.config[ACCEPT]
        return built

    @property
    def callbacks(self) -> list[Any]:
        """The callbacks that the configuration names; a search is over in a trained model."""
        given = listed(self.trainer_arguments.get("callbacks"))
        if not self.trained:
            return given
        return [each for each in given if not isinstance(each, LearningRateFinder)]

    @cached_property
    def resolved(self) -> str:
        """The whole configuration as YAML: enough to run the experiment again."""
        return self.as_yaml(self.config)

    def as_yaml(self, config: Namespace) -> str:
        """Return a whole configuration as YAML."""
        config = config.clone()
        config.pop(ACCEPT)  # holds for one command
        unknown = "Unable to serialize instance "  # jsonargparse's, before a name or a device
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", f"(?s).*{unknown}")
            return self.parser.dump(config, skip_none=False).replace(unknown, "")

    def trackers(self, run: RunFolder) -> list[Logger]:
        """Return the loggers beside metrics.csv: those `trainer.logger` names, else W&B's."""
        given = self.trainer_arguments.get("logger")
        chosen = listed("wandb" if given is None or given is True else given)
        return tracking.start(chosen, run, yaml.safe_load(self.resolved))

    def training(self, run: RunFolder) -> Training:
        """Return the Trainer that trains in a run folder, with all that looks on."""
        config, folder = self.config, run.path / "checkpoints"
        metrics, throughput = MetricsCSV(run.path), Throughput()
        divergence = Divergence(config.allow_divergence)
        try:
            checkpoint = BestCheckpoint(folder, **config.checkpoint)
        except MisconfigurationException as error:
            raise UserError(f"checkpoint: {one_line(error)}") from error
        keep_apart(folder, self.callbacks)
        recovery = Recovery(folder, metrics, **config.recovery)
        callbacks = [
            StepSeed(int(os.environ["PL_GLOBAL_SEED"])),
            *self.callbacks,
            throughput,
            divergence,
            EpochEstimate(str(self.smaller) if self.smaller else None),
            EmbeddingPCA(**config.embedding_pca),
            LearningCurves(),
            ConfusionMatrix(),
            checkpoint,
            recovery,  # after the best checkpoint, of which it keeps the score
        ]
        if config.trainer.enable_model_summary in (None, True):
            callbacks.append(LayerTable())
        if self.shows_lines:
            callbacks.append(EpochLines())
        trainer = self.build_trainer(run.path, [metrics], callbacks)
        # After the checkpoints, in every hook.
        trainer.callbacks.sort(key=lambda each: isinstance(each, Onlooker))  # type: ignore[attr-defined]
        return Training(trainer, metrics, checkpoint, recovery, throughput, divergence)

    def bare_trainer(self, folder: Path) -> Trainer:
        """Return a Trainer that writes nothing."""
        looking = [each for each in self.callbacks if not isinstance(each, Checkpoint)]
        # In a fast_dev_run Lightning replaces the logger by one that does nothing.
        loggers: list[Logger] = [MetricsCSV(folder)] if self.config.trainer.fast_dev_run else []
        return self.build_trainer(folder, loggers, looking, keeping=False)

    def build_trainer(
        self, folder: Path, loggers: list[Logger], callbacks: list[Any], keeping: bool = True
    ) -> Trainer:
        """Return a Trainer of this experiment; UserError if Lightning refuses its flags."""
        given = self.trainer_arguments
        overrides = {
            "default_root_dir": folder,
            "logger": loggers,
            "plugins": [*listed(given.get("plugins")), *cluster.environment(), self.checkpoint_io],
            "callbacks": callbacks,
            "enable_checkpointing": keeping,
            "enable_model_summary": False,  # LayerTable stands for it
        }
        if self.shows_lines:
            overrides["enable_progress_bar"] = False
        try:
            trainer = Trainer(**{**given, **overrides})
        except (
            ImportError,
            MisconfigurationException,
            ValueError,
            TypeError,
            RuntimeError,
        ) as error:
            raise UserError(f"trainer: {missing_package(error) or one_line(error)}") from error
        if given.get("sync_batchnorm") and trainer.strategy.root_device.type == "cpu":
            raise UserError("trainer.sync_batchnorm: torch has it for GPUs only; leave it out here")
        check_fused(self.model, trainer)
        check_processes(trainer, self.callbacks)
        # Before a checkpoint is loaded: weights of 64 bits would be rounded to 32.
        trainer.precision_plugin.convert_module(self.model)
        check_precision(self.model, trainer, self.datamodule)
        return trainer

    @property
    def shows_lines(self) -> bool:
        """Whether a line per epoch takes the place of the bar: in a file or a pipe it does."""
        asked = any(isinstance(callback, ProgressBar) for callback in self.callbacks)
        default = self.config.trainer.enable_progress_bar is None
        return default and not asked and not sys.stdout.isatty()

    @cached_property
    def checkpoint_io(self) -> AtomicCheckpointIO:
        """Reads and writes all checkpoints."""
        return AtomicCheckpointIO()


def name_of(config: Namespace) -> str:
    """Return the name of a run without a file: its variant and data set, as alexnetbn_digits."""
    parts = [config.get("model"), config.data]
    names = [part.class_path.rpartition(".")[2] for part in parts if part]
    return "_".join(names).removesuffix("DataModule").lower()


def plain(value: Any) -> Any:
    """Return a configuration in which an Enum, which YAML has no word for, is its value."""
    if isinstance(value, Namespace):
        for key, each in vars(value).items():
            setattr(value, key, plain(each))
    if isinstance(value, list):
        return [plain(each) for each in value]
    return value.value if isinstance(value, Enum) else value


def listed(given: Any) -> list[Any]:
    """Return what the Trainer takes alone, as a list or not at all, as a list."""
    if given is None or given is False:
        return []
    return given if isinstance(given, list) else [given]
