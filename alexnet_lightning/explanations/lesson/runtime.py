"""ONNX Runtime for browsers: a pinned release of its npm package, checked and kept.

`python -m alexnet_lightning.explanations.lesson.runtime` fetches it, for the tests.
"""

import base64
import hashlib
import os
import tarfile
from http.client import HTTPException
from pathlib import Path

from alexnet_lightning.cli.command import run_command
from alexnet_lightning.data.storage.archives import fetch
from alexnet_lightning.system import progress
from alexnet_lightning.system.errors import UserError

VERSION = "1.30.0"
ADDRESS = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
# As npm states it, `npm view onnxruntime-web@VERSION dist.integrity`.
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
# The part that runs on the processor alone: what the page calls, and what that loads.
API, LOADER, WASM = (
    "ort.wasm.min.js", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm",
)  # fmt: skip
FILES = (API, LOADER, WASM)


def read_runtime(package: Path | None = None) -> dict[str, bytes]:
    """Return the contents of `API`, `LOADER` and `WASM`.

    Args:
        package: the .tgz that npm's registry has; by default it is downloaded once, and kept.

    Raises:
        UserError: the file cannot be read or downloaded, or it is not the pinned release.
    """
    path, flag = (kept_package(), "") if package is None else (package, "--runtime: ")
    made = f"npm pack onnxruntime-web@{VERSION}"
    if not path.is_file():
        raise UserError(f"{flag}no file {path}; make it by: {made}")
    if checksum(path) != SHA512:
        cure = f"make it by: {made}" if flag else "remove it to download it again"
        raise UserError(f"{flag}{path} is not onnxruntime-web {VERSION} as npm has it; {cure}")
    with tarfile.open(path) as package_file:
        members = {name: package_file.extractfile(f"package/dist/{name}") for name in FILES}
        return {name: member.read() for name, member in members.items() if member}


def kept_package() -> Path:
    """Return the path of the kept package, downloaded if it is not there yet."""
    path = cache() / Path(ADDRESS).name
    if path.is_file():
        return path
    part = path.with_name(f"{path.name}.part")
    try:
        with progress.told(f"downloading {ADDRESS}"):
            fetch(ADDRESS, part)
    except (OSError, HTTPException, ValueError) as error:
        raise UserError(
            f"cannot download {ADDRESS} ({error}): where there is internet, npm pack "
            f"onnxruntime-web@{VERSION} makes the file; give it with --runtime"
        ) from None
    if checksum(part) != SHA512:
        part.unlink()
        raise UserError(f"{ADDRESS} is not the file that npm states: try again later")
    part.replace(path)
    return path


def cache() -> Path:
    """Return the folder where downloads of this project are kept."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(home) / "alexnet_lightning"


def checksum(path: Path) -> str:
    """Return the sha512 of a file, in base64 as npm has it."""
    with path.open("rb") as file:
        return base64.b64encode(hashlib.file_digest(file, "sha512").digest()).decode()


if __name__ == "__main__":
    run_command(lambda _: print(kept_package()))
