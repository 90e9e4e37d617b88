"""Checkpoint files: written whole, the best of them, rotated, and the newest that can be read."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_warn

from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.run_folder import BEST, LAST


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints written aside in their own folder, then renamed.

    Lightning's own goes by the system's temporary folder: that may be small, and a move from there
    to another disk is a copy that a kill cuts in half.
    """

    def __init__(self) -> None:
        super().__init__()
        self.read: tuple[Path, dict[str, Any]] | None = None  # what resuming has read already

    def load_checkpoint(self, path: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        if self.read is not None and Path(path) == self.read[0]:
            (_, content), self.read = self.read, None
            return content
        return super().load_checkpoint(path, *args, **kwargs)

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        try:
            with replacing(Path(path)) as part:
                torch.save(checkpoint, part)
        except (OSError, RuntimeError) as error:  # torch's writer raises the second
            reason = one_line(error)
            raise UserError(
                f"cannot write {path}: {reason}; earlier checkpoints are whole, fit --resume goes "
                "on from them"
            ) from error


def load_weights(
    model: LightningModule, checkpoint: dict[str, Any], name: str, key: str = "state_dict"
) -> None:
    """Fill a model with the weights under a key of a checkpoint, `name` in messages.

    UserError that names the arguments that differ from the checkpoint's, if they do not fit.
    """
    try:
        model.load_state_dict(checkpoint[key])
    except RuntimeError as error:
        differing = [
            f"{argument} is {model.hparams[argument]}, in the checkpoint {value}"
            for argument, value in checkpoint.get("hyper_parameters", {}).items()
            if argument in model.hparams and model.hparams[argument] != value
        ]
        why = "; ".join(differing) or one_line(error)
        raise UserError(f"{name} does not fit the configuration's model: {why}") from None


class BestCheckpoint(ModelCheckpoint):
    """Lightning's, of whose files the best is always `best.ckpt` too.

    A file is kept for the figure of a validation of its own weights, not of earlier ones.

    Args:
        folder: of the checkpoints.
        options: of `ModelCheckpoint`; several files of one epoch's name get Lightning's names.

    Raises:
        MisconfigurationException: an option is out of range.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        several = options.get("save_top_k", 1) not in (0, 1)
        if several and f"{options.get('filename')}.ckpt" == BEST:
            options["filename"] = None  # epoch and step
        elif several:
            options["enable_version_counter"] = True
        super().__init__(**options)
        self.dirpath = str(folder)  # by its argument it would become absolute
        self.best = folder / BEST
        self._validated_step = -1

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        super().setup(trainer, pl_module, stage)
        if trainer.val_check_interval != 1.0:  # the end of an epoch is then not validated
            self._save_on_train_epoch_end = False

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not trainer.sanity_checking:
            self._validated_step = trainer.global_step
        super().on_validation_end(trainer, pl_module)

    def _save_topk_checkpoint(self, trainer: Trainer, monitor_candidates: Any) -> None:
        if self.monitor is None or self._validated_step == trainer.global_step:
            super()._save_topk_checkpoint(trainer, monitor_candidates)

    def _save_checkpoint(self, trainer: Trainer, filepath: str) -> None:
        super()._save_checkpoint(trainer, filepath)
        if trainer.is_global_zero and filepath == self.best_model_path != str(self.best):
            with replacing(self.best) as part:
                link(Path(filepath), part)


def keep_apart(folder: Path, callbacks: Sequence[Any]) -> None:
    """Give a ModelCheckpoint of the user's without a folder one below that of our checkpoints."""
    for number, each in enumerate(callbacks, 1):
        if isinstance(each, ModelCheckpoint) and each.dirpath is None:
            each.dirpath = str(folder / f"callback{number}")


def link(file: Path, name: Path) -> None:
    """Give a file another name beside its own."""
    try:
        os.link(file, name)
    except OSError:  # a disk without hard links
        shutil.copyfile(file, name)


def rotate(folder: Path, keep: int) -> None:
    """Give the newest `keep` - 1 checkpoints their next number; last.ckpt stays where it is."""
    for number in range(keep - 1, 1, -1):
        if (newer := folder / numbered(number - 1)).exists():
            newer.replace(folder / numbered(number))
    if keep > 1 and (last := folder / LAST).exists():
        with replacing(folder / numbered(1)) as part:
            try:
                os.link(last, part)  # so that there is a last.ckpt at every moment
            except OSError:  # a disk without hard links
                last.replace(part)


def numbered(number: int) -> str:
    """Return the name of the checkpoint that is so many before the last."""
    return f"last-{number}.ckpt"


def newest(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """Return the newest checkpoint that can be read, and its content on the CPU; None without any.

    Newer ones that are damaged are named in a warning; UserError if all are.
    """
    numbers = sorted(int(path.stem.removeprefix("last-")) for path in folder.glob("last-*.ckpt"))
    paths = [folder / LAST, *(folder / numbered(number) for number in numbers)]
    for path in (damaged := [path for path in paths if path.is_file()]):
        try:
            return path, renewed(torch.load(path, weights_only=True, map_location="cpu"))
        except Exception as error:  # a damaged file can raise anything
            reason = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
            rank_zero_warn(f"{path} is damaged ({reason}): resuming from the one before it")
    if damaged:
        raise UserError(f"{folder}: no checkpoint here can be read; start a new run")
    return None


def renewed(checkpoint: dict[str, Any]) -> dict[str, Any]:
    """Return a checkpoint whose best one is under our class; earlier versions had Lightning's."""
    states = checkpoint["callbacks"]
    if not any(key.startswith("BestCheckpoint") for key in states):
        new = {key: key.replace("ModelCheckpoint", "BestCheckpoint", 1) for key in states}
        checkpoint["callbacks"] = {new[key]: state for key, state in states.items()}
    return checkpoint
