"""One file from the network: whole and checked under its name, or not there at all."""

import hashlib
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tqdm import tqdm

from alexnet_lightning.system.errors import UserError

TIMEOUT = 30.0  # seconds without a byte
CHUNK = 1 << 18  # bytes


def download(url: str, path: Path, md5: str) -> None:
    """Fetch `url` to `path`, going on from `path`.part if an earlier attempt was cut short.

    Args:
        url: http://, https:// or file://.
        path: where the file will lie; appears only when complete.
        md5: the sum it must have, in hexadecimal.

    Raises:
        UserError: no connection, an HTTP error, a cut connection (the part stays, to be resumed)
            or a wrong sum (the part is removed).
    """
    part = path.with_name(path.name + ".part")
    try:
        fetch(url, part)
    except (OSError, HTTPException, ValueError) as error:
        raise UserError(f"cannot download {url}: {error}") from error
    found = md5_of(part)
    if found != md5:
        part.unlink()
        raise UserError(f"{url} has the md5 sum {found}, expected {md5}: check the address")
    part.replace(path)


def fetch(url: str, part: Path) -> None:
    """Append to `part` what it lacks of `url`; OSError if the connection breaks first."""
    start = part.stat().st_size if part.exists() else 0
    request = Request(url, headers={"Range": f"bytes={start}-"} if start else {})
    try:
        response = urlopen(request, timeout=TIMEOUT)
    except HTTPError as error:
        error.close()
        if start and error.code == 416:  # nothing lies beyond: the part is whole, or not ours
            return
        raise
    with response:
        resumed = response.status == 206  # None for file://, 200 from servers without ranges
        start = start if resumed else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        part.parent.mkdir(parents=True, exist_ok=True)  # not before there is something to put there
        with (
            part.open("ab" if resumed else "wb") as file,
            tqdm(
                desc=part.stem,
                total=total,
                initial=start,
                unit="B",
                unit_scale=True,
                disable=None,  # unless it is a terminal
            ) as bar,
        ):
            while chunk := response.read(CHUNK):
                file.write(chunk)
                bar.update(len(chunk))
    if total is not None and part.stat().st_size != total:
        raise OSError(f"cut off after {part.stat().st_size} of {total} bytes; run again to go on")


def check_md5(path: Path, md5: str) -> None:
    """Raise a UserError if the file has another sum."""
    if (found := md5_of(path)) != md5:
        raise UserError(
            f"{path} has the md5 sum {found}, expected {md5}: remove it to fetch it again"
        )


def not_found(name: str, root: str, forms: str, why: str) -> UserError:
    """Return the error that says what was looked for, where, and how to provide it.

    Args:
        name: of the data set.
        root: folder of the data sets.
        forms: what was looked for under it.
        why: there was no download.
    """
    return UserError(
        f"no {name} under {Path(root).resolve()}: looked for {forms}; {why}; put one of them "
        f"there, or name another folder with --data.root or another address with --data.url"
    )


def md5_of(path: Path) -> str:
    """The file's md5 sum in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()
