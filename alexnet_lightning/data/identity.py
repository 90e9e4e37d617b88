"""What a data set was when a network was trained on it, and what of it has changed since."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from alexnet_lightning.data.batches import Images
from alexnet_lightning.system.errors import UserError


@dataclass(frozen=True)
class DataIdentity:
    """The classes in the order of the logits; of each split the number and the list of images.

    Without splits if the checkpoint is of a version that did not keep them. `changed` says what had
    changed when a training went on all the same.
    """

    classes: list[str]
    images: dict[str, int] = field(default_factory=dict)
    fingerprints: dict[str, str] = field(default_factory=dict)
    changed: str = ""

    @classmethod
    def of(cls, class_names: Sequence[str], splits: Mapping[Any, Images]) -> Self:
        counts = {split: len(images) for split, images in splits.items()}
        return cls(list(class_names), counts, {name: listed(of) for name, of in splits.items()})

    @classmethod
    def of_checkpoint(cls, checkpoint: Mapping[str, Any]) -> Self | None:
        if "data" in checkpoint:
            return cls(**checkpoint["data"])
        classes = checkpoint.get("preprocessing", {}).get("class_names")
        return classes and cls(classes)

    def stored(self) -> dict[str, Any]:
        """Return what a checkpoint keeps: plain values."""
        return asdict(self)

    def figures(self) -> dict[str, Any]:
        """Return what `summary.json` keeps."""
        every = hashlib.blake2b(repr(self.fingerprints).encode(), digest_size=8).hexdigest()
        counts = {f"data/{split}_images": count for split, count in self.images.items()}
        changed = {"data/changed": self.changed} if self.changed else {}
        return {**counts, "data/fingerprint": every, **changed}

    def indices(self, found: Sequence[str]) -> Tensor:
        """Return the index of the logit of each class found, int64 (K,).

        A class that is new takes the place of one that is missing, in their order. UserError if
        there are more classes than logits.
        """
        if len(found) > len(self.classes):
            raise UserError(
                f"the data has {len(found)} classes, the network was trained on {len(self.classes)}"
                f": {self.of_classes(found)}; remove them, or train a new network"
            )
        free = (index for index, name in enumerate(self.classes) if name not in found)
        known = {name: index for index, name in enumerate(self.classes)}
        return torch.tensor([known[name] if name in known else next(free) for name in found])

    def of_classes(self, found: Sequence[str]) -> str:
        """Return which classes are missing in `found`, and which are new; empty if none."""
        names = {"missing": [name for name in self.classes if name not in found]}
        names["new"] = [name for name in found if name not in self.classes]
        parts = [f"{what} {some(of)}" for what, of in names.items() if of]
        return f"classes {', '.join(parts)}" if parts else ""

    def difference(self, found: Self) -> str:
        """Return in words which lists of images have changed since; empty if none has."""
        parts = []
        for split, before in self.images.items():
            now = found.images.get(split, 0)
            if now != before:
                parts.append(f"{split} {before:,} → {now:,} images")
            elif self.fingerprints[split] != found.fingerprints[split]:
                parts.append(f"{split} has {now:,} images, but not the same")
        return "; ".join(parts)


def listed(images: Images) -> str:
    """Return a fingerprint of a split's images and their classes, in whatever order they are.

    Of images without names it depends on the classes in their order, which the split samples.
    """
    names = [images.name(index) for index in range(len(images))]
    # Below their common folder: a data set may move.
    start = os.path.commonprefix([min(names), max(names)]).rfind(os.sep) + 1 if names else 0  # noqa: RUF071
    pairs = sorted(zip(names, images.labels.tolist(), strict=True))
    digest = hashlib.blake2b(digest_size=8)
    for name, label in pairs:
        digest.update(os.fsencode(f"{name[start:]}\0{label}\0"))
    return digest.hexdigest()


def some(names: Sequence[str], count: int = 5) -> str:
    """Return the first names, and how many more there are."""
    more = f" and {len(names) - count} more" if len(names) > count else ""
    return ", ".join(names[:count]) + more
