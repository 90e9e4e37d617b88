"""How a case is run: a command line in, its status and last line compared."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Case:
    """One command of a stranger's.

    `command` is "fit --config {quick} …": the command's name and its words, with places of fixtures
    in braces. `last` is a regular expression for the last line: of the error output where `status`
    is not 0, of the output otherwise.
    """

    command: str
    last: str
    status: int = 2

    def __str__(self) -> str:
        return self.command


@pytest.fixture
def ends(
    outcome: Callable[..., tuple[int, str, str]], in_tmp: Path, quick_config: Path
) -> Callable[..., tuple[str, str]]:
    """Run a case in an empty folder, check how it ends, and return both of its outputs.

    A mistake must leave nothing behind, unless `nothing` is false.
    """

    def check(case: Case, nothing: bool = True, **places: object) -> tuple[str, str]:
        line = case.command.format(quick=quick_config, **places)
        name, *words = shlex.split(line)
        main = import_module(f"alexnet_lightning.{name}").main
        status, out, err = outcome(main, *words)
        assert "Traceback" not in out + err
        assert status == case.status, out + err
        last = (err if status else out).rstrip().rpartition("\n")[2]
        assert re.search(case.last, last), out + err
        if status and name == "fit" and "--resume" not in words and nothing:
            assert not (in_tmp / "runs").exists(), "a mistake must leave nothing behind"
        return out, err

    return check
