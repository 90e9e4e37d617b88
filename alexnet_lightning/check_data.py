"""Look at a data set before training on it: what it holds, what is wrong with it, how it looks."""

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from alexnet_lightning.cli.command import CommandParser, run_command
from alexnet_lightning.cli.data_cli import DataCLI
from alexnet_lightning.data.check.originals import Originals, originals
from alexnet_lightning.data.check.report import as_json, problems, report
from alexnet_lightning.data.check.survey import Survey, survey
from alexnet_lightning.data.files_module import FilesDataModule
from alexnet_lightning.plots.contact_sheet import draw_contact_sheet
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError


def check_data(args: Sequence[str]) -> None:
    """Print counts, unreadable files, copies, sizes and colours; write a contact sheet.

    Raises:
        UserError: the configuration is wrong, or the data cannot be had.
    """
    options, experiment = parsed(args)
    cli = DataCLI(experiment)
    data = cli.datamodule
    sheet = options.sheet or Path(f"check_data-{cli.config.name}.png")
    data.prepare_data()
    found = survey(data.load(), data.native_size, data.workers)
    if isinstance(data, FilesDataModule):
        found.faults.update(data.skipped)
    names = (images.name(i) for images in found.splits.values() for i in range(len(images)))
    files = originals(names, sum(map(len, found.splits.values())))

    print(report(found, files, data.class_names, options.list), end="\n\n")
    data.adopt(found.splits)
    try:
        if options.json:
            write(options.json, found, files, data.class_names)
        draw_contact_sheet(data, sheet)
    except OSError as error:
        raise UserError(f"{error.filename} cannot be written: {error.strerror}") from error
    print(f"contact sheet: {sheet}")
    wrong = problems(found, data.num_classes)
    print(f"wrong: {', '.join(wrong)}" if wrong else "nothing wrong found")
    if wrong and options.strict:
        sys.exit(1)


def parsed(args: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Return this command's options and the flags of fit."""
    parser = CommandParser(
        prog="python -m alexnet_lightning.check_data",
        description=__doc__,
        epilog="Other flags are those of fit, as in --config FILE or --data CIFAR10DataModule; no "
        "model is needed.",
        allow_abbrev=False,
    )
    parser.add_argument("--sheet", type=Path, help="contact sheet; default check_data-NAME.png")
    parser.add_argument("--json", type=Path, help="write all that was found to this file as well")
    parser.add_argument("--list", type=int, default=10, help="entries of a list; default 10")
    parser.add_argument("--strict", action="store_true", help="status 1 when something is wrong")
    options, experiment = parser.parse_known_args(args)
    for path in filter(None, (options.sheet, options.json)):
        if path.is_dir():
            raise UserError(f"{path} is a folder: name a file")
    if options.sheet and options.sheet.suffix != ".png":
        raise UserError(f"--sheet: {options.sheet} is no .png: the contact sheet is one")
    if options.list < 0:
        raise UserError(f"--list: {options.list}: give a number >= 0")
    return options, experiment


def write(path: Path, found: Survey, files: Originals, class_names: Sequence[str]) -> None:
    """Write all that was found as JSON."""
    with replacing(path) as part:
        part.write_text(json.dumps(as_json(found, files, class_names), indent=1))


if __name__ == "__main__":
    run_command(check_data)
