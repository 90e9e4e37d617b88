"""Two processes are not at work on one file."""

from pathlib import Path

import pytest

from alexnet_lightning.data.storage.archives import download, unpack
from alexnet_lightning.system.alone import keep_alone
from alexnet_lightning.system.errors import UserError

BUSY = "another process is at work on it"


def test_a_file_is_kept_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with path.open("ab") as first:
        keep_alone(first, path)
        with path.open("ab") as second, pytest.raises(UserError, match=f"{path}: {BUSY}"):
            keep_alone(second, path)
    with path.open("ab") as third:
        keep_alone(third, path)


def test_a_download_or_an_archive_of_another_process_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "there.zip").write_bytes(b"all of it")
    part = tmp_path / "here.zip.part"
    with part.open("wb") as file:
        keep_alone(file, part)
        file.write(b"half")
        file.flush()
        with pytest.raises(UserError, match=BUSY):
            download((tmp_path / "there.zip").as_uri(), tmp_path / "here.zip", "")
    assert part.read_bytes() == b"half"
    with part.open("rb") as file:
        keep_alone(file, part)
        with pytest.raises(UserError, match=BUSY):
            unpack(part, tmp_path)
