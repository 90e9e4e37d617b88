"""The logger that always writes: metrics.csv in the run folder."""

import csv
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_only

from alexnet_lightning.system.atomic import replacing

SECONDS_BETWEEN_WRITES = 5.0


class MetricsCSV(Logger):
    """Every scalar that any logger gets, one row per step, in `<folder>/metrics.csv`.

    The file is written again and renamed each time, so it is whole whenever it is read.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.rows: list[dict[str, float]] = []
        self.path = folder / "metrics.csv"
        self._written_at = 0.0
        self._changed = False

    @property
    def name(self) -> str:
        return ""

    @property
    def version(self) -> str:
        return ""

    @property
    def save_dir(self) -> str:
        return str(self.path.parent)

    @rank_zero_only
    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: config.yaml beside this file holds them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        row = {"step": step or 0, **metrics}
        last = self.rows[-1] if self.rows else {}
        if all(last.get(key) == row.get(key) for key in ("step", "epoch")):
            last.update(row)
        else:
            self.rows.append(row)
        self._changed = True

    @rank_zero_only
    def save(self) -> None:
        """Write the file, unless it was written a few seconds ago."""
        if time.monotonic() - self._written_at > SECONDS_BETWEEN_WRITES:
            self._write()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        self._write()

    def _write(self) -> None:
        if not self._changed:
            return
        first = ["epoch", "step"]
        columns = first + sorted({key for row in self.rows for key in row} - set(first))
        with replacing(self.path) as part, part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(self.rows)
        self._written_at, self._changed = time.monotonic(), False
