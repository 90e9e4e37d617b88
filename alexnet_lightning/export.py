"""Write a trained network for other programs, and check what they will compute with it."""

from argparse import Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from alexnet_lightning.cli.command import CommandParser, run_command
from alexnet_lightning.inference.exporters import GRAPHS, SUFFIX, Format, beside, check
from alexnet_lightning.inference.exporting import export, sample
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.system.errors import UserError

FORMATS = """\
formats:
  onnx         for ONNX Runtime and others: images in, logits out, batches of any size
  pt2          the same as a program of torch.export
  safetensors  the weights; with the .json enough for a Predictor, see read_safetensors
  torchvision  of AlexNetOWT: a state dict that torchvision.models.alexnet loads

Beside each file a .json tells its input and output, the class names, how pictures are preprocessed,
and the variant with its arguments."""


def export_command(args: Sequence[str]) -> None:
    """Export a checkpoint, and print how far the file's logits are from the network's.

    Raises:
        UserError: no such run or checkpoint, or one that the format cannot hold.
    """
    options = parsed(args)
    predictor = Predictor.load(options.run_dir, options.checkpoint)
    check(options.format, predictor)
    path = options.output or default_path(options)
    images, what = sample(predictor, options.run_dir, options.images)
    try:
        found = export(options.format, predictor, options.preprocessing, path, images)
    except OSError as error:
        raise UserError(f"--output: {path} cannot be written: {error.strerror}") from error
    print(f"file         {path}, {path.stat().st_size / 1e6:.1f} MB")
    print(f"description  {beside(path)}")
    print(f"checked on   {what}")
    print(f"differs by   {found.difference:.1e} at most; the logits go up to {found.largest:.2g}")


def default_path(options: Namespace) -> Path:
    """Return a name in the run folder, or beside the checkpoint's file."""
    run_dir: Path = options.run_dir
    source = run_dir if run_dir.is_file() else Path(options.checkpoint)
    folder = run_dir.parent if run_dir.is_file() else run_dir / "exports"
    pixels = "-pixels" if options.preprocessing else ""
    return folder / f"{source.stem}{pixels}{SUFFIX[options.format]}"


def parsed(args: Sequence[str]) -> Namespace:
    """Return the options, checked."""
    parser = CommandParser(
        prog="python -m alexnet_lightning.export",
        description=__doc__,
        epilog=FORMATS,
        formatter_class=RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("run_dir", type=Path, help="run folder, as fit prints it, or a checkpoint file")
    add("--format", choices=get_args(Format), required=True, help="see below")
    add(
        "--preprocessing",
        action="store_true",
        help="let onnx or pt2 start from pixels of 0-255, uint8, at the data set's size",
    )
    add("-o", "--output", type=Path, metavar="FILE", help="default: exports/ in the run folder")
    add("--checkpoint", default="best", help="best (default), last or a path")
    add(
        "--images",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="pictures to check with; default: the run's test images, or noise without them",
    )
    options = parser.parse_args(args)
    if options.preprocessing and options.format not in GRAPHS:
        raise UserError(
            f"--preprocessing: {options.format} holds weights alone, and its .json says how to "
            f"preprocess; give --format {' or '.join(GRAPHS)}"
        )
    suffix = SUFFIX[options.format]
    if options.output and (options.output.suffix != suffix or options.output.is_dir()):
        raise UserError(f"--output: {options.output} is no {suffix}: --format {options.format} is")
    return options


if __name__ == "__main__":
    run_command(export_command)
