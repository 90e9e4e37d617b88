"""Checkpoint files: written whole, rotated, and the newest that can be read."""

import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_warn

from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.module import LightningModule
from alexnet_lightning.training.run_folder import LAST


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints written aside in their own folder, then renamed.

    Lightning's own goes by the system's temporary folder, and a move from there to another disk is
    a copy that a kill cuts in half.
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
                super().save_checkpoint(checkpoint, part, storage_options)
        except (OSError, RuntimeError) as error:  # torch's writer raises the second
            reason = one_line(error)
            raise UserError(
                f"cannot write {path}: {reason}; earlier checkpoints are whole, fit --resume goes "
                "on from them"
            ) from error


def load_weights(
    model: LightningModule, checkpoint: dict[str, Any], name: str, key: str = "state_dict"
) -> None:
    """Fill a model with the weights of a checkpoint.

    Args:
        model: of the configuration.
        checkpoint: content of the file.
        name: of the checkpoint, for the message.
        key: where the weights stand in it.

    Raises:
        UserError: they do not fit; it names the arguments that differ.
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


def rotate(folder: Path, keep: int) -> None:
    """Give the newest `keep` - 1 checkpoints their next number; last.ckpt stays where it is."""
    for number in range(keep - 1, 0, -1):
        newer = folder / (LAST if number == 1 else numbered(number - 1))
        if newer.exists():
            part = folder / f".{numbered(number)}.part"
            part.unlink(missing_ok=True)
            try:
                os.link(newer, part)  # so that there is a last.ckpt at every moment
            except OSError:  # a disk without hard links
                newer.replace(part)
            part.replace(folder / numbered(number))


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
            return path, torch.load(path, weights_only=True, map_location="cpu")
        except Exception as error:  # a damaged file can raise anything
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            rank_zero_warn(f"{path} is damaged ({reason}): resuming from the one before it")
    if damaged:
        raise UserError(f"{folder}: no checkpoint here can be read; start a new run")
    return None
