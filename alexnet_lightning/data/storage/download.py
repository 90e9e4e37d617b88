"""Download a file: complete and checked under its name, or not there at all."""

import hashlib
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tqdm import tqdm

from alexnet_lightning.system.errors import UserError


def download(url: str | None, path: Path, md5: str) -> None:
    """Download a http, https or file URL; an interrupted download continues from `path`.part.

    Raises:
        UserError: no connection, an HTTP error, an interrupted connection (the part is kept) or
            a wrong checksum (the part is deleted).
    """
    if url is None:
        raise UserError("data.url is null, so nothing was downloaded")
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
        with part.open("ab" if resumed else "wb") as file, bar:
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
