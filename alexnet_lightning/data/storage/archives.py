"""Archives of data sets: unpacked completely or not at all, and only into their folder."""

import shutil
import tarfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

from tqdm import tqdm

from alexnet_lightning.data.storage.download import check_md5, download
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line

BROKEN = (OSError, EOFError, RuntimeError, tarfile.TarError, BadZipFile, zlib.error)


def provide(archive: Path, url: str | None, md5: str) -> None:
    """Unpack a tar or zip archive into its folder, downloaded first if it is missing.

    It is not deleted. A `url` of None never downloads.

    Raises:
        UserError: it cannot be downloaded, has another checksum or cannot be unpacked.
    """
    if archive.is_file():
        check_md5(archive, md5)
    else:
        download(url, archive, md5)
    unpack(archive, archive.parent)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive beside its destination, then move it there; nothing is left of errors."""
    part = folder / f".{archive.name}.part"
    shutil.rmtree(part, ignore_errors=True)  # from an attempt that was killed
    try:
        extract(archive, part)
        for path in part.iterdir():
            path.replace(folder / path.name)
    except BROKEN as error:
        raise UserError(f"{archive} cannot be unpacked: {one_line(error)}") from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


def extract(archive: Path, folder: Path) -> None:
    members: dict[str, Any]
    with ZipFile(archive) if archive.suffix == ".zip" else tarfile.open(archive) as opened:
        if isinstance(opened, ZipFile):
            members = {member.filename: member for member in opened.infolist()}
        else:
            opened.extraction_filter = tarfile.data_filter  # no devices, no links to outside
            members = {member.name: member for member in opened.getmembers()}
        for name in members:
            check_inside(name, archive)
        for member in tqdm(members.values(), f"unpacking {archive.name}", delay=1, disable=None):
            opened.extract(member, folder)


def check_inside(name: str, source: Path) -> None:
    """Raise a UserError if a path read from `source` is not inside the source's folder."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or ".." in path.parts:
        raise UserError(f"{source} contains {name}, outside its folder: do not use this file")
