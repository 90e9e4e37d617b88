"""Stanford Dogs (Khosla et al., 2011): 120 breeds of dogs from ImageNet."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import TEST_SEED, Images, stratified
from alexnet_lightning.data.files_module import FilesDataModule
from alexnet_lightning.data.storage.archives import check_inside, not_found, provide
from alexnet_lightning.data.storage.files import FileList
from alexnet_lightning.data.transforms.resizing import ResizeCropFlip
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line

BREEDS = 120
LISTS = {"train": "train_list.mat", "test": "test_list.mat"}
ARCHIVES = {
    "images.tar": ("1bb1f2a596ae7057f99d7d75860002ef", ["Images"]),
    "lists.tar": ("edbb9f16854ec66506b5f09b583e0656", list(LISTS.values())),
}


class StanfordDogsDataModule(FilesDataModule):
    """20,580 photographs of dogs of 120 breeds, 10,800 / 1,200 / 8,580; or of the largest breeds.

    Read from `stanford_dogs/` under `root`: `Images/<breed>/`, `train_list.mat`, `test_list.mat`;
    what is missing is downloaded (757 MB) and unpacked. All breeds: the official test images;
    validation images are held out of the official training images. Only the largest breeds: of
    their pooled images a quarter for the test, the same with every seed, of the rest a quarter for
    validation, as report 1 divides the largest five into 652 / 218 / 290. All splits are
    stratified. Of breeds with equally many images, the first by name count as the largest.

    Args:
        largest: number of breeds, those with the most images, 2 to 120; null for all of them and
            the official split.
        val_fraction: fraction of the official training images held out for validation; unused
            with `largest`.
        url: address of the folder of `images.tar` and `lists.tar`; null never downloads.
    """

    folder = "stanford_dogs"
    default_transform = ResizeCropFlip(256, 224)
    # Over the 12,000 official training images, in a copy cropped to the dogs, of 64 px.
    channel_mean = (0.4801, 0.4404, 0.3802)
    channel_std = (0.2660, 0.2580, 0.2575)

    def __init__(
        self,
        largest: int | None = None,
        val_fraction: float = 0.1,
        url: str | None = "http://vision.stanford.edu/aditya86/ImageNetDogs",
        **common: Any,
    ) -> None:
        self.largest = largest
        self.val_fraction = val_fraction
        self.url = url
        super().__init__(**common)

    def check_arguments(self) -> None:
        if self.largest is not None and not 2 <= self.largest <= BREEDS:
            raise UserError(f"data.largest is {self.largest}: give 2 to {BREEDS}, or null for all")
        super().check_arguments()

    @property
    def num_classes(self) -> int:  # known before the download
        return self.largest or BREEDS

    def prepare_data(self) -> None:
        """Download and unpack what is missing; pack the images."""
        for name, (md5, contents) in ARCHIVES.items():
            if not all((self.path / content).exists() for content in contents):
                address = None if self.url is None else f"{self.url}/{name}"
                try:
                    provide(self.path / name, address, md5)
                except UserError as error:
                    raise self.missing(str(error)) from error
        super().prepare_data()

    def missing(self, why: str) -> UserError:
        names = f"Images/<breed>/, {', '.join(LISTS.values())}; or {', '.join(ARCHIVES)}"
        return not_found("Stanford Dogs", self.root, f"in {self.folder}/ {names}", why)

    def parts(self) -> dict[str, FileList]:
        listed = {part: self.listed(name) for part, name in LISTS.items()}
        every = [name for names in listed.values() for name in names]
        counts = Counter(sorted(map(breed_of, every)))  # the first by name wins a tie
        breeds = sorted(breed for breed, _ in counts.most_common(self.largest))
        if len(breeds) != self.num_classes:
            raise UserError(
                f"{self.path}: {' and '.join(LISTS.values())} have {len(breeds)} breeds, "
                f"expected {self.num_classes}: replace them"
            )
        self.class_names = [breed.partition("-")[2].replace("_", " ") or breed for breed in breeds]
        if self.largest is not None:
            listed = {"all": every}
        return {part: self.files(names, breeds) for part, names in listed.items()}

    def listed(self, name: str) -> list[str]:
        """The images in a list, as <breed>/<file>; UserError if one is missing."""
        path, images = self.path / name, self.path / "Images"
        if not path.is_file():
            raise self.missing(f"{path} is missing")
        names = file_list(path)
        there = {image.relative_to(images).as_posix() for image in images.glob("*/*")}
        if lost := [name for name in names if name not in there]:
            raise UserError(
                f"{images / lost[0]} is missing, one of {len(lost)} images in {path}: remove "
                f"{images}; it will be unpacked again"
            )
        return names

    def files(self, names: list[str], breeds: list[str]) -> FileList:
        labels = {breed: label for label, breed in enumerate(breeds)}
        names = [name for name in names if breed_of(name) in labels]
        paths = [self.path / "Images" / name for name in names]
        return FileList(paths, torch.tensor([labels[breed_of(name)] for name in names]))

    def divide(self, parts: dict[str, Images]) -> dict[Split, Images]:
        if self.largest is None:
            return super().divide(parts)
        left, test = stratified(parts["all"], 0.25, TEST_SEED, "largest", self.class_names)
        train, val = stratified(left, 0.25, self.seed, "largest", self.class_names)
        return {"train": train, "val": val, "test": test}


def file_list(path: Path) -> list[str]:
    """Read the image names, <breed>/<file>, of an official list."""
    from scipy.io import loadmat

    try:
        cells = loadmat(path, squeeze_me=True, variable_names=["file_list"])["file_list"]
        names = [str(name) for name in np.atleast_1d(cells)]
    except Exception as error:  # a damaged file can raise anything
        raise UserError(
            f"{path} cannot be read as a MATLAB file ({one_line(error)}): replace it"
        ) from error
    for name in names:
        check_inside(name, path)
        if name.count("/") != 1:
            raise UserError(f"{path} has {name}, expected <breed>/<file>: replace it")
    return names


def breed_of(name: str) -> str:
    """n02085936-Maltese_dog of n02085936-Maltese_dog/1.jpg."""
    return name.partition("/")[0]
