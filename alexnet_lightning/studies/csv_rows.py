"""Rows of figures as CSV files: numbers and words, without empty cells."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alexnet_lightning.system.atomic import replacing

Row = dict[str, Any]
WORDS = {
    "variant", "config", "overrides", "soft_targets", "date", "layer", "machine", "versions",
    "git_commit", "data/changed", "data/fingerprint", "chosen_by",
}  # fmt: skip


def write_rows(rows: Sequence[Row], path: Path) -> None:
    """Write rows, the columns in the order in which they first come."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    with replacing(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)


def read_rows(path: Path) -> list[Row]:
    """Return the rows of a CSV file: numbers as such, without empty cells."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            {key: text if key in WORDS else number(text) for key, text in row.items() if text}
            for row in csv.DictReader(file)
        ]


def number(text: str) -> float | int:
    """Return the number in a cell."""
    try:
        return int(text)
    except ValueError:
        return float(text)
