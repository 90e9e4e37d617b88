"""Output where it cannot go: below a file, to a full disk, an ended reader, an encoding."""

import errno
import io
import locale
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from PIL import Image

from alexnet_lightning.cli.command import run_command
from alexnet_lightning.fit import main
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


@pytest.mark.parametrize("name", ["stdin", "stdout", "stderr"])
def test_a_stream_that_is_closed_leads_nowhere(name: str) -> None:
    code = (
        "import os, sys; from alexnet_lightning.system import streams; streams.open_closed()\n"
        "names = [os.readlink(f'/proc/self/fd/{number}') for number in range(3)]\n"
        f"assert sys.{name}.fileno() == names.index('/dev/null')\n"
        "print('written', file=sys.stdout)"
    )
    number = ("stdin", "stdout", "stderr").index(name)
    done = subprocess.run(
        ["sh", "-c", f'"$0" -c "$1" {number}>&-', sys.executable, code],
        input="", capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_a_working_folder_that_is_gone_is_said(
    outcome: Callable[..., tuple[int, str, str]], in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (in_tmp / "gone").mkdir()
    monkeypatch.chdir(in_tmp / "gone")
    (in_tmp / "gone").rmdir()
    line = "error: the working folder is no longer there: cd to another\n"
    assert outcome(lambda args: None) == (2, "", line)


def test_what_the_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))
    run_command(lambda args: print("3 × 3, \udcff"))
    assert written.getvalue() == b"3 \\xd7 3, \\udcff\n"


def test_files_are_utf_8_whatever_the_locale(tmp_path: Path) -> None:
    kept, folder = Path(__file__).parents[2] / "results" / "ladder", tmp_path / "ladder"
    shutil.copytree(kept, folder)
    done = subprocess.run(
        [sys.executable, "-m", "alexnet_lightning.report", folder, "--output", tmp_path],
        env=os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for name in ("report.md", "study.yaml"):
        assert (tmp_path / name).read_bytes() == (kept / name).read_bytes()


def test_letters_that_the_locale_lacks_are_refused_in_a_config(
    outcome: Callable[..., tuple[int, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "own.yaml"
    config.write_text("name: größer\n", encoding="utf-8")
    monkeypatch.setattr(locale, "getpreferredencoding", lambda *_: "ISO-8859-1")
    code, _, line = outcome(main, f"--config={config}")
    assert (code, line.count("\n")) == (2, 1)
    assert "set PYTHONUTF8=1" in line
