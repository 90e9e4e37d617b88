"""Archives of data sets: unpacked whole, or not at all, and never outside their folder."""

import shutil
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

from tqdm import tqdm

from alexnet_lightning.data.storage.download import check_md5, download
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line

BROKEN = (OSError, EOFError, RuntimeError, tarfile.TarError, BadZipFile, zlib.error)


def provide(archive: Path, url: str | None, md5: str) -> None:
    """Unpack an archive into its folder; download it first unless it lies there. It is kept.

    Args:
        archive: where it lies or will lie; tar, compressed or not, or zip.
        url: where to get it; None never downloads.
        md5: the sum it must have, in hexadecimal.

    Raises:
        UserError: it cannot be had, has another sum or cannot be unpacked.
    """
    if archive.is_file():
        check_md5(archive, md5)
    elif url is None:
        raise UserError("data.url is null, so nothing was downloaded")
    else:
        download(url, archive, md5)
    unpack(archive, archive.parent)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive beside where it belongs, and move it there when all of it is unpacked.

    Raises:
        UserError: the archive is damaged, the disk is full, or a member would lie outside
            `folder`; nothing is left of it.
    """
    part = folder / f".{archive.name}.part"
    shutil.rmtree(part, ignore_errors=True)  # what a killed attempt left
    try:
        extract(archive, part)
        for path in part.iterdir():
            path.replace(folder / path.name)
    except BROKEN as error:
        why = one_line(error)
        raise UserError(f"{archive} cannot be unpacked: {why}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def extract(archive: Path, folder: Path) -> None:
    """Write all members of an archive under `folder`; UserError if one says it lies elsewhere."""
    members: Mapping[str, Any]
    with ZipFile(archive) if archive.suffix == ".zip" else tarfile.open(archive) as opened:
        if isinstance(opened, ZipFile):
            members = {member.filename: member for member in opened.infolist()}
        else:
            opened.extraction_filter = tarfile.data_filter  # no devices, no links that lead out
            members = {member.name: member for member in opened.getmembers()}
        for name in members:
            check_inside(name, archive)
        for member in tqdm(members.values(), f"unpacking {archive.name}", delay=1, disable=None):
            opened.extract(member, folder)


def check_inside(name: str, source: Path) -> None:
    """Raise a UserError if `name`, a path that a file from elsewhere gives, leads out."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"{source} names {name}, which lies outside its folder: do not trust it")
