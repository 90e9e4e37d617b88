"""The predictions for many image files, written as a table, JSON or CSV."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from alexnet_lightning.inference.predictor import Prediction, Predictor
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import short

BATCH = 64  # images per forward pass
Refuse = Callable[[UserError], None] | None


class Answer(NamedTuple):
    """An image file and its prediction."""

    path: Path
    prediction: Prediction

    @property
    def name(self) -> str:
        """The path as printable text, even if its bytes are not."""
        return str(self.path).encode(errors="replace").decode()


def answers(
    predictor: Predictor, paths: Sequence[Path], k: int, refuse: Refuse = None
) -> Iterator[Answer]:
    """Yield the k most probable classes of image files, in their order.

    `refuse`, if given, is called with the error of a file that is not an image; the others follow.
    """
    quiet = True if len(paths) <= BATCH else None  # None: a progress bar on terminals only
    with tqdm(total=len(paths), unit="image", leave=False, disable=quiet) as bar:
        for start in range(0, len(paths), BATCH):
            part = paths[start : start + BATCH]
            read = list(decoded(predictor, part, refuse))
            if read:
                images = torch.stack([image for _, image in read])
                for (path, _), prediction in zip(read, predictor.top(images, k), strict=True):
                    yield Answer(path, prediction)
            bar.update(len(part))


def decoded(
    predictor: Predictor, paths: Sequence[Path], refuse: Refuse
) -> Iterator[tuple[Path, Tensor]]:
    """Yield the files that are images, and their pixels."""
    for path in paths:
        try:
            yield path, predictor.preprocessing.decode(path)
        except UserError as error:
            if refuse is None:
                raise
            refuse(error)


def as_table(found: Iterable[Answer]) -> Iterator[str]:
    """Yield one line per image with aligned columns, after the last image is predicted."""
    rows = list(found)
    width = max((len(row.name) for row in rows), default=0)
    longest = max((len(short(name)) for row in rows for name in row.prediction.classes), default=0)
    for row in rows:
        pairs = zip(*row.prediction, strict=True)
        cells = [f"{short(name):{longest}} {100 * value:5.1f} %" for name, value in pairs]
        yield "   ".join([f"{row.name:{width}}", *cells])


def as_csv(found: Iterable[Answer]) -> Iterator[str]:
    """Yield lines as they come: picture, class_1, probability_1, class_2, …"""
    for index, row in enumerate(found):
        if index == 0:
            ranks = range(1, len(row.prediction.classes) + 1)
            names = [f"{word}_{rank}" for rank in ranks for word in ("class", "probability")]
            yield csv_line(["picture", *names])
        pairs = zip(row.prediction.classes, digits(row.prediction), strict=True)
        yield csv_line([row.name, *chain.from_iterable(pairs)])


def csv_line(cells: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def as_json(found: Iterable[Answer]) -> Iterator[str]:
    """Yield the lines of a list of {"picture", "classes", "probabilities"}, as they come."""
    line = "["
    for row in found:
        yield line if line == "[" else f"{line},"
        values = {"classes": row.prediction.classes, "probabilities": digits(row.prediction)}
        line = json.dumps({"picture": row.name, **values}, ensure_ascii=False)
    yield line
    yield "]"


FORMS = {"table": as_table, "json": as_json, "csv": as_csv}


def digits(prediction: Prediction) -> list[float]:
    """Return the probabilities with the seven digits of float32."""
    return [float(f"{value:.7g}") for value in prediction.probabilities]
