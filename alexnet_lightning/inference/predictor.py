"""A trained network that predicts the classes of images, without a Trainer or the data set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np
import torch
from torch import Tensor

import alexnet_lightning
from alexnet_lightning.data.identity import DataIdentity
from alexnet_lightning.data.storage.decoding import ImageSource, decode
from alexnet_lightning.data.transforms.resizing import ResizeCropFlip
from alexnet_lightning.data.transforms.scaling import check_stored, normalise
from alexnet_lightning.data.transforms.views import Views
from alexnet_lightning.inference.choices import Source
from alexnet_lightning.system.devices import chosen_device
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.training.hub_folder import rebuilt_as
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

    def decode(self, image: ImageSource) -> Tensor:
        """Read an image of any source as uint8 (channels, size, size); see `decode`."""
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
    """What a network says of one image.

    Attributes:
        classes: names of the most probable classes, the most probable first.
        probabilities: theirs, in the same order.
    """

    classes: list[str]
    probabilities: list[float]


class Predictor:
    """The network of a run, its preprocessing and its class names.

    Decoded images are uint8 (N, channels, size, size), as `preprocessing.decode` returns them.

    Args:
        checkpoint: content of a checkpoint file of this project; or a run folder, whose best
            checkpoint is taken, or a folder of `export --format hub`.
        views: views of each image that are averaged.
        device: "auto", "cpu", "cuda", "cuda:1" or "mps".
        variant: class of the network, if it is none of the package's; by default a class of the
            name in the checkpoint that has been imported.

    Raises:
        UserError: the checkpoint is incomplete, its network sees no such views, or torch finds no
            such device.
    """

    def __init__(
        self,
        checkpoint: dict[str, Any] | str | Path,
        views: Views = "centre",
        device: str = "cpu",
        variant: type[ImageClassifier] | None = None,
    ) -> None:
        if not isinstance(checkpoint, dict):
            source = Source.find(checkpoint)
            checkpoint = source.run.read(str(source.checkpoint))
            variant = variant or source.variant
        missing = {"hyper_parameters", "preprocessing"} - checkpoint.keys()
        if variant_of(checkpoint) is None:
            missing.add("variant")
        if missing:
            raise UserError(
                f"the checkpoint has no {', '.join(sorted(missing))}: it was made by an earlier "
                "version or another program; train again"
            )
        self.preprocessing = Preprocessing(**checkpoint["preprocessing"])
        if views not in get_args(Views):
            raise UserError(f"views is {views}: give one of {', '.join(get_args(Views))}")
        self.views: Views = views
        if views == "ten" and self.preprocessing.resize == self.preprocessing.crop:
            raise UserError("--views: this network sees the whole image; give centre, flip or six")
        self.trained_on = DataIdentity.of_checkpoint(checkpoint)
        self.device = torch.device(chosen_device(device))
        self.model = rebuilt(checkpoint, variant).to(self.device).eval()
        kept = self.preprocessing
        gray = torch.full((1, kept.channels, kept.size, kept.size), 127, dtype=torch.uint8)
        self.probabilities(gray)  # of a diverged network nothing may be used

    @classmethod
    def load(
        cls,
        run: str | Path | Source,
        which: str = "best",
        views: Views = "centre",
        device: str = "cpu",
    ) -> "Predictor":
        """Return the predictor of a checkpoint.

        Args:
            run: run folder, a config's name or "latest" for its newest run, or a checkpoint file.
                A folder of `export --format hub` is one too.
                A network of one's own is imported by the path in the run's config.yaml.
            which: "best", "last" or the path of a checkpoint.

        Raises:
            UserError: there is no such run or checkpoint, or it is not one of this project.
        """
        source = run if isinstance(run, Source) else Source.find(run, which)
        content = source.run.read(str(source.checkpoint))
        return cls(content, views, device, source.variant)

    @property
    def class_names(self) -> list[str]:
        """In the order of the logits."""
        return self.preprocessing.class_names

    def inputs(self, images: Tensor, views: Views = "centre") -> Tensor:
        """Return views of decoded images as the network's input, (N, V, channels, crop, crop)."""
        check_stored(images)
        return self.preprocessing.views(images.to(self.device), views)

    @torch.inference_mode()
    def probabilities(self, images: Tensor) -> Tensor:
        """Return float32 (N, K) of decoded images, on the CPU; UserError if not finite."""
        found = self.model.over_views(self.inputs(images, self.views)).exp().cpu()
        if not found.isfinite().all():
            raise UserError(
                "the network's outputs are not finite: its training has diverged; give another "
                "checkpoint, or train again with a lower learning rate"
            )
        return found

    @torch.inference_mode()
    def embed(self, images: Tensor) -> dict[str, Tensor]:
        """Return "features" (N, D) and "penultimate" (N, D') of the center of decoded images."""
        embeddings = self.model.embed(self.inputs(images)[:, 0])
        return {name: rows.float().cpu() for name, rows in embeddings.items()}

    def top(self, images: Tensor, k: int = 5) -> list[Prediction]:
        """Return the k most probable classes of decoded images, all if there are fewer."""
        if k < 1:
            raise UserError(f"k is {k}: give a whole number >= 1")
        probabilities = self.probabilities(images)
        values, indices = probabilities.topk(min(k, probabilities.shape[1]))
        return [
            Prediction([self.class_names[index] for index in row], found)
            for row, found in zip(indices.tolist(), values.tolist(), strict=True)
        ]

    def predict(
        self, images: "ImageSource | Sequence[ImageSource]", k: int = 5
    ) -> list[Prediction]:
        """Return the k most probable classes of one image or of several, as one batch.

        Args:
            images: each the path of a file, its content as bytes, an image of Pillow's, an array
                uint8 (H, W, 3) or (H, W), or a tensor uint8 (3, H, W) or (1, H, W). Arrays and
                tensors of one more dimension are several images.
            k: number of classes, the most probable first; all if there are fewer.

        Returns:
            A prediction per image, in their order; a list of one for one image.

        Raises:
            BrokenImageError: one of them is not an image.
        """
        several = images.ndim == 4 if isinstance(images, np.ndarray | Tensor) else False
        each: Any = images if several or isinstance(images, Sequence) else [images]
        if isinstance(images, str | bytes):
            each = [images]
        if len(each) == 0:
            return []
        return self.top(torch.stack([self.preprocessing.decode(image) for image in each]), k)


def rebuilt(
    checkpoint: dict[str, Any], variant: type[ImageClassifier] | None = None
) -> ImageClassifier:
    """Return the model of a checkpoint; UserError if no known variant, nor the given one, fits."""
    name = str(variant_of(checkpoint))
    # A user's class goes before ours, which may be called the same.
    kind = variant if variant and variant.__name__ == name else class_named(name)
    model: ImageClassifier = rebuilt_as(kind, checkpoint)
    return model


def class_named(name: str) -> Any:
    """Return the variant of a name; UserError if there is none in the package, nor imported."""
    # Looked up among known classes, not imported: a checkpoint must not choose what code runs.
    if name in alexnet_lightning.VARIANTS:
        return getattr(alexnet_lightning, name)
    known: list[type] = [ImageClassifier]
    for base in known:  # which grows
        known += base.__subclasses__()
    for kind in reversed(known):  # in a notebook, the last definition
        if kind.__name__ == name:
            return kind
    raise UserError(
        f"the weights are of {name}, which is no variant of the package: give the run folder, "
        "whose config.yaml says where the class is; or import it in Python, and use Predictor"
    )
