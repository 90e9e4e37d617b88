"""Draw what a trained network looks at: kernels, maps, Grad-CAM, mistakes, neighbours."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.system.atomic import check_writable
from alexnet_lightning.system.devices import Device
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder

What = Literal["kernels", "maps", "gradcam", "mistakes", "neighbours", "best_last"]
EXAMPLES = """
python -m alexnet_lightning.explain latest
python -m alexnet_lightning.explain digits_bn --what gradcam neighbours --images mine.png
"""


def explain(
    run_dir: str | Path,
    what: Sequence[What] = get_args(What),
    images: Sequence[Path] | None = None,
    checkpoint: str = "best",
    device: Device = "auto",
    output: Path | None = None,
    accept_changed_data: bool = False,
) -> list[Path]:
    """Draw what a trained network looks at, and return the paths of the figures.

    kernels: the first layer's kernels; maps: the strongest feature maps of each stage; gradcam: the
    regions of an image that raise the probability of a class; mistakes: the most confident mistakes
    on the test split; neighbours: the training images nearest to an image, by penultimate features;
    best_last: the best checkpoint compared with the last.

    Args:
        run_dir: run folder, the name of a config (its newest run), or latest
        what: figures to draw, see above; all by default
        images: image files to look at; six test images by default
        checkpoint: best, last, or the path of a checkpoint
        device: auto (a GPU if there is one), cpu, cuda, cuda:1 or mps
        output: folder to write to; figures/ of the run by default
        accept_changed_data: go on although the data set has changed since the training

    Raises:
        UserError: there is no such run, checkpoint or image, or the data set cannot be read
            or has changed.
    """
    if unknown := set(what) - set(get_args(What)):
        raise UserError(f"what: {', '.join(sorted(unknown))}: give {', '.join(get_args(What))}")
    run = RunFolder.find(run_dir)
    run.checkpoint(checkpoint)
    folder = output or run.path / "figures"
    check_writable("--output", folder / "kernels.png")
    from alexnet_lightning.explanations.figures import write_figures
    from alexnet_lightning.inference.predictor import Predictor

    predictor = Predictor.load(run.path, checkpoint, device=device)
    return write_figures(run, what, images or (), predictor, folder, accept_changed_data)


def main(args: Sequence[str]) -> None:
    """Draw the figures, and print their paths."""
    print(*explain(**arguments("explain", args, explain, examples=EXAMPLES)), sep="\n")


if __name__ == "__main__":
    run_command(main)
