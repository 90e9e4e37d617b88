"""Image data sets in Parquet files, as the Hugging Face hub serves them."""

import re
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from alexnet_lightning.data.storage.decoding import decode
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line

IMAGE = "img"  # column: a struct of `bytes`, an image file, and `path`


def read_parquet(folder: Path, split: str, label: str, size: int) -> tuple[Tensor, Tensor]:
    """Read the images of `<split>-<number>-of-<count>.parquet`, all files of the split in order.

    Args:
        folder: of the files.
        split: "train" or "test", as the files are named.
        label: column of the class indices.
        size: side of the images in pixels.

    Returns:
        Images, uint8 (N, 3, size, size), and class indices, int64 (N,).

    Raises:
        UserError: pyarrow or a file is missing, or one is damaged or has other columns.
    """
    images: list[Tensor] = []
    labels: list[int] = []
    for file in shards(folder, split):
        # The bar appears only on a terminal and when decoding is slow.
        for content, index in tqdm(rows(file, label), f"reading {file}", delay=2, disable=None):
            try:
                images.append(decode(content, size))
            except UserError as error:
                raise UserError(f"{file}, row {len(images)}: {error}") from error
            labels.append(index)
    return torch.stack(images), torch.tensor(labels, dtype=torch.int64)


def shards(folder: Path, split: str) -> list[Path]:
    """Return the files of a split; UserError unless all are there that their names count."""
    found = sorted(folder.glob(f"{split}-*.parquet"))
    counts = {int(count) for file in found for count in re.findall(r"-of-(\d+)$", file.stem)}
    if not found or counts - {len(found)}:
        of = f" of {max(counts)}" if counts else ""
        raise UserError(
            f"{folder} has {len(found)}{of} files {split}-*.parquet: download the folder again"
        )
    return found


def rows(file: Path, label: str) -> Iterator[tuple[bytes, int]]:
    """Yield the content of the image file and the class index of each row."""
    try:
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError:
        raise UserError(
            f"{file}: needs pyarrow: pip install 'alexnet-lightning[parquet]'"
        ) from None
    try:
        with ParquetFile(file) as opened:
            for batch in opened.iter_batches(1000, columns=[IMAGE, label]):
                contents, indices = batch.column(IMAGE).field("bytes"), batch.column(label)
                yield from zip(contents.to_pylist(), map(int, indices.to_pylist()), strict=True)
    except Exception as error:  # a damaged file can raise anything
        raise UserError(
            f"{file} is no Parquet file with the columns {IMAGE} and {label} ({one_line(error)}): "
            "download it again"
        ) from error
