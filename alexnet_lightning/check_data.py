"""Look at a data set before training: counts, faulty files, copies, colors, a contact sheet."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from alexnet_lightning.cli.command import arguments, run_command, strictness
from alexnet_lightning.system.atomic import check_writable
from alexnet_lightning.system.errors import UserError

EXAMPLES = """
python -m alexnet_lightning.check_data --config configs/cifar_bn.yaml
python -m alexnet_lightning.check_data --data ImageFolderDataModule --data.folder my_images
"""


class Findings(NamedTuple):
    """What was found: all in words, what is wrong, and a PNG of training images."""

    report: str
    problems: list[str]
    sheet: Path


def check_data(
    sheet: str | Path | None = None,
    json: str | Path | None = None,
    list: int = 10,  # noqa: A002  # the flag's name
    overrides: Mapping[str, Any] | Sequence[str] = (),
) -> Findings:
    """Look at a data set before training: counts, faulty files, copies, sizes and colors.

    All flags of `fit` are taken: --config FILE, --data CIFAR10DataModule … No model is needed.

    Args:
        sheet: PNG for the contact sheet; by default runs/check_data/NAME.png
        json: file to write everything found to, as JSON
        list: entries shown of each list
        overrides: flags of `fit` and their values, as {"data": "CIFAR10DataModule"}

    Raises:
        UserError: the configuration is wrong, or the data cannot be had.
    """
    check_paths(sheet, json, list)
    from alexnet_lightning.cli.config_files import as_flags, check_files

    flags = as_flags(overrides)
    check_files(flags)
    from alexnet_lightning.cli.experiment import ExperimentCLI
    from alexnet_lightning.data.check.report import problems, report, write_json
    from alexnet_lightning.data.check.survey import originals, survey
    from alexnet_lightning.data.files_module import FilesDataModule
    from alexnet_lightning.plots.contact_sheet import draw_contact_sheet
    from alexnet_lightning.training.run_folder import RUNS

    cli = ExperimentCLI(flags)
    data = cli.datamodule
    path = Path(sheet or RUNS / "check_data" / f"{cli.config.name}.png")
    check_writable("--sheet", path)
    data.prepare_data()
    splits = data.load()
    if not data.has_validation:
        del splits["val"]
    found = survey(splits, data.native_size, data.workers)
    ignored: Sequence[str] = ()
    if isinstance(data, FilesDataModule):
        for name, why in data.skipped.items():  # a decoder's reason begins with the path
            found.faults[name] = why if why.startswith(name) else f"{name}: {why}"
        ignored = [f"{path}: {why}" for path, why in data.ignored.items()]
    names = (images.name(i) for images in found.splits.values() for i in range(len(images)))
    files = originals(names, sum(map(len, found.splits.values())))
    words = report(found, files, data.class_names, list, ignored, data.train_images)
    data.adopt(found.splits)
    if json:
        write_json(Path(json), found, files, data.class_names)
    draw_contact_sheet(data, path)
    wrong = problems(found, data.num_classes, len(files.dim))
    return Findings(words, wrong, path)


def check_paths(sheet: str | Path | None, json: str | Path | None, entries: int) -> None:
    """Raise a UserError for an option that cannot be meant so."""
    for path in (sheet, json):
        if path and Path(path).is_dir():
            raise UserError(f"{path} is a folder: name a file")
    if sheet and Path(sheet).suffix != ".png":
        raise UserError(f"--sheet: {sheet} is no .png: the contact sheet is one")
    if json:
        check_writable("--json", Path(json))
    if entries < 0:
        raise UserError(f"--list: {entries}: give a number >= 0")


def main(args: Sequence[str]) -> None:
    """Run the command line: print the report."""
    options = arguments("check_data", args, check_data, strictness, examples=EXAMPLES)
    strict = options.pop("strict")
    found = check_data(**options)
    print(found.report, end="\n\n")
    print(f"contact sheet: {found.sheet}")
    print(f"wrong: {', '.join(found.problems)}" if found.problems else "nothing wrong found")
    if found.problems and strict:
        sys.exit(1)


if __name__ == "__main__":
    run_command(main)
