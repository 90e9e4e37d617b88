"""How a checkpoint file is written."""

from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io import TorchCheckpointIO

from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line


class AtomicCheckpointIO(TorchCheckpointIO):
    """Checkpoints written aside in their own folder, then renamed.

    Lightning's own goes by the system's temporary folder, and a move from there to another disk is
    a copy that a kill cuts in half.

    Raises:
        UserError: the disk is full, or the folder cannot be written.
    """

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
