"""Predict the classes of images with a trained network."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.data.transforms.views import Views
from alexnet_lightning.inference.choices import Source, image_files
from alexnet_lightning.system.atomic import check_writable
from alexnet_lightning.system.devices import Device
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.mode import never_trains

# Not with `from __future__ import annotations`: to resolve such, jsonargparse would import these.
if TYPE_CHECKING:
    from alexnet_lightning.inference.answers import Answer
    from alexnet_lightning.inference.predictor import Prediction, Predictor

EXAMPLES = """
python -m alexnet_lightning.predict latest cat.jpg dog.png
python -m alexnet_lightning.predict digits_bn images/ --top 3 --json
find . -name "*.png" | python -m alexnet_lightning.predict latest - --csv
"""
SHOWN = 40  # images on a sheet


def predict(
    run_dir: str | Path,
    images: str | Path | Sequence[str | Path],
    top: int = 5,
    checkpoint: str = "best",
    views: Views = "centre",
    device: Device = "auto",
) -> "list[Prediction]":
    """Predict the classes of images with a trained network.

    Args:
        run_dir: run folder, the name of a config (its newest run), latest, or a checkpoint file
        images: image files; folders, which are searched at any depth; or - for paths on the
            standard input, one per line
        top: number of classes per image, the most probable first
        checkpoint: best, last, or the path of a checkpoint
        views: views of each image that are averaged
        device: auto (a GPU if there is one), cpu, cuda, cuda:1 or mps

    Raises:
        UserError: there is no such run or checkpoint, or one of the files is not an image.
    """
    files = [images] if isinstance(images, str | Path) else images
    predictor, paths = opened(top, run_dir, files, checkpoint, views=views, device=device)
    from alexnet_lightning.inference.answers import answers

    return [answer.prediction for answer in answers(predictor, paths, top)]


def opened(
    top: int, run_dir: str | Path, images: Sequence[str | Path], checkpoint: str, **options: Any
) -> "tuple[Predictor, list[Path]]":
    """Return the network and the image files; mistakes are found before torch is imported."""
    if not isinstance(top, int) or top < 1:
        raise UserError(f"--top: {top}: give a whole number >= 1")
    source = Source.find(run_dir, checkpoint)
    paths = image_files(images, sys.stdin)
    from alexnet_lightning.inference.predictor import Predictor

    return Predictor.load(source, **options), paths


def output(json: bool = False, csv: bool = False, sheet: Path | None = None) -> str:
    """Return the name of the format to print in; refuse what contradicts itself.

    Args:
        json: print JSON instead of a table
        csv: print CSV instead of a table
        sheet: PNG file to draw the images in, with up to five classes each
    """
    if json and csv:
        raise UserError("--json: not allowed with --csv; give one of them")
    if sheet and (sheet.suffix != ".png" or sheet.is_dir()):
        raise UserError(f"--sheet: {sheet} is not a .png file")
    if sheet:
        check_writable("--sheet", sheet)
    return "json" if json else "csv" if csv else "table"


def main(args: Sequence[str]) -> None:
    """Print predictions as they come; exit with status 1 if a file is not an image."""
    options = arguments("predict", args, predict, output, examples=EXAMPLES)
    top, sheet = options.pop("top"), options.pop("sheet")
    form = output(options.pop("json"), options.pop("csv"), sheet)
    predictor, paths = opened(top, **options)
    from tqdm import tqdm

    from alexnet_lightning.inference.answers import FORMS, answers, draw_sheet

    refused: list[UserError] = []
    drawn: list[Answer] = []

    def refuse(error: UserError) -> None:
        refused.append(error)
        tqdm.write(f"error: {error}", file=sys.stderr)

    def noticed(found: "Iterator[Answer]") -> "Iterator[Answer]":
        for answer in found:
            if sheet and len(drawn) < SHOWN:
                drawn.append(answer)
            yield answer

    # Above the bar where both are on the terminal, which would else redraw it at each line.
    say = tqdm.write if sys.stdout.isatty() else print
    for line in FORMS[form](noticed(answers(predictor, paths, top, refuse))):
        say(line)
    if drawn:
        draw_sheet(drawn, predictor.class_names, sheet)
        count = len(paths) - len(refused)
        part = f" (the first {len(drawn)} of {count:,} images)" if count > len(drawn) else ""
        print(f"sheet: {sheet}{part}", file=sys.stderr)
    if refused:
        sys.exit(1)


if __name__ == "__main__":
    never_trains()
    run_command(main)
