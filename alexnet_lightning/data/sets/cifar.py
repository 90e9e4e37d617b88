"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009), read from any of their four usual forms."""

import io
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from alexnet_lightning.data.base import ImageDataModule, InMemory, Split
from alexnet_lightning.data.batches import Images, ImageTensors, held_out
from alexnet_lightning.data.storage.archives import Address, check_md5, download, not_found
from alexnet_lightning.data.storage.decoding import decode
from alexnet_lightning.data.storage.files import list_classes
from alexnet_lightning.data.storage.parquet import read_parquet
from alexnet_lightning.data.transforms.crops import PadCropFlip
from alexnet_lightning.system.errors import UserError

CLASSES_10 = "airplane automobile bird cat deer dog frog horse ship truck".split()  # noqa: SIM905
# In the order of the official labels, which is alphabetical.
CLASSES_100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile
cup dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp
lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree
orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum
rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider
squirrel streetcar sunflower sweet_pepper table tank telephone television tiger tractor train
trout tulip turtle wardrobe whale willow_tree wolf woman worm
""".split()  # noqa: SIM905


class ArraysOnly(pickle.Unpickler):
    """Loads numpy arrays and plain Python values only: nothing that could run code."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {
            ("numpy", "ndarray"): np.ndarray,
            ("numpy", "dtype"): np.dtype,
            # Its module in numpy 1, which the official files name, and in numpy 2.
            ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
            ("numpy._core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
        }
        if (module, name) not in allowed:
            raise pickle.UnpicklingError(f"it contains {module}.{name}")
        return allowed[module, name]


class CIFARDataModule(ImageDataModule):
    """60,000 color images of 32 px, 40,000 / 10,000 / 10,000, in memory; a subclass sets names.

    Args:
        val_images: number of training images held out for validation, >= 0; with 0 no epoch is
            chosen, and `checkpoint.monitor` is null.
        url: address of the archive (http, https or file), or several, tried in their order; null
            never downloads.
        storage: "memory" sends each batch of images to the GPU; "device" keeps all of them there,
            so that a batch sends their indices alone; "auto" is "device" where a split takes less
            than a quarter of the GPU's free memory. On a CPU all are the same.
    """

    title: str
    folders: str  # <folders>/{train,test}/<class>/
    batches: str  # the folder of the official files, which are pickles
    archive: str  # of that folder
    md5: str  # of the archive, from the data set's home page
    train_files: tuple[str, ...]
    test_file: str
    label_key: str  # of the class indices, in a pickle
    on_hub: str  # the data set's name on the Hugging Face hub
    parquet: str  # <folders>/<parquet>/{train,test}-*.parquet, as the hub serves them
    parquet_label: str  # column of the class indices
    native_size = 32
    default_transform = PadCropFlip()

    def __init__(
        self,
        val_images: int = 10_000,
        url: Address = None,
        storage: InMemory = "auto",
        **common: Any,
    ) -> None:
        super().__init__(**common)
        self.storage = storage
        self.val_images = val_images
        self.has_validation = val_images != 0
        self.url = url

    def prepare_data(self) -> None:
        """Download the archive unless the data set is there."""
        if self.source() is not None:
            return
        try:
            download(self.url, Path(self.root) / self.archive, self.md5)
        except UserError as error:
            raise self.missing(str(error)) from error

    def source(self) -> Path | None:
        """The first of the four forms found under `root`."""
        root = Path(self.root)
        if (root / self.batches).is_dir():
            return root / self.batches
        if (root / self.archive).is_file():
            return root / self.archive
        if (root / self.folders / "train").is_dir():
            return root / self.folders
        parquet = root / self.folders / self.parquet
        return parquet if any(parquet.glob("*.parquet")) else None

    def missing(self, why: str) -> UserError:
        folders = f"{self.folders}/{{train,test}}/<class>/*.{{png,jpg,…}}"
        parquet = f"{self.folders}/{self.parquet}/*.parquet"
        forms = f"{self.batches}/, {self.archive}, {folders} and {parquet}"
        return not_found(self.title, self.root, forms, f"{why}; {self.quickest()}")

    def quickest(self) -> str:
        """Return the three quickest ways to the images; the official host can be slow."""
        folder = Path(self.root) / self.folders
        hub = f"hf download {self.on_hub} --repo-type dataset --local-dir {folder}"
        return (
            f"the quickest ways: (1) {hub}; (2) --data.root with the folder of another program, "
            f"such as torchvision, that has {self.batches}/; (3) --data.url with a faster mirror "
            f"of {self.archive}, whose md5 is checked"
        )

    def load(self) -> dict[Split, Images]:
        source = self.source()
        if source is None:
            raise self.missing("nothing was downloaded")
        train, test = self.read(source)
        if not 0 <= self.val_images < len(train):
            raise UserError(
                f"data.val_images is {self.val_images}: give 0 to {len(train) - 1}; "
                f"{source} has {len(train)} training images"
            )
        rest, val = held_out(train, self.val_images, self.seed)
        return {"train": rest, "val": val, "test": test}

    def read(self, source: Path) -> tuple[ImageTensors, ImageTensors]:
        folder = Path(self.root) / self.folders
        if source == folder:
            return self.read_folders(source / "train"), self.read_folders(source / "test")
        if source == folder / self.parquet:
            return self.read_parquet(source, "train"), self.read_parquet(source, "test")
        files, names = self.pickles(source), (*self.train_files, self.test_file)
        *train, test = (self.from_pickle(files[name], source / name) for name in names)
        images, labels = (torch.cat(parts) for parts in zip(*train, strict=True))
        return ImageTensors(images, labels), ImageTensors(*test)

    def pickles(self, source: Path) -> dict[str, bytes]:
        """The content of the official files by name; an archive is unpacked in memory only."""
        if source.is_dir():
            paths = [source / name for name in (*self.train_files, self.test_file)]
            for path in paths:
                if not path.is_file():
                    raise UserError(f"{path} is missing: add it or remove the folder")
            return {path.name: path.read_bytes() for path in paths}
        check_md5(source, self.md5)
        with tarfile.open(source) as archive:
            return {
                Path(member.name).name: file.read()
                for member in archive
                if (file := archive.extractfile(member)) is not None
            }

    def from_pickle(self, content: bytes, where: Path) -> tuple[Tensor, Tensor]:
        """Images and labels of one pickle: a dict of data, uint8 (N, 3072), and class indices."""
        try:
            batch = ArraysOnly(io.BytesIO(content), encoding="latin1").load()
            images = torch.from_numpy(batch["data"]).reshape(-1, 3, 32, 32)
            labels = torch.tensor(batch[self.label_key], dtype=torch.int64)
            if images.dtype != torch.uint8 or labels.shape != images.shape[:1]:
                raise ValueError(f"data {images.dtype} {tuple(images.shape)}, {len(labels)} labels")
            if not ((labels >= 0) & (labels < self.num_classes)).all():
                raise ValueError(f"labels outside 0-{self.num_classes - 1}")
        except Exception as error:  # a damaged pickle can raise anything
            raise UserError(f"{where} is not a CIFAR file ({error}): replace it") from error
        return images, labels

    def read_parquet(self, folder: Path, split: str) -> ImageTensors:
        images, labels = read_parquet(folder, split, self.parquet_label, self.native_size)
        if not ((labels >= 0) & (labels < self.num_classes)).all():
            raise UserError(f"{folder}: {split} has labels outside 0-{self.num_classes - 1}")
        return ImageTensors(images, labels)

    def read_folders(self, folder: Path) -> ImageTensors:
        files = list_classes(folder, self.class_names)
        # The bar appears only on a terminal and when the disk is slow.
        paths = tqdm(files.paths, f"reading {folder}", delay=2, disable=None)
        images = torch.stack([decode(path, self.native_size) for path in paths])
        return ImageTensors(images, files.labels, [str(path) for path in files.paths])


class CIFAR10DataModule(CIFARDataModule):
    """60,000 color images of 32 px in ten classes: 40,000 / 10,000 / 10,000.

    Read from the first of these under `root`: `cifar-10-batches-py/` (official pickles),
    `cifar-10-python.tar.gz` (official archive), `cifar10/{train,test}/<class>/` (image files),
    `cifar10/plain_text/*.parquet` (as the Hugging Face hub serves them). If there is none, the
    archive is downloaded. Class folders and Parquet files may have another order than the official
    files, so the same seed may give another random validation split there.
    """

    title = "CIFAR-10"
    folders = "cifar10"
    batches = "cifar-10-batches-py"
    archive = "cifar-10-python.tar.gz"
    md5 = "c58f30108f718f92721af3b95e74349a"
    train_files = tuple(f"data_batch_{number}" for number in range(1, 6))
    test_file = "test_batch"
    label_key = "labels"
    on_hub = "uoft-cs/cifar10"
    parquet = "plain_text"
    parquet_label = "label"
    class_names = CLASSES_10
    # Over the 50,000 official training images and all their pixels.
    channel_mean = (0.4914, 0.4822, 0.4465)
    channel_std = (0.2470, 0.2435, 0.2616)

    def __init__(
        self,
        url: Address = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        **common: Any,
    ) -> None:
        super().__init__(url=url, **common)


class CIFAR100DataModule(CIFARDataModule):
    """60,000 color images of 32 px in 100 classes (the fine labels): 40,000 / 10,000 / 10,000.

    Read as CIFAR-10, from `cifar-100-python/`, `cifar-100-python.tar.gz`,
    `cifar100/{train,test}/<class>/` or `cifar100/cifar100/*.parquet`.
    """

    title = "CIFAR-100"
    folders = "cifar100"
    batches = "cifar-100-python"
    archive = "cifar-100-python.tar.gz"
    md5 = "eb9058c3a382ffc7106e4002c42a8d85"
    train_files = ("train",)
    test_file = "test"
    label_key = "fine_labels"
    on_hub = "uoft-cs/cifar100"
    parquet = "cifar100"
    parquet_label = "fine_label"
    class_names = CLASSES_100
    # Over the 50,000 official training images and all their pixels.
    channel_mean = (0.5071, 0.4865, 0.4409)
    channel_std = (0.2673, 0.2564, 0.2762)

    def __init__(
        self,
        url: Address = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
        **common: Any,
    ) -> None:
        super().__init__(url=url, **common)
