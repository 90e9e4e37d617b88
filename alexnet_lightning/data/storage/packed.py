"""Packed images: image files decoded and resized once, then read at the disk's speed.

A pack is a folder `<parent>-<folder>-<size>-<key>/` in the cache. `images.npy` is uint8
(N, size, size, 3), one row per file, which numpy can map; `index.json` has its source and the
files that could not be decoded (their rows are black). Other files, or changed ones, have another
key and so another pack. Old packs stay until their folders are deleted: other runs may use them.
"""

import errno
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from alexnet_lightning.data.storage.decoding import DECODER, BrokenImageError, decode
from alexnet_lightning.data.storage.files import FileImages, FileList, ImageFiles, LeftOut
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.signals import leave_to_parent
from alexnet_lightning.system.text import reason

Kind = TypeVar("Kind", bound=FileImages)
PIXELS, INDEX = "images.npy", "index.json"
CHUNK = 32  # images per task of a worker
WAYS_OUT = "free some space, or give another --data.cache, or --data.storage files"


class PackedImages(FileImages):
    """Images of a pack, read on demand, from `start` bytes on.

    Batches are read, not mapped: mapped pages would count as memory of this process. The file is
    opened for each batch, so that an object can be copied to any process.
    """

    def __init__(self, files: FileList, size: int, folder: Path, start: int) -> None:
        super().__init__(files, size)
        self.folder, self.start = folder, start
        self.rows = torch.arange(len(files.labels))

    def __getitem__(self, indices: Sequence[int] | Tensor) -> tuple[Tensor, Tensor]:
        chosen = torch.as_tensor(indices)
        pixels = np.empty((len(chosen), self.size, self.size, 3), np.uint8)
        try:
            with (self.folder / PIXELS).open("rb", buffering=0) as file:
                for row, image in zip(self.rows[chosen].tolist(), pixels, strict=True):
                    offset = self.start + row * image.nbytes
                    if os.preadv(file.fileno(), [image.data], offset) != image.nbytes:
                        raise OSError(0, "it is too short")
        except OSError as error:
            raise UserError(
                f"{self.folder / PIXELS} cannot be read ({error.strerror}): "
                "delete its folder and start again, to pack the images again"
            ) from error
        return torch.from_numpy(pixels).permute(0, 3, 1, 2), self.labels[chosen]

    def subset(self, indices: Tensor) -> Self:
        part = super().subset(indices)
        part.rows = self.rows[indices]
        return part

    def fingerprint(self) -> str:
        chosen = hashlib.blake2b(self.rows.numpy().tobytes(), digest_size=8).hexdigest()
        return f"{self.folder.name}-{chosen}"


def open_pack(files: FileList, size: int, cache: Path) -> PackedImages:
    """Return the images of these files, packed in `cache` first if they are not there."""
    folder = pack_folder(files, size, cache)
    start, broken = read_pack(folder) or pack(files, size, folder)
    return without(PackedImages(files, size, folder, start), broken, files.left_out)


def open_files(files: FileList, size: int, cache: Path) -> ImageFiles:
    """Return these files as images that are decoded each time, without those that cannot be.

    As in a pack: all are decoded once to know them, and the list is kept in `cache` if it can be.
    """
    folder = pack_folder(files, size, cache)
    kept = folder.with_name(f"{folder.name}.json")
    packed = read_pack(folder)
    broken = packed[1] if packed else read_broken(kept)
    if broken is None:
        nowhere = Path(os.devnull)
        broken = decode_all(Packer(files, 1, nowhere, 0), f"checking {files.folder}")
        with suppress(OSError), replacing(kept) as part:
            write_index(part, files, size, broken)
    return without(ImageFiles(files, size), broken, files.left_out)


def pack_folder(files: FileList, size: int, cache: Path) -> Path:
    source = Path(files.folder).resolve()
    name = f"{source.parent.name}-{source.name}"[-80:]  # for readers; the key identifies the pack
    return cache / f"{name}-{size}-{files.key(size)}"


def without(images: Kind, broken: dict[int, str], left_out: LeftOut) -> Kind:
    """Leave out and note the rows that could not be decoded, with a warning.

    UserError if a class has no others.
    """
    if not broken:
        return images
    # Not at the top: workers that are no forks import this file.
    from lightning.pytorch.utilities.rank_zero import rank_zero_warn

    kept = torch.ones(len(images), dtype=torch.bool)
    kept[list(broken)] = False
    labels = images.labels
    for label in sorted(set(labels.tolist()) - set(labels[kept].tolist())):
        lost = (labels == label).nonzero().flatten()
        raise UserError(
            f"class {label} has no image that can be read: replace its {len(lost)} files, "
            f"{images.name(int(lost[0]))} …"
        )
    left_out.images.update({images.name(row): why for row, why in broken.items()})
    names = ", ".join(images.name(row) for row in list(broken)[:3])
    rank_zero_warn(
        f"{len(broken)} of {len(images)} images cannot be read and are left out: {names}"
        f"{', …' if len(broken) > 3 else ''}; check_data lists all"
    )
    return images.subset(kept.nonzero().flatten())


def read_pack(folder: Path) -> tuple[int, dict[int, str]] | None:
    """Offset of the first image and the errors by row; None if the pack is incomplete."""
    try:
        start = np.load(folder / PIXELS, mmap_mode="r").offset
    except (OSError, ValueError):
        return None
    broken = read_broken(folder / INDEX)
    return None if broken is None else (start, broken)


def read_broken(index: Path) -> dict[int, str] | None:
    """Errors by row of the files that cannot be decoded; None if that is not known."""
    try:
        return {
            entry["row"]: entry["error"]
            for entry in json.loads(index.read_text(encoding="utf-8"))["broken"]
        }
    except (OSError, ValueError, KeyError):
        return None


def pack(files: FileList, size: int, folder: Path) -> tuple[int, dict[int, str]]:
    """Make the pack of these files, or wait for another process that makes it; as `read_pack`."""
    with refusing(folder), alone(folder):
        if content := read_pack(folder):
            return content
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
        try:
            part.mkdir()
            content = build(files, size, part, folder)
            shutil.rmtree(folder, ignore_errors=True)  # damaged
            part.rename(folder)
            return content
        finally:
            shutil.rmtree(part, ignore_errors=True)


def build(files: FileList, size: int, part: Path, folder: Path) -> tuple[int, dict[int, str]]:
    """Write the pack into `part`, which will be renamed to `folder`; return as `read_pack`."""
    shape = (len(files.paths), size, size, 3)
    needed, free = int(np.prod(shape)), shutil.disk_usage(folder.parent).free
    if needed > free:
        raise UserError(
            f"{folder} needs {needed / 1e9:.2f} GB for {shape[0]} images of {size} px, but "
            f"{free / 1e9:.2f} GB are free: {WAYS_OUT}"
        )
    pixels = part / PIXELS
    start = np.lib.format.open_memmap(pixels, "w+", np.uint8, shape).offset
    broken = decode_all(Packer(files, size, pixels, start), f"packing {folder}")
    write_index(part / INDEX, files, size, broken)
    for name in (PIXELS, INDEX):  # on the disk before the folder is renamed
        with (part / name).open("rb") as file:
            os.fsync(file.fileno())
    return start, broken


def write_index(path: Path, files: FileList, size: int, broken: dict[int, str]) -> None:
    index = {
        "folder": files.folder,
        "files": len(files.paths),
        "size": size,
        "decoder": DECODER,
        "broken": [{"row": row, "error": error} for row, error in sorted(broken.items())],
    }
    path.write_text(json.dumps(index, indent=1), encoding="utf-8")


class Packer(Dataset[dict[int, str] | UserError]):
    """Decodes ranges of files into their rows; returns the errors of broken files by row.

    A fatal error is returned too: raised, it would keep the workers alive for seconds. Processes,
    not threads: equally fast on two cores, but a fifth of the work holds Python's lock, so
    threads would not scale beyond five cores.
    """

    def __init__(self, files: FileList, size: int, pixels: Path, start: int) -> None:
        self.paths, self.size, self.pixels, self.start = files.paths, size, pixels, start

    def __getitem__(self, rows: range) -> dict[int, str] | UserError:
        broken = {}
        try:
            with refusing(self.pixels), self.pixels.open("r+b", buffering=0) as file:
                for row in rows:
                    try:
                        self.write(file.fileno(), row, decode(self.paths[row], self.size))
                    except BrokenImageError as error:
                        broken[row] = str(error)
        except UserError as error:
            return error
        return broken

    def write(self, file: int, row: int, image: Tensor) -> None:
        pixels = image.permute(1, 2, 0).contiguous().numpy()
        if os.pwrite(file, pixels.data, self.start + row * pixels.nbytes) < pixels.nbytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def decode_all(packer: Packer, title: str) -> dict[int, str]:
    """Run the packer over all files, with one process per core."""
    count = len(packer.paths)
    chunks = [range(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK)]
    workers = min(cores(), len(chunks) // 4)  # none for a few images
    own = torch.Generator()  # a loader samples a seed, by default from the global generator
    loader = DataLoader(
        packer,
        sampler=chunks,
        batch_size=None,
        num_workers=workers,
        worker_init_fn=leave_to_parent,
        generator=own,
    )
    broken: dict[int, str] = {}
    failure = None
    with tqdm(desc=title, total=count, unit=" images", delay=0.5, disable=None) as bar:
        for found in loader:
            if isinstance(found, UserError):
                failure = found  # raised after the loop, which ends the workers
                break
            broken |= found
            bar.update(min(CHUNK, count - bar.n))
    if failure is not None:
        raise failure
    return broken


def cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux; respects the limits of a Slurm job
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn errors of writing into a UserError."""
    try:
        yield
    except (OSError, NotImplementedError) as error:  # the latter: no locks
        raise UserError(f"{path} cannot be written ({reason(error)}): {WAYS_OUT}") from error


def alone(folder: Path) -> AbstractContextManager[object]:
    """Return the lock beside `folder`, acquired; leaving it releases it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{folder}.lock")
    try:
        return lock.acquire(timeout=0)
    except Timeout:
        print(f"waiting for another process, which packs {folder}", file=sys.stderr)
        return lock.acquire()
