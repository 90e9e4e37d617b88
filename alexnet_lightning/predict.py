"""Say what is in pictures: python -m alexnet_lightning.predict runs/NAME/DATE PICTURES."""

import os
import signal
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from tqdm import tqdm

from alexnet_lightning.cli.command import CommandParser, run_command
from alexnet_lightning.data.transforms.crops import Views
from alexnet_lightning.inference.answers import Answer, answers, as_csv, as_json, as_table
from alexnet_lightning.inference.image_files import pictures
from alexnet_lightning.inference.predictor import Predictor, chosen_device
from alexnet_lightning.inference.sheet import SHOWN, draw_sheet
from alexnet_lightning.system.errors import UserError

FORMS = {"table": as_table, "json": as_json, "csv": as_csv}


def predict(args: Sequence[str]) -> None:
    """Print the most probable classes of pictures; exit with status 1 if one of them is none.

    Raises:
        UserError: no such run or checkpoint, or no pictures at all.
    """
    options = parsed(args)
    paths = pictures(options.pictures, sys.stdin)
    predictor = Predictor.load(
        options.run_dir, options.checkpoint, options.views, chosen_device(options.device)
    )
    refused: list[UserError] = []
    drawn: list[Answer] = []

    def refuse(error: UserError) -> None:
        refused.append(error)
        tqdm.write(f"error: {error}", file=sys.stderr)

    def noticed(found: Iterator[Answer]) -> Iterator[Answer]:
        for answer in found:
            if options.sheet and len(drawn) < SHOWN:
                drawn.append(answer)
            yield answer

    # Above the bar where both are on the terminal; else the bar would be drawn anew at each line.
    say = tqdm.write if sys.stdout.isatty() else print
    try:
        for line in FORMS[options.form](noticed(answers(predictor, paths, options.top, refuse))):
            say(line)
    except BrokenPipeError:  # who reads, head for instance, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or it fails again at exit
        sys.exit(128 + signal.SIGPIPE)
    if drawn:
        draw(drawn, predictor, options.sheet, len(paths) - len(refused))
    if refused:
        sys.exit(1)


def draw(drawn: Sequence[Answer], predictor: Predictor, path: Path, count: int) -> None:
    """Write the sheet, and say where it is.

    Raises:
        UserError: it cannot be written.
    """
    try:
        draw_sheet(drawn, predictor.class_names, path)
    except OSError as error:
        raise UserError(f"--sheet: {path} cannot be written: {error.strerror}") from error
    part = "" if len(drawn) == count else f" (the first {len(drawn)} of {count:,} pictures)"
    print(f"sheet: {path}{part}", file=sys.stderr)


def parsed(args: Sequence[str]) -> Namespace:
    """Return the options, checked."""
    parser = CommandParser(prog="python -m alexnet_lightning.predict", description=__doc__)
    add = parser.add_argument
    add("run_dir", type=Path, help="run folder, as fit prints it, or a checkpoint file")
    add(
        "pictures",
        nargs="+",
        help="files, folders (searched at any depth), or - for paths on the standard input, one a "
        "line, as from find",
    )
    add("--top", type=int, default=5, metavar="K", help="classes a picture; default 5")
    form = parser.add_mutually_exclusive_group()
    for name in ("json", "csv"):
        form.add_argument(
            f"--{name}", dest="form", action="store_const", const=name, help=f"print {name.upper()}"
        )
    add("--sheet", type=Path, metavar="PNG", help="draw the pictures, up to five classes each")
    add("--views", choices=get_args(Views), default="centre", help="of each picture")
    add("--checkpoint", default="best", help="best (default), last or a path")
    add("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.set_defaults(form="table")
    options = parser.parse_args(args)
    if options.top < 1:
        raise UserError(f"--top: {options.top}: give a number >= 1")
    if options.sheet and (options.sheet.suffix != ".png" or options.sheet.is_dir()):
        raise UserError(f"--sheet: {options.sheet} is no .png: the sheet is one")
    return options


if __name__ == "__main__":
    run_command(predict)
