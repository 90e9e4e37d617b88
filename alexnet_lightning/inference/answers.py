"""The predictions for many image files: as a table, JSON, CSV, or a sheet of images."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor
from tqdm import tqdm

from alexnet_lightning.data.storage.decoding import decode
from alexnet_lightning.inference.predictor import Prediction, Predictor
from alexnet_lightning.plots.style import COLOURS, label, new_figure, write_png
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import short

BATCH = 64  # images per forward pass
COLUMNS, BARS = 4, 5  # of a sheet; classes below each of its images
SIDE = 256  # pixels of an image on a sheet at most
TRUE, OTHER, GRAY = COLOURS[2], COLOURS[0], "#555555"
WNID = re.compile(r"n\d{8}-")  # before a breed in Stanford Dogs' folders
Refuse = Callable[[UserError], None] | None


class Answer(NamedTuple):
    """An image file, its prediction, and its content if it came through a pipe, read once."""

    path: Path
    prediction: Prediction
    content: bytes | None = None

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
            if read := list(decoded(predictor, part, refuse)):
                images = torch.stack([image for *_, image in read])
                for (path, content, _), found in zip(read, predictor.top(images, k), strict=True):
                    yield Answer(path, found, content)
            bar.update(len(part))


def decoded(
    predictor: Predictor, paths: Sequence[Path], refuse: Refuse
) -> Iterator[tuple[Path, bytes | None, Tensor]]:
    """Yield the files that are images, the content of those that are pipes, and their pixels."""
    for path in paths:
        try:
            content = path.read_bytes() if path.is_fifo() else None
            yield path, content, predictor.preprocessing.decode(content or path)
        except UserError as error:
            if refuse is None:
                raise
            refuse(error)


def as_table(found: Iterable[Answer]) -> Iterator[str]:
    """Yield one line per image with aligned columns, after the last image is predicted."""
    rows = list(found)
    names = [row.name.replace("\n", "\\n") for row in rows]
    width = max(map(len, names), default=0)
    longest = max((len(short(name)) for row in rows for name in row.prediction.classes), default=0)
    for name, row in zip(names, rows, strict=True):
        pairs = zip(*row.prediction, strict=True)
        cells = [f"{short(kind):{longest}} {100 * value:5.1f} %" for kind, value in pairs]
        yield "   ".join([f"{name:{width}}", *cells])


def as_csv(found: Iterable[Answer]) -> Iterator[str]:
    """Yield lines as they come: image, class_1, probability_1, class_2, …"""
    for index, row in enumerate(found):
        if index == 0:
            ranks = range(1, len(row.prediction.classes) + 1)
            names = [f"{word}_{rank}" for rank in ranks for word in ("class", "probability")]
            yield csv_line(["image", *names])
        pairs = zip(row.prediction.classes, digits(row.prediction), strict=True)
        yield csv_line([row.name, *chain.from_iterable(pairs)])


def csv_line(cells: Sequence[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(cells)
    return text.getvalue()


def as_json(found: Iterable[Answer]) -> Iterator[str]:
    """Yield the lines of a list of {"image", "classes", "probabilities"}, as they come."""
    line = "["
    for row in found:
        yield line if line == "[" else f"{line},"
        values = {"classes": row.prediction.classes, "probabilities": digits(row.prediction)}
        line = json.dumps({"image": row.name, **values}, ensure_ascii=False)
    yield line
    yield "]"


FORMS = {"table": as_table, "json": as_json, "csv": as_csv}


def digits(prediction: Prediction) -> list[float]:
    """Return the probabilities with the seven digits of float32."""
    return [float(f"{value:.7g}") for value in prediction.probabilities]


def draw_sheet(answers: Sequence[Answer], class_names: Sequence[str], path: Path) -> None:
    """Write a PNG of images, each with its five most probable classes as bars.

    The caption is the true class, whose bar is red, if the folder is named after a class of the
    network; else the file's name.
    """
    bars = min(BARS, max(len(answer.prediction.classes) for answer in answers))
    columns = min(COLUMNS, len(answers))
    rows = -(-len(answers) // columns)
    heights = [2.2, 0.24 * bars] * rows
    with new_figure(2.5 * columns, sum(heights) + 0.3 * rows) as figure:
        grid = figure.subplots(2 * rows, columns, squeeze=False, height_ratios=heights)
        for axes in grid.flat:
            axes.set_axis_off()
        for index, answer in enumerate(answers):
            row, column = divmod(index, columns)
            truth = class_of(answer.path, class_names)
            above, below = grid[2 * row : 2 * row + 2, column]
            above.imshow(square(answer.content or answer.path).numpy())
            words = above.text(0.5, -0.03, label(truth or answer.path.name), ha="center", va="top")
            words.set(transform=above.transAxes, weight="bold" if truth else "normal")
            words.set_color("black" if truth else GRAY)
            draw_bars(below, answer.prediction, truth, bars)
        write_png(figure, path)


def draw_bars(axes: Any, found: Prediction, truth: str | None, bars: int) -> None:
    """Draw the most probable classes as labeled bars from 0 to 1."""
    classes, values = found.classes[:bars], found.probabilities[:bars]
    colours = [TRUE if name == truth else OTHER for name in classes]
    axes.barh(range(len(classes)), values, height=0.84, color=colours, alpha=0.6)
    for index, (name, value) in enumerate(zip(classes, values, strict=True)):
        axes.text(0.02, index, label(name), va="center", size=9)
        axes.text(1, index, f"{value:.0%}", va="center", ha="right", size=9, color=GRAY)
    axes.set(xlim=(0, 1), ylim=(bars - 0.5, -0.5))


def class_of(path: Path, class_names: Sequence[str]) -> str | None:
    """Return the class that the image's folder is named after, None if it is not."""
    folder = path.absolute().parent.name
    for name in (folder, WNID.sub("", folder).replace("_", " ")):
        if name in class_names:
            return name
    return None


def square(source: Path | bytes) -> Tensor:
    """Return the square that the network sees, uint8 (S, S, 3), at the file's resolution."""
    from PIL import Image

    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        side = min(*image.size, SIDE)
    return decode(source, side).permute(1, 2, 0)
