"""How a pack is made: by all cores, once, whole or not at all."""

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
CHUNK = 32  # images that a worker takes on at a time
WAYS_OUT = (
    "make room, name another folder with --data.cache, or do without packing by "
    "--data.storage files"
)


class Packer(Dataset[dict[int, str] | UserError]):
    """Decodes ranges of files into their rows; gives the errors of the broken ones by row.

    Or what stops it: an exception raised would keep the reading processes up for seconds.

    Processes, not threads: both pack 1.7 times as many images a second on two cores, but a fifth
    of the work holds Python's lock, so five cores' worth would be the end.

    Args:
        files: all of them.
        size: side in pixels.
        pixels: the file to write into.
        start: bytes before the first row.
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
        """Write uint8 (3, size, size) to its row."""
        pixels = image.permute(1, 2, 0).contiguous().numpy()
        if os.pwrite(file, pixels.data, self.start + row * pixels.nbytes) < pixels.nbytes:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def pack(files: FileList, size: int, folder: Path) -> None:
    """Make the pack of these files; whoever comes second waits until it is there.

    Raises:
        UserError: the cache cannot be written or has no room; a file cannot be opened.
    """
    with refusing(folder), alone(folder):
        if read_pack(folder):
            return
        part = folder.with_name(f"{folder.name}.part")
        shutil.rmtree(part, ignore_errors=True)  # of somebody who was killed
        try:
            part.mkdir()
            build(files, size, part, folder)
            shutil.rmtree(folder, ignore_errors=True)  # cut short by a failing disk
            part.rename(folder)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def build(files: FileList, size: int, part: Path, folder: Path) -> None:
    """Write the pack that is to become `folder` into `part`."""
    shape = (len(files.paths), size, size, 3)
    check_room(shape, folder)
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
    for name in (PIXELS, INDEX):  # on the disk before the folder gets its name
        with (part / name).open("rb") as file:
            os.fsync(file.fileno())


def read_pack(folder: Path) -> tuple[int, dict[int, str]] | None:
    """Where in its file the first image starts, and what is wrong with which rows; None if cut."""
    try:
        start = np.load(folder / PIXELS, mmap_mode="r").offset
        broken = json.loads((folder / INDEX).read_text())["broken"]
    except (OSError, ValueError, KeyError):
        return None
    return start, {entry["row"]: entry["error"] for entry in broken}


def decode_all(packer: Packer, title: str) -> dict[int, str]:
    """Run the packer over all files in as many processes as there are cores."""
    count = len(packer.paths)
    chunks = [range(first, min(first + CHUNK, count)) for first in range(0, count, CHUNK)]
    workers = min(cores(), len(chunks) // 4)  # none for a handful
    own = torch.Generator()  # a loader draws a number, from the global one by default
    loader = DataLoader(packer, sampler=chunks, batch_size=None, num_workers=workers, generator=own)
    broken: dict[int, str] = {}
    failure = None
    with tqdm(desc=title, total=count, unit=" images", delay=0.5, disable=None) as bar:
        for found in loader:
            if isinstance(found, UserError):
                failure = found
                break
            broken |= found
            bar.update(min(CHUNK, count - bar.n))
    if failure is not None:
        raise failure
    return broken


def cores() -> int:
    """Number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):  # Linux; a job of Slurm has its share of the machine
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_room(shape: tuple[int, ...], folder: Path) -> None:
    """Raise a UserError unless the disk has room for a pack of this shape."""
    needed, free = int(np.prod(shape)), shutil.disk_usage(folder.parent).free
    if needed > free:
        raise UserError(
            f"{folder} needs {needed / 1e9:.2f} GB for {shape[0]} images of {shape[1]} px, and "
            f"{free / 1e9:.2f} GB are free: {WAYS_OUT}"
        )


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn what the system says against writing into a UserError."""
    try:
        yield
    except (OSError, NotImplementedError) as error:  # the latter: file systems without locks
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
        print(f"waiting for another process that packs {folder}", file=sys.stderr)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
