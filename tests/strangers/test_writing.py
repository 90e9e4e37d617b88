"""Output where it cannot go: below a file, to a full disk, an ended reader, an encoding."""

import errno
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from PIL import Image

from alexnet_lightning.cli.command import run_command
from alexnet_lightning.system import streams
from tests.strangers.conftest import Case

BELOW = [
    "explain {run} --output file/x",
    "export {run} --format safetensors --output file/net.safetensors",
    "predict {run} digit.png --sheet file/sheet.png",
    "study --config plan.yaml --output file/x",
    "report {run} --output file/x",
    "check_data --data DigitsDataModule --json file/found.json",
    "check_data --data DigitsDataModule --sheet file/sheet.png",
    "dashboard --output file/dashboard.json",
    "lesson results/ladder --network {run} --output file/x",
]


@pytest.mark.parametrize("command", BELOW)
def test_every_command_says_in_one_line_where_it_cannot_write(
    command: str, run: Path, quick_config: Path, ends: Callable[..., tuple[str, str]], in_tmp: Path
) -> None:
    (in_tmp / "file").touch()
    Image.new("L", (8, 8)).save(in_tmp / "digit.png")
    plan = {"title": "x", "base": [str(quick_config)], "variants": {"a": {}}, "seeds": [1]}
    (in_tmp / "plan.yaml").write_text(yaml.safe_dump(plan))
    flag = command.split()[-2]
    _, err = ends(Case(command, f"^error: {flag}: cannot write file/"), run=run)
    assert err.count("\n") == 1


def test_a_pipe_can_be_drawn_on_a_sheet(
    run: Path, ends: Callable[..., tuple[str, str]], in_tmp: Path
) -> None:
    content = io.BytesIO()
    Image.new("L", (8, 8)).save(content, "png")
    reading, writing = os.pipe()
    os.write(writing, content.getvalue())
    os.close(writing)
    case = Case("predict {run} /dev/fd/{fd} --sheet sheet.png", "^/dev/fd/", 0)
    ends(case, run=run, fd=reading)
    os.close(reading)
    assert (in_tmp / "sheet.png").is_file()


def raising(error: OSError) -> Callable[[Sequence[str]], None]:
    def command(args: Sequence[str]) -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.EROFS, "Read-only file system", "runs"), "runs: Read-only file system"),
        (OSError(errno.ENOSPC, "No space left on device"), "the output: No space left on device"),
    ],
)
def test_a_write_that_fails_late_is_one_line(
    error: OSError,
    line: str,
    outcome: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "silence", lambda: None)
    assert outcome(raising(error)) == (2, "", f"error: {line}\n")


def test_other_errors_of_the_system_keep_their_traceback(
    outcome: Callable[..., tuple[int, str, str]],
) -> None:
    with pytest.raises(ConnectionResetError):
        outcome(raising(ConnectionResetError(errno.ECONNRESET, "reset")))


def test_a_reader_that_has_ended_ends_the_command_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    silenced: list[bool] = []
    monkeypatch.setattr(streams, "silence", lambda: silenced.append(True))
    stdout = SimpleNamespace(
        write=lambda text: os.write(writing, text.encode()),
        flush=lambda: None,
        fileno=lambda: writing,
    )
    monkeypatch.setattr(sys, "stdout", stdout)
    with pytest.raises(SystemExit) as stop:
        run_command(lambda args: print("a line"))
    os.close(writing)
    assert (stop.value.code, silenced, capsys.readouterr().err) == (141, [True], "")


def test_what_the_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    run_command(lambda args: print("3 × 3, \udcff"))
    assert written.getvalue() == b"3 \\xd7 3, \\udcff\n"
