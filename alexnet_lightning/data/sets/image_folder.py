"""Your own images, one folder per class."""

import os
from pathlib import Path
from typing import Any

from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import TEST_SEED, Images, stratified
from alexnet_lightning.data.files_module import FilesDataModule
from alexnet_lightning.data.storage.files import FileList, beside, list_classes, subfolders
from alexnet_lightning.data.transforms.resizing import ResizeCropFlip
from alexnet_lightning.system.errors import UserError

NAMES: dict[str, tuple[str, ...]] = {  # of the splits' folders, in capitals or not
    "train": ("train", "training"),
    "val": ("val", "valid", "validation"),
    "test": ("test", "testing"),
}


class ImageFolderDataModule(FilesDataModule):
    """Your own images, in any format that Pillow reads, one folder per class.

    Read from `<folder>/` under `root`: `{train,val,test}/<class>/` or `<class>/`; valid/ and
    validation/ are val/, training/ is train/, testing/ is test/, in capitals or not. Folders in a
    class folder belong to the class. Missing splits
    are random and stratified: test images out of all images, then validation images out of the
    training images. With train/ and val/ alone, val/ is the test split and validation images are
    taken from train/, so that the test images do not choose the checkpoint.

    Args:
        folder: under `root`.
        val_fraction: fraction of the training images used for validation if val/ or test/ is
            missing.
        test_fraction: fraction of the images used for the test if there are no splits; the same
            images with every seed.
    """

    default_transform = ResizeCropFlip(256, 224)

    def __init__(
        self,
        folder: str = "pictures",
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        **common: Any,
    ) -> None:
        self.folder = folder
        self.val_fraction = val_fraction
        self.test_fraction = test_fraction
        super().__init__(**common)
        if not self.path.is_dir():
            raise UserError(
                f"{self.path.resolve()}: no such folder; name another with --data.root and "
                "--data.folder"
            )
        self.divided = divided(self.path)
        self.folders = subfolders(self.divided.get("train", self.path))
        # A folder's name need not be UTF-8, what prints a class's has to be.
        self.class_names = [
            os.fsencode(name).decode("utf-8", "backslashreplace") for name in self.folders
        ]
        if len(self.class_names) < 2:
            raise UserError(
                f"{self.path.resolve()} has {len(self.class_names)} classes: give two or "
                "more, as <class>/ or train/<class>/ with val/ or test/, or name another folder "
                "with --data.root and --data.folder"
            )

    def parts(self) -> dict[str, FileList]:
        where = self.divided or {"all": self.path}
        parts = {name: list_classes(path, self.folders) for name, path in where.items()}
        if self.divided:
            used = [path.name for path in self.divided.values()]
            parts["train"].left_out.add(beside(self.path, used))
        return parts

    def divide(self, parts: dict[str, Images]) -> dict[Split, Images]:
        if "val" in parts and "test" in parts:
            return {"train": parts["train"], "val": parts["val"], "test": parts["test"]}
        if "all" in parts:
            train, test = stratified(
                parts["all"], self.test_fraction, TEST_SEED, "test_fraction", self.class_names
            )
        else:
            train, test = parts["train"], parts["test" if "test" in parts else "val"]
        return super().divide({"train": train, "test": test})


def divided(folder: Path) -> dict[str, Path]:
    """The folders of the splits; none if the class folders lie at the top."""
    found: dict[str, Path] = {}
    names = subfolders(folder)
    for split, known in NAMES.items():
        ours = [name for name in names if name.lower() in known]
        if len(ours) > 1:
            raise UserError(f"{folder} has {' and '.join(ours)}: keep one of them as {split}/")
        if ours:
            found[split] = folder / ours[0]
    if "train" not in found and len(found) == len(names) and any(map(subfolders, found.values())):
        raise UserError(
            f"{folder} has {' and '.join(names)} without train/: add it, or move the class folders "
            "up"
        )
    if "train" not in found or not subfolders(found["train"]):  # a class may be named train
        return {}
    if len(found) == 1:
        raise UserError(f"{folder} has train/ alone: add val/ or test/, or move its folders up")
    return found
