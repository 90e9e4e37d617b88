"""What a network says of many files, and how that is written down."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from alexnet_lightning.inference.predictor import Prediction, Predictor
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import short

BATCH = 64  # pictures at once


class Answer(NamedTuple):
    """A picture's file, and what the network says of it."""

    path: Path
    said: Prediction

    @property
    def picture(self) -> str:
        """The path as text, whatever bytes are in it."""
        return str(self.path).encode(errors="replace").decode()


def answers(
    predictor: Predictor, paths: Sequence[Path], k: int, refuse: Callable[[UserError], None]
) -> Iterator[Answer]:
    """Yield the k most probable classes of image files, in their order; a bar if they are many.

    Args:
        refuse: told of a file that is no image; the others go on.
    """
    quiet = True if len(paths) <= BATCH else None  # None: unless it is no terminal
    with tqdm(total=len(paths), unit="picture", leave=False, disable=quiet) as bar:
        for start in range(0, len(paths), BATCH):
            part = paths[start : start + BATCH]
            read = [(path, image) for path in part for image in decoded(predictor, path, refuse)]
            if read:
                images = torch.stack([image for _, image in read])
                for (path, _), said in zip(read, predictor.top(images, k), strict=True):
                    yield Answer(path, said)
            bar.update(len(part))


def decoded(
    predictor: Predictor, path: Path, refuse: Callable[[UserError], None]
) -> Iterator[Tensor]:
    """Yield the one image of a file, or none."""
    try:
        yield predictor.preprocessing.decode(path)
    except UserError as error:
        refuse(error)


def as_table(found: Iterable[Answer]) -> Iterator[str]:
    """Yield a line a picture, its columns aligned, once all are there."""
    rows = list(found)
    width = max((len(row.picture) for row in rows), default=0)
    longest = max((len(short(name)) for row in rows for name in row.said.classes), default=0)
    for row in rows:
        pairs = zip(*row.said, strict=True)
        cells = [f"{short(name):{longest}} {100 * share:5.1f} %" for name, share in pairs]
        yield "   ".join([f"{row.picture:{width}}", *cells])


def as_csv(found: Iterable[Answer]) -> Iterator[str]:
    """Yield lines as they come: picture, class_1, probability_1, class_2, …"""
    for place, row in enumerate(found):
        if place == 0:
            ranks = range(1, len(row.said.classes) + 1)
            names = [f"{word}_{rank}" for rank in ranks for word in ("class", "probability")]
            yield csv_line(["picture", *names])
        pairs = zip(row.said.classes, digits(row.said), strict=True)
        yield csv_line([row.picture, *(cell for pair in pairs for cell in pair)])


def csv_line(cells: Sequence[object]) -> str:
    """Return a line of CSV without its end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def as_json(found: Iterable[Answer]) -> Iterator[str]:
    """Yield the lines of a list of {"picture", "classes", "probabilities"}."""
    line = "["
    for row in found:
        said = {"classes": row.said.classes, "probabilities": digits(row.said)}
        yield line if line == "[" else f"{line},"
        line = json.dumps({"picture": row.picture, **said}, ensure_ascii=False)
    yield line
    yield "]"


def digits(said: Prediction) -> list[float]:
    """Return the probabilities with the seven digits that float32 has."""
    return [float(f"{share:.7g}") for share in said.probabilities]
