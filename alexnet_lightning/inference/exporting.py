"""A trained network as a file for other programs, checked before it gets its final name."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from alexnet_lightning.data.batches import seeded
from alexnet_lightning.inference.choices import Format
from alexnet_lightning.inference.exporters import Logits, beside, describe, read, write
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder

CHECKED = 32  # images
TOLERANCE = 1e-4  # of the largest logit, or of 1 if that is less


class Checked(NamedTuple):
    """The largest difference of a file's logits from the network's, and the largest logit."""

    difference: float
    largest: float


def write_checked(
    kind: Format, predictor: Predictor, preprocessing: bool, path: Path, images: Tensor
) -> Checked:
    """Write a file and its description beside it, and compare it with the network.

    Args:
        predictor: on the CPU.
        preprocessing: whether a graph takes decoded images, see `Portable`.
        images: to check it with, uint8 (N, C, size, size), N >= 1.

    Raises:
        UserError: the network cannot be exported, or the file computes something else; no file is
            left then.
    """
    with replacing(beside(path)) as description, replacing(path) as part:
        description.write_text(json.dumps(describe(kind, predictor, preprocessing), indent=1))
        write(kind, predictor, preprocessing, part)
        inputs = predictor.inputs(images)[:, 0]
        given = images if preprocessing else inputs.contiguous()
        return compared(read(kind, part, description), given, predictor.model, inputs)


@torch.inference_mode()
def compared(found: Logits, given: Tensor, expected: Logits, inputs: Tensor) -> Checked:
    """Compare the logits of one image and of all images; UserError if they differ too much."""
    true = expected(inputs)
    both = torch.cat([found(given[:1]) - true[:1], found(given) - true])
    result = Checked(both.abs().max().item(), true.abs().max().item())
    if not result.difference <= TOLERANCE * max(1.0, result.largest):
        raise UserError(
            f"not exported: the file's logits differ by {result.difference:.2g} from the "
            f"network's, which go up to {result.largest:.2g}; give another --format"
        )
    return result


def sample(predictor: Predictor, run: RunFolder, files: Sequence[str | Path]) -> tuple[Tensor, str]:
    """Return decoded images to check with, uint8 (N, C, size, size), and what they are.

    The files, if there are any; else test images of the run's data set; else, without it, noise.
    """
    kept = predictor.preprocessing
    if files:
        images = torch.stack([kept.decode(Path(path)) for path in files])
        return images, f"{len(files)} of your images"
    from alexnet_lightning.cli.experiment import ExperimentCLI

    try:
        # Without a download, which takes longer than the export.
        test = ExperimentCLI(["--config", str(run.config)]).datamodule.load()["test"]
    except UserError as error:
        shape = (CHECKED, kept.channels, kept.size, kept.size)
        noise = torch.randint(256, shape, generator=seeded("cpu", 0)).byte()
        return noise, f"{CHECKED} images of noise, since there are no others ({error})"
    chosen = torch.randperm(len(test), generator=seeded("cpu", 0))[:CHECKED]
    return test[chosen][0], f"{len(chosen)} test images"
