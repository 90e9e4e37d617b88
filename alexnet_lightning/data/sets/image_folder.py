"""Your own images, one folder per class."""

from pathlib import Path
from typing import Any

from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import Images, stratified
from alexnet_lightning.data.files_module import FilesDataModule
from alexnet_lightning.data.storage.files import FileList, list_classes, subfolders
from alexnet_lightning.data.transforms.resizing import ResizeCropFlip
from alexnet_lightning.system.errors import UserError


class ImageFolderDataModule(FilesDataModule):
    """Your own images, in any format that Pillow reads, one folder per class.

    Read from `<folder>/` under `root`: `{train,val,test}/<class>/` or `<class>/`. Missing splits
    are random and stratified: test images out of all images, then validation images out of the
    training images. With train/ and val/ alone, val/ is the test split and validation images are
    taken from train/, so that the test images do not choose the checkpoint.

    Args:
        folder: under `root`.
        val_fraction: fraction of the training images used for validation if val/ or test/ is
            missing.
        test_fraction: fraction of the images used for the test if there are no splits.
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
        self.divided = divided(self.path)
        self.class_names = subfolders(self.path / "train" if self.divided else self.path)
        if len(self.class_names) < 2:
            raise UserError(
                f"{self.path.resolve()} has {len(self.class_names)} classes: give two or "
                "more, as <class>/ or train/<class>/ with val/ or test/, or name another folder "
                "with --data.root and --data.folder"
            )

    def parts(self) -> dict[str, FileList]:
        where = {name: self.path / name for name in self.divided} or {"all": self.path}
        return {name: list_classes(path, self.class_names) for name, path in where.items()}

    def divide(self, parts: dict[str, Images]) -> dict[Split, Images]:
        if "all" in parts:
            train, test = stratified(
                parts["all"], self.test_fraction, self.seed, "test_fraction", self.class_names
            )
        else:
            train, test = parts["train"], parts["test" if "test" in parts else "val"]
        if "val" in parts and "test" in parts:
            return {"train": train, "val": parts["val"], "test": test}
        train, val = stratified(train, self.val_fraction, self.seed, class_names=self.class_names)
        return {"train": train, "val": val, "test": test}


def divided(folder: Path) -> list[str]:
    """The splits that have a folder of their own; none if the class folders lie at the top."""
    if not subfolders(folder / "train"):  # a class may be named train
        return []
    parts = [name for name in ("train", "val", "test") if (folder / name).is_dir()]
    if len(parts) == 1:
        raise UserError(f"{folder} has train/ alone: add val/ or test/, or move its folders up")
    return parts
