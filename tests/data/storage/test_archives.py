"""Archives, whole, damaged and malicious."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from alexnet_lightning.data.storage import archives
from alexnet_lightning.data.storage.archives import md5_of, provide, unpack
from alexnet_lightning.system.errors import UserError

Write = Callable[[Path, dict[str, bytes]], None]


def write_tar(path: Path, files: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


def write_zip(path: Path, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)


WRITERS = [pytest.param("a.tar", write_tar, id="tar"), pytest.param("a.zip", write_zip, id="zip")]


def everything(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_unpacks_beside_what_is_there(tmp_path: Path, name: str, write: Write) -> None:
    write(tmp_path / name, {"Images/a/1.jpg": b"one", "list.mat": b"two"})
    (tmp_path / "other").touch()
    unpack(tmp_path / name, tmp_path)
    found = everything(tmp_path)
    assert found == sorted(["Images", "Images/a", "Images/a/1.jpg", name, "list.mat", "other"])
    assert (tmp_path / "Images" / "a" / "1.jpg").read_bytes() == b"one"


@pytest.mark.parametrize(("name", "write"), WRITERS)
@pytest.mark.parametrize("evil", ["../evil", "a/../../evil", "/evil", "..\\evil", "a/.."])
def test_member_outside(tmp_path: Path, name: str, write: Write, evil: str) -> None:
    root = tmp_path / "root"
    root.mkdir()
    write(root / name, {"good": b"1", evil: b"2"})
    with pytest.raises(UserError, match=r"contains .*outside its folder"):
        unpack(root / name, root)
    assert everything(tmp_path) == ["root", f"root/{name}"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
def test_link_or_device_outside(tmp_path: Path, kind: bytes) -> None:
    root = tmp_path / "root"
    root.mkdir()
    with tarfile.open(root / "a.tar", "w") as archive:
        member = tarfile.TarInfo("innocent")
        member.type, member.linkname = kind, "../outside"
        archive.addfile(member)
    with pytest.raises(UserError, match=r"a\.tar cannot be unpacked: .*innocent"):
        unpack(root / "a.tar", root)
    assert everything(tmp_path) == ["root", "root/a.tar"]


@pytest.mark.parametrize(("name", "write"), WRITERS)
def test_damaged_leaves_nothing(tmp_path: Path, name: str, write: Write) -> None:
    write(tmp_path / name, {"a/1": bytes(5000), "a/2": bytes(5000)})
    content = (tmp_path / name).read_bytes()
    for length in (0, 3000, 7000):
        (tmp_path / name).write_bytes(content[:length])
        with pytest.raises(UserError, match=rf"{name} cannot be unpacked: ") as error:
            unpack(tmp_path / name, tmp_path)
        assert "\n" not in str(error.value)
        assert everything(tmp_path) == [name]


def test_zip_with_a_wrong_sum_inside(tmp_path: Path) -> None:
    write_zip(tmp_path / "a.zip", {"a": b"content"})
    content = (tmp_path / "a.zip").read_bytes()
    (tmp_path / "a.zip").write_bytes(content.replace(b"content", b"konTent"))
    with pytest.raises(UserError, match=r"a\.zip cannot be unpacked: Bad CRC"):
        unpack(tmp_path / "a.zip", tmp_path)
    assert everything(tmp_path) == ["a.zip"]


def test_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tar(tmp_path / "a.tar", {"a": b"1"})

    def full(archive: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "half").touch()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archives, "extract", full)
    with pytest.raises(UserError, match=r"a\.tar cannot be unpacked: .*No space left"):
        unpack(tmp_path / "a.tar", tmp_path)
    assert everything(tmp_path) == ["a.tar"]


def test_what_a_kill_left_is_removed(tmp_path: Path) -> None:
    write_tar(tmp_path / "a.tar", {"a": b"1"})
    left = tmp_path / ".a.tar.part"
    left.mkdir()
    (left / "half").touch()
    unpack(tmp_path / "a.tar", tmp_path)
    assert everything(tmp_path) == ["a", "a.tar"]


def test_provide(tmp_path: Path) -> None:
    write_zip(tmp_path / "mirror.zip", {"a": b"1"})
    url, md5 = (tmp_path / "mirror.zip").as_uri(), md5_of(tmp_path / "mirror.zip")
    archive = tmp_path / "root" / "a.zip"
    with pytest.raises(UserError, match=r"data\.url is null"):
        provide(archive, None, md5)
    provide(archive, url, md5)
    assert everything(archive.parent) == ["a", "a.zip"]
    (tmp_path / "mirror.zip").unlink()
    (archive.parent / "a").unlink()
    provide(archive, url, md5)  # what lies there is not fetched again
    assert (archive.parent / "a").read_bytes() == b"1"
    archive.write_bytes(b"other")
    with pytest.raises(UserError, match=rf"a\.zip has the md5 checksum .*{md5}: remove it"):
        provide(archive, url, md5)
