"""What all data sets share: splits, batches, and the preprocessing from images to input."""

import math
import os
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any, Literal, TypeVar

import torch
from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities.rank_zero import rank_zero_warn
from torch import Tensor

from alexnet_lightning.data.batches import Batches, Images, ImageTensors, Loader, seeded
from alexnet_lightning.data.identity import DataIdentity
from alexnet_lightning.data.label_noise import fewer, mislabelled
from alexnet_lightning.data.transforms.colour import PCANoise
from alexnet_lightning.data.transforms.crops import Identity, Transform, Views
from alexnet_lightning.data.transforms.scaling import check_stored, normalise
from alexnet_lightning.data.transforms.statistics import (
    PixelStatistics,
    mean_image,
    pixel_statistics,
)
from alexnet_lightning.data.transforms.targets import Targets
from alexnet_lightning.system.devices import free_memory, moved
from alexnet_lightning.system.errors import UserError

Split = Literal["train", "val", "test"]
InMemory = Literal["auto", "memory", "device"]
Measure = TypeVar("Measure")


class ImageDataModule(LightningDataModule, ABC):
    """A data set: its splits, its batches, and how images become the network's input.

    A subclass sets the constants below and implements `load`.

    Args:
        root: folder of the data sets.
        batch_size: images per process and step, >= 1.
        transform: crops, flips and sizes; default: the data set's own.
        colour: color noise in training; null for none.
        targets: what the loss compares with in training; null for class indices.
        views: views of a test image, over which the probabilities are averaged; of six the logits.
        mean: per channel, for pixels in 0-1, default: the training set's; or "image", the mean
            of the training images, as in 2012.
        std: per channel, for pixels in 0-1; default: the training set's.
        pixel_max: scale of the input, > 0: 1 for modern recipes, 255 for that of 2012.
        train_images: number of training images kept, random by the seed; null keeps all.
        label_noise: fraction of the training images with a wrong label, 0 to 1: another class,
            random by the seed. Labels of validation and test stay right.
        seed: random seed of split, data order and augmentation, >= 0; null follows
            `seed_everything` on the command line, and is 0 in Python.
    """

    class_names: list[str]
    in_channels: int = 3
    native_size: int
    channel_mean: tuple[float, ...]
    channel_std: tuple[float, ...]
    default_transform: Transform = Identity()
    storage: str = "auto"  # where images in memory are kept, see `placed`
    workers: int = 0  # processes that load batches
    has_validation: bool = True  # whether images are held out; else the split "val" is empty
    trained_on: DataIdentity | None = None  # the data of the checkpoint that `setup` compares with
    accept_changed: bool = False  # whether other data than that will do

    def __init__(
        self,
        root: str = "data",
        batch_size: int = 128,
        transform: Transform | None = None,
        colour: PCANoise | None = None,
        targets: Targets | None = None,
        views: Views = "centre",
        mean: list[float] | Literal["image"] | None = None,
        std: list[float] | None = None,
        pixel_max: float = 1.0,
        seed: int | None = None,
        train_images: int | None = None,
        label_noise: float = 0.0,
    ) -> None:
        super().__init__()
        self.root = os.path.expanduser(root)  # noqa: PTH111  # a text
        self.batch_size = batch_size
        self.transform = transform or self.default_transform
        self.colour = colour
        self.targets = targets
        self.views: Views = views
        self.mean = mean or list(self.channel_mean)
        self.std = std or list(self.channel_std)
        self.pixel_max = pixel_max
        self.seed = seed or 0
        self.train_images = train_images
        self.label_noise = label_noise
        self.wrong_labels = 0  # number of training images, after `setup`
        self.splits: dict[Split, Images] = {}
        self.mean_image: Tensor | None = None
        self.statistics: PixelStatistics | None = None
        self.check_arguments()

    def check_arguments(self) -> None:
        """Raise a UserError for the first argument out of range."""
        if self.batch_size < 1:
            raise UserError(f"data.batch_size is {self.batch_size}: give a number >= 1")
        if self.seed < 0:
            raise UserError(f"data.seed is {self.seed}: give a number >= 0")
        if self.train_images is not None and self.train_images < 1:
            raise UserError(f"data.train_images is {self.train_images}: give a number >= 1")
        if not 0 <= self.label_noise <= 1:
            raise UserError(f"data.label_noise is {self.label_noise}: give a number from 0 to 1")
        if not 0 < self.pixel_max < math.inf:
            raise UserError(f"data.pixel_max is {self.pixel_max}: give a number > 0, 1 or 255")
        for key, values in (("mean", self.mean), ("std", self.std)):
            if values != "image" and len(values) != self.in_channels:
                raise UserError(f"data.{key} is {values}: give {self.in_channels} value(s)")
        if not all(0 < value < math.inf for value in self.std):
            raise UserError(f"data.std is {self.std}: every value must be > 0")
        self.transform.check(self.native_size, self.views)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.class_names)

    @property
    def image_size(self) -> int:
        """Side in pixels of the network's input."""
        return self.transform.output_size(self.native_size)

    @abstractmethod
    def load(self) -> dict[Split, Images]:
        """Open all splits; UserError if they are not available."""

    def setup(self, stage: str | None = None) -> None:
        """Open the data set once, for fit and test, and measure what the recipe needs.

        UserError if it is not the one that a network was trained on; see `trained_on`.
        """
        if not self.splits:
            splits = self.load()
            splits["train"] = fewer(splits["train"], self.train_images, self.seed)
            self.wrong_labels = round(self.label_noise * len(splits["train"]))
            if self.wrong_labels:
                splits["train"] = mislabelled(
                    splits["train"], self.wrong_labels, self.num_classes, self.seed
                )
            if self.trained_on is not None:
                self.identity = self.same_as(self.trained_on, splits)
            self.adopt(splits)
        if self.trainer is not None and not self.has_validation:
            self.trainer.limit_val_batches = 0

    def same_as(self, before: DataIdentity, splits: dict[Split, Images]) -> DataIdentity:
        """Number the classes as in a trained network; UserError if anything else has changed."""
        order = before.indices(self.class_names)
        classes = list(before.classes)
        for index, name in zip(order.tolist(), self.class_names, strict=True):
            classes[index] = name
        for images in {id(images): images for images in splits.values()}.values():
            images.labels = order[images.labels]
        changed = before.of_classes(self.class_names)
        self.class_names = classes
        found = DataIdentity.of(classes, splits)
        changed = "; ".join(filter(None, [changed, before.difference(found)]))
        if changed:
            told = f"the data has changed since the network was trained on it: {changed}"
            if not self.accept_changed:
                raise UserError(
                    f"{told}; restore it and the arguments of its split; fit, evaluate and explain "
                    "go on with --accept_changed_data"
                )
            rank_zero_warn(told)
        return replace(found, changed="; ".join(filter(None, [before.changed, changed])))

    @cached_property
    def identity(self) -> DataIdentity:
        """What the splits are made of, after `setup`."""
        return DataIdentity.of(self.class_names, self.splits)

    def adopt(self, splits: dict[Split, Images]) -> None:
        """Use these splits, and measure what the recipe needs: mean image, color statistics."""
        if self.mean == "image":
            self.mean_image = self.measured(mean_image, splits["train"], self.transform)
        if self.colour is not None:
            self.statistics = self.measured(pixel_statistics, splits["train"])
        self.splits = splits

    def measured(self, measure: Callable[..., Measure], images: Images, *how: Any) -> Measure:
        """Return measure(images, *how); a data set with a cache stores the result there."""
        return measure(images, *how)

    def train_dataloader(self) -> Loader:
        """Batches as stored, uint8 (N, C, S, S) and labels int64 (N,), in a new order each epoch.

        `on_after_batch_transfer`, which a Trainer calls on the device, makes the network's input.
        """
        return self._loader("train")

    def val_dataloader(self) -> Loader | list[Loader]:
        return self._loader("val") if self.has_validation else []

    def test_dataloader(self) -> Loader:
        return self._loader("test")

    def predict_dataloader(self) -> Loader:
        """The test images, for `Trainer.predict`."""
        return self._loader("test")

    def _loader(self, split: Split) -> Loader:
        self.setup()
        images, trainer = self.splits[split], self.trainer
        rank, world_size = 0, 1
        if trainer is not None:
            rank, world_size = trainer.global_rank, trainer.world_size
            if getattr(trainer, "overfit_batches", 0):
                # Lightning would replace our sampler of batches by its own of single images.
                raise UserError("trainer.overfit_batches: use trainer.limit_train_batches instead")
        training = split == "train"
        batches = Batches(len(images), self.batch_size, training, self.seed, rank, world_size)
        # Images come by class, and the first batches would be of one.
        batches.mixed = not training and len(batches) > limit_of(trainer, split, len(batches))
        if trainer is not None:
            images = self.placed(images, trainer.strategy.root_device)
        return Loader(images, batches, self.workers, self._next_batch if training else int)

    def placed(self, images: Images, device: torch.device) -> Images:
        """Return images in memory on the device, if `storage` says so, and others as they are.

        With "auto" they are, if they take less than a quarter of a GPU's free memory; UserError if
        they do not fit there at all.
        """
        if self.storage not in ("auto", "device") or not isinstance(images, ImageTensors):
            return images
        size, free = images.images.nbytes, free_memory(device)
        if self.storage == "auto":
            return images.to(device) if free is not None and 4 * size < free else images
        if free is not None and size > free:
            raise UserError(
                f"data.storage is device: {len(images)} images take {size / 1e9:.2f} GB, and "
                f"{free / 1e9:.2f} GB are free on {device}; give memory"
            )
        return images.to(device)

    def _next_batch(self) -> int:
        """Index of the next batch in the epoch that a fit is in; 0 outside a fit."""
        trainer = self.trainer
        return trainer.fit_loop.batch_idx + 1 if trainer is not None and trainer.training else 0

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> tuple[Tensor, Tensor]:
        """Turn a uint8 batch into the network's input, on the batch's device.

        A test or prediction with several views has images (N, views, C, image_size, image_size).
        """
        images, labels = batch
        trainer = self.trainer
        if trainer is None:
            return self.preprocess(images), labels
        if trainer.training:
            # The batch index: the optimizer's step stays the same while gradients accumulate.
            batch = self._next_batch()
            images, labels = self.augment(images, labels, trainer.current_epoch, batch)
        elif self.views != "centre" and (trainer.testing or trainer.predicting):
            seen = self.transform.views(images, self.views)
            images = self.normalise(seen.flatten(0, 1)).unflatten(0, seen.shape[:2])
        else:
            images = self.preprocess(images)
        # Lightning did so while they were bytes, and left them as they were.
        return trainer.precision_plugin.convert_input(images), labels

    def augment(
        self, images: Tensor, labels: Tensor, epoch: int, batch: int
    ) -> tuple[Tensor, Tensor]:
        """Training input and targets, random by (seed, epoch, batch, rank) alone.

        The same views on every device, since all of it is sampled on the CPU.
        """
        rank = 0 if self.trainer is None else self.trainer.global_rank
        generator = seeded("cpu", self.seed, epoch, batch, rank)
        pixels, offsets = self.transform.augment_in(epoch, images, generator), None
        if self.colour is not None and self.statistics is not None:
            steps = self.colour.draw(self.statistics, len(images), generator)
            offsets = moved(steps, images.device)
        pixels = self.normalise(pixels, offsets)
        if self.colour is not None and self.colour.divisor != 1:
            pixels /= self.colour.divisor
        if self.targets is None:
            return pixels, labels
        return self.targets.mix(pixels, labels, self.num_classes, generator)

    def preprocess(self, images: Tensor) -> Tensor:
        """Evaluation input: uint8 (N, C, S, S) to float32 (N, C, image_size, image_size)."""
        check_stored(images)
        return self.normalise(self.transform.evaluate(images))

    def normalise(self, images: Tensor, offsets: Tensor | None = None) -> Tensor:
        """`scaling.normalise` with the recipe's constants: images of 0-255, (N, C, T, T)."""
        return normalise(images, self.centre, self.std, self.pixel_max, offsets)

    @property
    def centre(self) -> list[float] | Tensor:
        """What is subtracted: a value per channel, or the mean image (after `setup`)."""
        if self.mean != "image":
            return self.mean
        assert self.mean_image is not None
        return self.mean_image

    def preprocessing(self) -> dict[str, Any]:
        """Arguments of `inference.preprocessing.Preprocessing`: plain values and tensors."""
        return {
            "class_names": list(self.class_names),
            "channels": self.in_channels,
            "size": self.native_size,
            "resize": self.transform.whole_size(self.native_size),
            "crop": self.image_size,
            "mean": self.centre,
            "std": self.std,
            "pixel_max": self.pixel_max,
        }

    def sample(self, split: Split, count: int) -> tuple[Tensor, Tensor]:
        """The same random images of a split at every call: preprocessed float32, and labels.

        At most `count`: (n, C, image_size, image_size) and int64 (n,).
        """
        self.setup()
        images = self.splits[split]
        chosen = torch.randperm(len(images), generator=seeded("cpu", 0))[:count]
        pixels, labels = images[chosen]
        return self.preprocess(pixels), labels


def limit_of(trainer: Any, split: Split, batches: int) -> int:
    """Number of batches that a Trainer evaluates at most, of so many."""
    limit = getattr(trainer, f"limit_{split}_batches", 1.0)
    return int(limit) if isinstance(limit, int) or limit > 1 else int(limit * batches)
