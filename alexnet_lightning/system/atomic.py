"""Files that are either whole or not there."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lightning.fabric.plugins.io import TorchCheckpointIO

from alexnet_lightning.system.errors import UserError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`, which takes its name on leaving without an error.

    The suffix stays, since libraries choose a format by it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield part
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


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
            reason = " ".join(str(error).split())
            raise UserError(
                f"cannot write {path}: {reason}; earlier checkpoints are whole, fit --resume goes "
                "on from them"
            ) from error
