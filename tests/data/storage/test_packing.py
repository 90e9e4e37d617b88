"""Packs are made by many processes, once, whole or not at all."""

import errno
import multiprocessing
import os
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from alexnet_lightning.data.storage import packed as packing
from alexnet_lightning.data.storage.decoding import decode
from alexnet_lightning.data.storage.files import FileList
from alexnet_lightning.data.storage.packed import open_pack
from alexnet_lightning.system.errors import UserError

MakeFiles = Callable[..., FileList]

pytestmark = pytest.mark.usefixtures("forked")
fork = multiprocessing.get_context("fork")


@pytest.fixture
def two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Packs of a few images are made by two processes."""
    monkeypatch.setattr(packing, "CHUNK", 2)
    monkeypatch.setattr(packing, "cores", lambda: 2)


def left_in(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.glob("*") if path.suffix != ".lock")


@pytest.mark.usefixtures("two_workers")
def test_workers_make_the_same_pack(
    file_list: MakeFiles, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = file_list(19)
    files.paths[7].write_text("I am a text.")

    def elsewhere(path: Path, size: int, here: int = os.getpid()) -> Tensor:
        assert os.getpid() != here
        return decode(path, size)

    monkeypatch.setattr(packing, "decode", elsewhere)
    with pytest.warns(UserWarning, match="1 of 19 images"):
        images = open_pack(files, 4, cache)
    assert images[range(18)][0][:, 2, 1, 3].tolist() == [*range(7), *range(8, 19)]


@pytest.mark.usefixtures("two_workers")
def test_packing_draws_no_global_chance(file_list: MakeFiles, cache: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    open_pack(file_list(19), 4, cache)
    assert torch.equal(torch.rand(3), expected)


def full_disk(*_: object) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def half_full_disk(file: int, pixels: memoryview, place: int) -> int:
    return len(pixels) // 2


@pytest.mark.parametrize("write", [full_disk, half_full_disk])
@pytest.mark.parametrize("cores", [1, 2])
def test_a_disk_that_fills_up(
    file_list: MakeFiles,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    write: Callable[..., int],
    cores: int,
) -> None:
    if cores == 2:
        monkeypatch.setattr(packing, "CHUNK", 2)
        monkeypatch.setattr(packing, "cores", lambda: 2)
    files = file_list(19)
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", write)
        with pytest.raises(UserError, match=r"No space left.*--data\.cache.*files$") as hit:
            open_pack(files, 4, cache)
    assert str(cache) in str(hit.value)
    assert "\n" not in str(hit.value)
    assert left_in(cache) == []
    assert len(open_pack(files, 4, cache)) == 19, "with room again"


def test_room_is_asked_for_before(
    file_list: MakeFiles, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = file_list()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=10**7))
    expected = r"needs 0\.02 GB for 6 images of 1000 px, but 0\.01 GB are free: .*--data\.cache"
    with pytest.raises(UserError, match=expected):
        open_pack(files, 1000, cache)
    assert left_in(cache) == []


def test_a_cache_that_cannot_be_written(file_list: MakeFiles, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for cache in (tmp_path / "file", tmp_path / "file" / "cache"):
        with pytest.raises(UserError, match=rf"^{cache}.* cannot be written .*--data\.cache"):
            open_pack(file_list(), 4, cache)


def test_a_file_system_without_locks(
    file_list: MakeFiles, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise NotImplementedError("no locks here")

    monkeypatch.setattr(packing.FileLock, "acquire", refuse)
    with pytest.raises(UserError, match=r"cannot be written \(no locks here\): .*--data\.cache"):
        open_pack(file_list(), 4, cache)


@pytest.mark.parametrize("cores", [1, 2])
def test_a_file_that_cannot_be_opened_stops_it(
    file_list: MakeFiles, cache: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    """It is not broken: left out, it would be missed for good."""
    monkeypatch.setattr(packing, "CHUNK", 2)
    monkeypatch.setattr(packing, "cores", lambda: cores)

    def elsewhere(path: Path, size: int) -> Tensor:
        return decode(path if path.stem != "7" else path.with_name("gone.png"), size)

    monkeypatch.setattr(packing, "decode", elsewhere)
    with pytest.raises(UserError, match=r"^cannot open /.*gone\.png: No such file"):
        open_pack(file_list(19), 4, cache)
    assert left_in(cache) == []


def test_of_two_processes_one_packs_and_the_other_waits(
    file_list: MakeFiles, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    files, log = file_list(), tmp_path / "log"

    def slow(path: Path, size: int) -> Tensor:
        with log.open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(0.05)
        return decode(path, size)

    def work(results: Any) -> None:
        images = open_pack(files, 4, cache)
        results.put(images[range(6)][0][:, 0, 0, 0].tolist())

    monkeypatch.setattr(packing, "decode", slow)
    results = fork.Queue()
    processes = [fork.Process(target=work, args=(results,)) for _ in range(2)]
    for process in processes:
        process.start()
    assert [results.get(timeout=20) for _ in processes] == [list(range(6))] * 2
    for process in processes:
        process.join()
    builders = log.read_text().split()
    assert len(builders) == 6
    assert len(set(builders)) == 1
    assert capfd.readouterr().err.count(f"waiting for another process, which packs {cache}") == 1
    assert len(left_in(cache)) == 1


def test_what_a_killed_process_leaves_is_swept(
    file_list: MakeFiles, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = file_list()

    def stuck(path: Path, size: int) -> Tensor:
        if path.stem == "3":
            time.sleep(60)
        return decode(path, size)

    with monkeypatch.context() as patch:
        patch.setattr(packing, "decode", stuck)
        process = fork.Process(target=open_pack, args=(files, 4, cache))
        process.start()
        while not list(cache.glob("*.part/images.npy")):
            time.sleep(0.01)
        os.kill(process.pid or 0, signal.SIGKILL)
        process.join()
    (left,) = left_in(cache)
    assert left.endswith(".part")
    (cache / left / "junk").write_text("of yesterday")
    assert open_pack(files, 4, cache)[range(6)][0][:, 0, 0, 0].tolist() == list(range(6))
    assert left_in(cache) == [left.removesuffix(".part")]


def test_interrupted_by_the_user(
    file_list: MakeFiles, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(path: Path, size: int) -> Tensor:
        raise KeyboardInterrupt

    monkeypatch.setattr(packing, "decode", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_pack(file_list(), 4, cache)
    assert left_in(cache) == []
