"""Export a trained network: ONNX, torch.export, safetensors, the Hugging Face hub."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.inference.choices import GRAPHS, SUFFIX, Format, Source
from alexnet_lightning.system import progress
from alexnet_lightning.system.atomic import check_new, check_writable
from alexnet_lightning.system.errors import UserError

EXAMPLES = """
python -m alexnet_lightning.export latest --format onnx --preprocessing
python -m alexnet_lightning.export digits_bn --format safetensors --output net.safetensors
python -m alexnet_lightning.export latest --format hub
"""


class Exported(NamedTuple):
    """A file or folder, the images it was checked on, and how far its logits are from the
    network's.
    """

    path: Path
    checked_on: str
    difference: float
    largest_logit: float
    address: str | None = None  # on the hub


def export(
    run_dir: str | Path,
    *,
    format: Format,  # noqa: A002  # the flag's name
    preprocessing: bool = False,
    output: Path | None = None,
    checkpoint: str = "best",
    images: Sequence[Path] = (),
    push: str | None = None,
) -> Exported:
    """Export a trained network for other programs, and check what the file computes.

    onnx is for ONNX Runtime and others: images in, logits out, batches of any size; pt2 is the same
    as a program of torch.export; safetensors holds the weights, enough for a Predictor together
    with the .json; torchvision is a state dict of AlexNetOWT for torchvision.models.alexnet.
    hub is a folder as the Hugging Face hub has it, with a model card; every command takes it as it
    takes a run folder. The .json beside each file describes input and output, class names,
    preprocessing, and the variant with its arguments.

    Args:
        run_dir: run folder, the name of a config (its newest run), latest, or a checkpoint file
        format: file format, see above
        preprocessing: let onnx or pt2 take pixels of 0-255, uint8, at the data set's size
        output: file to write, of hub a new folder (also -o); by default in exports/ of the run
        checkpoint: best, last, or the path of a checkpoint
        images: image files to check with; by default test images of the run, or noise without them
        push: USER/NAME on the Hugging Face hub, to upload the folder of hub to as well; needs a
            login, and a new one is private

    Raises:
        UserError: there is no such run or checkpoint, the format cannot hold its network, or
            nothing can be uploaded.
    """
    if format not in SUFFIX:
        raise UserError(f"format is {format}: give one of {', '.join(SUFFIX)}")
    if preprocessing and format not in GRAPHS:
        raise UserError(
            f"--preprocessing: {format} holds weights alone, and its .json says how to "
            f"preprocess; give --format {' or '.join(GRAPHS)}"
        )
    if push and format != "hub":
        raise UserError(f"--push: {format} is no folder for the hub; give --format hub")
    suffix = SUFFIX[format]
    if output and format != "hub" and (output.suffix != suffix or output.is_dir()):
        raise UserError(f"--output: {output} is no {suffix}, the suffix of --format {format}")
    source = Source.find(run_dir, checkpoint)
    # A checkpoint file's export goes beside it, for another run's may be called the same.
    own = source.checkpoint.parent == source.run.checkpoints and not Path(run_dir).is_file()
    folder = source.run.path / "exports" if own else source.checkpoint.parent
    pixels = "-pixels" if preprocessing else ""
    path = output or folder / f"{source.checkpoint.stem}{pixels}{suffix}"
    check_writable("--output", path)

    from alexnet_lightning.inference.exporters import check, sample, write_checked
    from alexnet_lightning.inference.predictor import Predictor

    predictor = Predictor.load(source)
    check(format, predictor)
    if format == "hub":
        from alexnet_lightning.inference import hub

        check_new(path)
        if push:
            hub.check_login(push)
    with progress.told("reading images to check the file with"):
        chosen, what = sample(predictor, source.run, images)
    with progress.told(f"writing {path} and comparing its logits with the network's"):
        if format == "hub":
            found = hub.write_folder(predictor, source, path, chosen)
        else:
            found = write_checked(format, predictor, preprocessing, path, chosen)
    address = None
    if push:
        with progress.told(f"uploading {path} to {push}"):
            address = hub.push(path, push)
    return Exported(path, what, *found, address)


def main(args: Sequence[str]) -> None:
    """Export a checkpoint, and print how far the file's logits are from the network's."""
    words = [re.sub("^-o=?(.+)", r"--output=\1", re.sub("^-o$", "--output", word)) for word in args]
    done = export(**arguments("export", words, export, examples=EXAMPLES))
    if done.path.is_dir():
        print(f"folder       {done.path}")
    else:
        print(f"file         {done.path}, {done.path.stat().st_size / 1e6:.1f} MB")
        print(f"description  {done.path}.json")
    print(f"checked on   {done.checked_on}")
    largest = f"the logits go up to {done.largest_logit:.2g}"
    print(f"differs by   {done.difference:.1e} at most; {largest}")
    if done.address:
        print(f"uploaded to  {done.address}")


if __name__ == "__main__":
    run_command(main)
