"""A trained network that takes pictures and gives classes, without a Trainer or the data set."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

import alexnet_lightning.models  # noqa: F401  # makes the variants known
from alexnet_lightning.data.transforms.crops import Views
from alexnet_lightning.inference.preprocessing import Preprocessing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.training.run_folder import RunFolder, variant_of


class Prediction(NamedTuple):
    """What the network says of one picture.

    Args:
        classes: names, the most probable first.
        probabilities: of them, the same order.
    """

    classes: list[str]
    probabilities: list[float]


class Predictor:
    """The network of a run, its preprocessing and its class names.

    Args:
        checkpoint: content of a checkpoint file of this project.
        views: of a picture, their probabilities averaged.
        device: where it computes, as "cpu" or "cuda".

    Raises:
        UserError: the checkpoint lacks something, or cannot show such views.
    """

    def __init__(
        self, checkpoint: dict[str, Any], views: Views = "centre", device: str = "cpu"
    ) -> None:
        missing = {"hyper_parameters", "preprocessing"} - checkpoint.keys()
        if variant_of(checkpoint) is None:
            missing.add("variant")
        if missing:
            raise UserError(
                f"the checkpoint has no {', '.join(sorted(missing))}: it was made by an earlier "
                "version or another program; train anew"
            )
        self.preprocessing = Preprocessing.of(checkpoint)
        self.views: Views = views
        if views == "ten" and self.preprocessing.resize == self.preprocessing.crop:
            raise UserError("--views: this network sees the whole image; give centre, flip or six")
        self.device = torch.device(device)
        self.model = rebuilt(checkpoint).to(self.device).eval()

    @classmethod
    def load(
        cls, path: Path, which: str = "best", views: Views = "centre", device: str = "cpu"
    ) -> "Predictor":
        """Return that of a run folder's best or last checkpoint, or of a checkpoint file.

        Raises:
            UserError: there is no such run or checkpoint, or it is none of this project.
        """
        run = RunFolder(path.parent.parent) if path.is_file() else RunFolder.find(path)
        return cls(run.read(str(path) if path.is_file() else which), views, device)

    @property
    def class_names(self) -> list[str]:
        """In the order of the logits."""
        return self.preprocessing.class_names

    @torch.inference_mode()
    def probabilities(self, images: Tensor) -> Tensor:
        """Return float32 (N, K) of decoded pictures, uint8 (N, channels, size, size)."""
        seen = self.preprocessing.views(images.to(self.device), self.views)
        return self.model.over_views(seen).exp().cpu()

    @torch.inference_mode()
    def embed(self, images: Tensor) -> dict[str, Tensor]:
        """Return the rows "features" and "penultimate" of the centre of decoded pictures."""
        seen = self.preprocessing.views(images.to(self.device), "centre")[:, 0]
        return {name: rows.float().cpu() for name, rows in self.model.embed(seen).items()}

    def top(self, images: Tensor, k: int = 5) -> list[Prediction]:
        """Return the k most probable classes of decoded pictures, all if there are fewer."""
        probabilities = self.probabilities(images)
        values, places = probabilities.topk(min(k, probabilities.shape[1]))
        return [
            Prediction([self.class_names[place] for place in which], share)
            for which, share in zip(places.tolist(), values.tolist(), strict=True)
        ]

    def predict(self, pictures: Sequence[Path | bytes], k: int = 5) -> list[Prediction]:
        """Return the k most probable classes of image files or their contents, as one batch.

        Raises:
            BrokenImageError: one of them is no image.
        """
        return self.top(torch.stack([self.preprocessing.decode(p) for p in pictures]), k)


def chosen_device(name: str) -> str:
    """Return "cpu" or "cuda" for "auto", "cpu" or "cuda".

    Raises:
        UserError: there is no such device.
    """
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device: torch finds no GPU here; give auto or cpu")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def rebuilt(checkpoint: dict[str, Any]) -> ImageClassifier:
    """Return the model of a checkpoint, with its weights.

    Raises:
        UserError: its class is none of the variants, or what it holds does not fit it.
    """
    name = variant_of(checkpoint)
    # By what is known, not by an import: a checkpoint must not choose what code runs.
    variants = {kind.__name__: kind for kind in known(ImageClassifier)}
    if name not in variants:
        raise UserError(f"the checkpoint is of {name}, which is no variant known here")
    arguments = dict(checkpoint["hyper_parameters"])
    if "weights" in arguments:
        arguments["weights"] = None  # they come from the checkpoint
    arguments["compile"] = False  # takes longer than most of what a predictor is asked
    try:
        model = variants[name](**arguments)
        model.load_state_dict(checkpoint["state_dict"])
    except (RuntimeError, TypeError, ValueError) as error:  # of another version
        reason = one_line(error)
        raise UserError(f"the checkpoint does not fit {name}: {reason}") from error
    return model


def known(base: type) -> list[type]:
    """Return all subclasses of a class, at any depth."""
    children: list[type] = base.__subclasses__()
    return [kind for child in children for kind in (child, *known(child))]
