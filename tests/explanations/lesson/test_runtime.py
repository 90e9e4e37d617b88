"""The runtime's package: pinned, checked, kept; what fails is a line."""

import io
import tarfile
from pathlib import Path

import pytest

from alexnet_lightning.explanations.lesson import runtime
from alexnet_lightning.explanations.lesson.runtime import FILES, checksum, read_runtime
from alexnet_lightning.system.errors import UserError


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with small files, pinned in place of the real one, at its address."""
    path = tmp_path / "onnxruntime-web.tgz"
    with tarfile.open(path, "w:gz") as file:
        for name in ("package.json", *(f"dist/{each}" for each in FILES)):
            member = tarfile.TarInfo(f"package/{name}")
            member.size = len(name)
            file.addfile(member, io.BytesIO(name.encode()))
    monkeypatch.setattr(runtime, "SHA512", checksum(path))
    monkeypatch.setattr(runtime, "ADDRESS", path.as_uri())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return path


def test_it_is_downloaded_once(package: Path, tmp_path: Path) -> None:
    expected = {name: f"dist/{name}".encode() for name in FILES}
    assert read_runtime() == expected
    package.unlink()
    assert read_runtime() == expected
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept == [tmp_path / "cache" / "alexnet_lightning" / "onnxruntime-web.tgz"]


def test_a_given_file_is_not_kept(package: Path, tmp_path: Path) -> None:
    assert read_runtime(package).keys() == set(FILES)
    assert not (tmp_path / "cache").exists()


def test_no_internet_is_a_line_with_the_way_out(package: Path) -> None:
    package.unlink()
    with pytest.raises(UserError, match=r"^cannot download .*npm pack onnxruntime-web@\S+ makes"):
        read_runtime()


def test_another_file_at_the_address_is_refused_and_not_kept(package: Path, tmp_path: Path) -> None:
    package.write_bytes(b"something else")
    with pytest.raises(UserError, match="is not the file that npm states"):
        read_runtime()
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_kept_file_that_was_damaged_is_refused(package: Path) -> None:
    read_runtime()
    kept = runtime.cache() / package.name
    kept.write_bytes(b"damaged")
    with pytest.raises(UserError, match=r"\.tgz is not .*; remove it to download it again$"):
        read_runtime()


def test_another_given_file_is_refused(package: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.tgz"
    other.write_bytes(b"something else")
    with pytest.raises(UserError, match=r"^--runtime: .*other\.tgz is not onnxruntime-web \d"):
        read_runtime(other)
    with pytest.raises(UserError, match=r"^--runtime: no file .*nowhere\.tgz; make it by: npm"):
        read_runtime(tmp_path / "nowhere.tgz")


def test_the_pinned_sum_is_one_of_sha512() -> None:
    assert len(checksum(Path(__file__))) == len(runtime.SHA512) == 88
