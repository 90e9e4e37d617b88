"""Archives of data sets: downloaded, checked and unpacked, completely or not at all."""

import hashlib
import shutil
import tarfile
import zlib
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Any, TypeAlias
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from zipfile import BadZipFile, ZipFile

from tqdm import tqdm

from alexnet_lightning.system import progress
from alexnet_lightning.system.alone import keep_alone
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line

# Mirrors are tried in their order; None never downloads.
Address: TypeAlias = Sequence[str] | str | None


def provide(archive: Path, url: Address, md5: str) -> None:
    """Unpack a tar or zip archive into its folder, downloaded first if it is missing.

    It is not deleted. A `url` of None never downloads. UserError if anything fails.
    """
    if archive.is_file():
        check_md5(archive, md5)
    else:
        download(url, archive, md5)
    unpack(archive, archive.parent)


def unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive beside its destination, then move it there; nothing is left of errors."""
    part = folder / f".{archive.name}.part"
    try:
        with archive.open("rb") as file:
            keep_alone(file, archive)
            shutil.rmtree(part, ignore_errors=True)  # from an attempt that was killed
            extract(archive, part)
            for path in part.iterdir():
                path.replace(folder / path.name)
            shutil.rmtree(part, ignore_errors=True)
    except (OSError, EOFError, RuntimeError, tarfile.TarError, BadZipFile, zlib.error) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise UserError(f"{archive} cannot be unpacked: {one_line(error)}") from error


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


def download(url: Address, path: Path, md5: str) -> None:
    """Download a file of http, https or file URLs; the first that gives it is enough.

    An interrupted download continues from `path`.part, from the same address or another. UserError
    if all fail; the part is kept, except if its checksum is wrong.
    """
    addresses = [url] if isinstance(url, str) else url
    if not addresses:
        raise UserError("data.url is null, so nothing was downloaded")
    failures: list[str] = []
    for address in addresses:
        if failures:
            progress.say(f"{failures[-1]}; trying {address}")
        try:
            return download_from(address, path, md5)
        except UserError as error:
            failures.append(str(error))
    raise UserError("; ".join(failures))


def download_from(url: str, path: Path, md5: str) -> None:
    """Download a file from one address; UserError if it fails."""
    part = path.with_name(path.name + ".part")
    try:
        fetch(url, part)
    except (OSError, HTTPException, ValueError) as error:
        raise UserError(f"cannot download {url}: {error}") from error
    found = md5_of(part)
    if found != md5:
        part.unlink()
        raise UserError(f"{url} has the md5 checksum {found}, expected {md5}: check the address")
    part.replace(path)


def fetch(url: str, part: Path) -> None:
    """Append what is missing of `url` to `part`; OSError if the connection breaks first."""
    start = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urlopen(request, timeout=30)  # seconds without data
    except HTTPError as error:
        error.close()
        if start and error.code == 416:  # the part is complete, or of another file
            return
        raise
    with response:
        resumed = response.status == 206  # None for file://, 200 from servers without ranges
        start = start if resumed else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        part.parent.mkdir(parents=True, exist_ok=True)  # only once there is data
        bar = tqdm(None, part.stem, total, initial=start, unit="B", unit_scale=True, disable=None)
        with part.open("ab") as file, bar:
            keep_alone(file, part)
            if file.tell() != start and resumed:
                raise OSError("another process has gone on with it; run again to continue")
            file.truncate(start)
            while chunk := response.read(1 << 18):
                file.write(chunk)
                bar.update(len(chunk))
    size = part.stat().st_size
    if total is not None and size != total:
        raise OSError(f"interrupted after {size} of {total} bytes; run again to continue")


def check_md5(path: Path, md5: str) -> None:
    if (found := md5_of(path)) != md5:
        raise UserError(
            f"{path} has the md5 checksum {found}, expected {md5}: remove it to download it again"
        )


def not_found(name: str, root: str, forms: str, why: str) -> UserError:
    """Return the error for a data set that is not there, in any of these forms."""
    return UserError(
        f"no {name} under {Path(root).resolve()}: looked for {forms}; {why}; put one of "
        f"these there, or name another folder with --data.root or another address with --data.url"
    )


def md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
