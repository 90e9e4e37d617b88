"""A trained network that predicts the classes of images, without a Trainer or the data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

import alexnet_lightning
from alexnet_lightning.data.identity import DataIdentity
from alexnet_lightning.data.storage.decoding import decode
from alexnet_lightning.data.transforms.resizing import ResizeCropFlip
from alexnet_lightning.data.transforms.scaling import normalise
from alexnet_lightning.data.transforms.views import Views
from alexnet_lightning.inference.choices import Device, Source
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.training.run_folder import variant_of


@dataclass(frozen=True)
class Preprocessing:
    """What a checkpoint stores about its data set; see `ImageDataModule.preprocessing`."""

    class_names: list[str]  # in the order of the logits
    channels: int  # 3 for color, 1 for gray
    size: int  # side in pixels of the data set's images
    resize: int  # side in pixels that they are resized to
    crop: int  # side in pixels of the network's input
    mean: list[float] | Tensor  # this and the next two: of `scaling.normalise`
    std: list[float]
    pixel_max: float

    def decode(self, image: Path | bytes) -> Tensor:
        """Read an image file, or its content, as uint8 (channels, size, size); see `decode`."""
        pixels = decode(image, self.size)
        if self.channels == 3:
            return pixels
        # ITU-R 601, as Pillow's "L".
        weights = torch.tensor([299.0, 587.0, 114.0])[:, None, None] / 1000
        return (pixels * weights).sum(dim=0, keepdim=True).round().byte()

    def views(self, images: Tensor, views: Views) -> Tensor:
        """The network's input: uint8 (N, channels, size, size) to (N, V, channels, crop, crop)."""
        seen = ResizeCropFlip(self.resize, self.crop).views(images, views)
        flat = normalise(seen.flatten(0, 1), self.mean, self.std, self.pixel_max)
        return flat.unflatten(0, seen.shape[:2])

    def centre(self, images: Tensor) -> Tensor:
        """The center view without normalization, 0-255, (N, channels, crop, crop), to show."""
        return ResizeCropFlip(self.resize, self.crop).views(images, "centre")[:, 0]


class Prediction(NamedTuple):
    """The most probable classes of one image, the most probable first, and their probabilities."""

    classes: list[str]
    probabilities: list[float]


class Predictor:
    """The network of a run, its preprocessing and its class names.

    Decoded images are uint8 (N, channels, size, size), as `preprocessing.decode` returns them.

    Args:
        checkpoint: content of a checkpoint file of this project.
        views: crops of each image whose probabilities are averaged.
        device: "cpu" or "cuda".

    Raises:
        UserError: the checkpoint is incomplete, or its network sees no such views.
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
                "version or another program; train again"
            )
        self.preprocessing = Preprocessing(**checkpoint["preprocessing"])
        self.views: Views = views
        if views == "ten" and self.preprocessing.resize == self.preprocessing.crop:
            raise UserError("--views: this network sees the whole image; give centre, flip or six")
        self.trained_on = DataIdentity.of_checkpoint(checkpoint)
        self.device = torch.device(device)
        self.model = rebuilt(checkpoint).to(self.device).eval()

    @classmethod
    def load(
        cls, run: str | Path, which: str = "best", views: Views = "centre", device: str = "cpu"
    ) -> "Predictor":
        """Return the predictor of a checkpoint.

        Args:
            run: run folder, a config's name or "latest" for its newest run, or a checkpoint file.
            which: "best", "last" or the path of a checkpoint.

        Raises:
            UserError: there is no such run or checkpoint, or it is not one of this project.
        """
        source = Source.find(run, which)
        return cls(source.run.read(str(source.checkpoint)), views, device)

    @property
    def class_names(self) -> list[str]:
        """In the order of the logits."""
        return self.preprocessing.class_names

    def inputs(self, images: Tensor, views: Views = "centre") -> Tensor:
        """Return views of decoded images as the network's input, (N, V, channels, crop, crop)."""
        return self.preprocessing.views(images.to(self.device), views)

    @torch.inference_mode()
    def probabilities(self, images: Tensor) -> Tensor:
        """Return float32 (N, K) of decoded images, on the CPU."""
        return self.model.over_views(self.inputs(images, self.views)).exp().cpu()

    @torch.inference_mode()
    def embed(self, images: Tensor) -> dict[str, Tensor]:
        """Return "features" (N, D) and "penultimate" (N, D') of the center of decoded images."""
        embeddings = self.model.embed(self.inputs(images)[:, 0])
        return {name: rows.float().cpu() for name, rows in embeddings.items()}

    def top(self, images: Tensor, k: int = 5) -> list[Prediction]:
        """Return the k most probable classes of decoded images, all if there are fewer."""
        probabilities = self.probabilities(images)
        values, indices = probabilities.topk(min(k, probabilities.shape[1]))
        return [
            Prediction([self.class_names[index] for index in row], found)
            for row, found in zip(indices.tolist(), values.tolist(), strict=True)
        ]

    def predict(self, images: Sequence[Path | bytes], k: int = 5) -> list[Prediction]:
        """Return the k most probable classes of image files or their contents, as one batch.

        Raises:
            BrokenImageError: one of them is not an image.
        """
        return self.top(torch.stack([self.preprocessing.decode(image) for image in images]), k)


def chosen_device(name: Device) -> str:
    """Return "cpu" or "cuda"; UserError if there is no GPU."""
    if name == "cuda" and not torch.cuda.is_available():
        raise UserError("--device: torch finds no GPU here; give auto or cpu")
    return "cuda" if name != "cpu" and torch.cuda.is_available() else "cpu"


def rebuilt(checkpoint: dict[str, Any]) -> ImageClassifier:
    """Return the model of a checkpoint; UserError if no known variant fits it."""
    name = variant_of(checkpoint)
    # Looked up among known classes, not imported: a checkpoint must not choose what code runs.
    if name in alexnet_lightning.VARIANTS:
        kind = getattr(alexnet_lightning, name)
    elif not (kind := {each.__name__: each for each in known(ImageClassifier)}.get(str(name))):
        raise UserError(f"the checkpoint is of {name}, which is no variant known here")
    # `weights` would be loaded only to be replaced; compiling takes longer than most predictions.
    arguments = {**checkpoint["hyper_parameters"], "compile": False}
    if "weights" in arguments:
        arguments["weights"] = None
    try:
        model: ImageClassifier = kind(**arguments)
        model.load_state_dict(checkpoint["state_dict"])
    except (RuntimeError, TypeError, ValueError) as error:  # of another version
        raise UserError(f"the checkpoint does not fit {name}: {one_line(error)}") from error
    return model


def known(base: type) -> list[type]:
    """Return all subclasses of a class, at any depth."""
    children: list[type] = base.__subclasses__()
    return [kind for child in children for kind in (child, *known(child))]
