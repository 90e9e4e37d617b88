"""python -m alexnet_lightning, and the console script."""

import subprocess
import sys

import pytest

from alexnet_lightning.__main__ import COMMANDS, main


def test_it_lists_the_commands(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["alexnet-lightning"])
    main()
    lines = capsys.readouterr().out.splitlines()
    listed = [line.split(maxsplit=1) for line in lines if line.startswith("  ")]
    assert tuple(name for name, _ in listed) == COMMANDS


def test_it_runs_a_command() -> None:
    command = [sys.executable, "-m", "alexnet_lightning", "check-data", "--help"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--sheet" in done.stdout


def test_a_mistyped_command_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["alexnet-lightning", "ft"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert capsys.readouterr().err == "error: ft: no such command; did you mean fit?\n"
