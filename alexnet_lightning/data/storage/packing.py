"""Make a pack of image files: on all cores, once, completely or not at all."""

import errno
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from alexnet_lightning.data.storage.decoding import DECODER, BrokenImageError, decode
from alexnet_lightning.data.storage.files import FileList
from alexnet_lightning.system.errors import UserError

PIXELS, INDEX = "images.npy", "index.json"
CHUNK = 32  # images per task of a worker
WAYS_OUT = "free some space, or give another --data.cache, or --data.storage files"


class Packer(Dataset[dict[int, str] | UserError]):
    """Decodes ranges of files into their rows; returns the errors of broken files by row.

    A fatal error is returned too: raised, it would keep the workers alive for seconds. Processes,
    not threads: equally fast on two cores, but a fifth of the work holds Python's lock, so
    threads would not scale beyond five cores.

    Args:
        size: side in pixels.
        pixels: the file to write.
        start: offset in bytes of its first row.
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


def pack(files: FileList, size: int, folder: Path) -> None:
    """Make the pack of these files, or wait for another process that makes it.

    Raises:
        UserError: the cache cannot be written or lacks space, or a file cannot be opened.
    """
    with refusing(folder), alone(folder):
        if read_pack(folder):
            return
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)  # of a process that was killed
        try:
            part.mkdir()
            build(files, size, part, folder)
            shutil.rmtree(folder, ignore_errors=True)  # damaged
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def build(files: FileList, size: int, part: Path, folder: Path) -> None:
    """Write the pack into `part`, which will be renamed to `folder`."""
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
    index = {
        "folder": files.folder,
        "files": len(files.paths),
        "size": size,
        "decoder": DECODER,
        "broken": [{"row": row, "error": error} for row, error in sorted(broken.items())],
    }
    (part / INDEX).write_text(json.dumps(index, indent=1))
    for name in (PIXELS, INDEX):  # on the disk before the folder is renamed
        with (part / name).open("rb") as file:
            os.fsync(file.fileno())


def read_pack(folder: Path) -> tuple[int, dict[int, str]] | None:
    """Offset of the first image and the errors by row; None if the pack is incomplete."""
    try:
        start = np.load(folder / PIXELS, mmap_mode="r").offset
        broken = json.loads((folder / INDEX).read_text())["broken"]
    except (OSError, ValueError, KeyError):
        return None
    return start, {entry["row"]: entry["error"] for entry in broken}


def decode_all(packer: Packer, title: str) -> dict[int, str]:
    """Run the packer over all files, with one process per core."""
    count = len(packer.paths)
    chunks = [range(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK)]
    workers = min(cores(), len(chunks) // 4)  # none for a few images
    own = torch.Generator()  # a loader samples a seed, by default from the global generator
    loader = DataLoader(packer, sampler=chunks, batch_size=None, num_workers=workers, generator=own)
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
        why = getattr(error, "strerror", None) or error
        raise UserError(f"{path} cannot be written ({why}): {WAYS_OUT}") from error


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock beside `folder`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(f"{folder}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"waiting for another process, which packs {folder}", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
