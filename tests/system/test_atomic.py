"""A file is whole or not there, whatever happens while it is written."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch

from alexnet_lightning.system.atomic import new_folder, replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.checkpoints import AtomicCheckpointIO


def test_the_file_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "figure.png"
    with replacing(target) as part:
        part.write_text("half")
        assert not target.exists()
        assert part.suffix == ".png"
    assert target.read_text() == "half"
    assert list(target.parent.iterdir()) == [target]


def test_an_error_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    target = tmp_path / "summary.json"
    target.write_text("old")
    with pytest.raises(OSError, match="disk full"), replacing(target) as part:
        part.write_text("half")
        raise OSError("disk full")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "site"
    with pytest.raises(OSError, match="disk full"), new_folder(target) as part:
        (part / "half").touch()
        raise OSError("disk full")
    assert list(target.parent.iterdir()) == []
    with new_folder(target) as part:
        (part / "whole").touch()
        assert not target.exists()
    assert list(target.parent.rglob("*")) == [target, target / "whole"]
    with pytest.raises(UserError, match="site is there already"), new_folder(target):
        pass
    assert (target / "whole").is_file()


def test_a_kill_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "summary.json"
    target.write_text("old")
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from alexnet_lightning.system.atomic import replacing\n"
        "with replacing(Path(sys.argv[1])) as part:\n"
        "    part.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, os.fspath(target)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert target.read_text() == "old"


def test_a_checkpoint_is_written_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    monkeypatch.setattr(torch, "save", lambda content, path: seen.append(path) or path.touch())
    monkeypatch.setattr(tempfile, "tempdir", "/proc/none")  # too small, or not there
    AtomicCheckpointIO().save_checkpoint({}, tmp_path / "best.ckpt")
    assert seen[0].parent == tmp_path
    assert seen[0].name != "best.ckpt"
    assert [path.name for path in tmp_path.iterdir()] == ["best.ckpt"]


def test_of_two_that_write_one_folder_the_later_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "site"
    with pytest.raises(UserError, match="site is there already"), new_folder(target) as part:
        (part / "late").touch()
        with new_folder(target) as other:
            (other / "early").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["site", "early"]
