"""A trained network as a file for other programs, which is checked before it gets its name."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data.batches import seeded
from alexnet_lightning.inference.exporters import Format, Logits, beside, describe, read, write
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder

CHECKED = 32  # images
TOLERANCE = 1e-4  # of the largest logit, or of 1 if that is less


class Checked(NamedTuple):
    """How far a file's logits are from the network's at most, and how large the latter are."""

    difference: float
    largest: float


def export(
    kind: Format, predictor: Predictor, preprocessing: bool, path: Path, images: Tensor
) -> Checked:
    """Write a file and its description beside it, and return how true it is.

    Args:
        predictor: on the CPU.
        preprocessing: whether the file starts from decoded pictures.
        images: that it is checked on, uint8 (N, C, size, size), N >= 1.

    Raises:
        UserError: the network cannot be exported, or the file computes something else; nothing is
            left of it then.
    """
    with replacing(beside(path)) as description, replacing(path) as part:
        description.write_text(json.dumps(describe(kind, predictor, preprocessing), indent=1))
        write(kind, predictor, preprocessing, part)
        inputs = predictor.preprocessing.views(images, "centre")[:, 0]
        given = images if preprocessing else inputs.contiguous()
        return checked(read(kind, part, description), given, predictor.model, inputs)


@torch.inference_mode()
def checked(found: Logits, given: Tensor, expected: Logits, inputs: Tensor) -> Checked:
    """Compare the logits of one image and of all at once.

    Raises:
        UserError: it is no rounding.
    """
    true = expected(inputs)
    both = torch.cat([found(given[:1]) - true[:1], found(given) - true])
    result = Checked(both.abs().max().item(), true.abs().max().item())
    if not result.difference <= TOLERANCE * max(1.0, result.largest):
        raise UserError(
            f"not exported: the file's logits differ by {result.difference:.2g} from the "
            f"network's, which go up to {result.largest:.2g}; give another --format"
        )
    return result


def sample(predictor: Predictor, run_dir: Path, files: Sequence[Path]) -> tuple[Tensor, str]:
    """Return decoded images to check with, uint8 (N, C, size, size), and in words what they are.

    Files if there are any; else test images of the run's data set; else noise, if it is not there.

    Raises:
        UserError: a file is no image.
    """
    kept = predictor.preprocessing
    if files:
        return torch.stack([kept.decode(path) for path in files]), f"{len(files)} of your pictures"
    try:
        config = RunFolder.find(run_dir).config
        # As they lie there: to download a data set takes longer than to export.
        test = ExperimentCLI(["--config", str(config)]).datamodule.load()["test"]
    except UserError as error:
        shape = (CHECKED, kept.channels, kept.size, kept.size)
        noise = torch.randint(256, shape, generator=seeded("cpu", 0)).byte()
        return noise, f"{CHECKED} images of noise, for want of others ({error})"
    chosen = torch.randperm(len(test), generator=seeded("cpu", 0))[:CHECKED]
    return test[chosen][0], f"{len(chosen)} test images"
