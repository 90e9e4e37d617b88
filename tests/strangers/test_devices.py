"""--device: the same names and the same refusal in every command that has it."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.strangers.conftest import Case

COMMANDS = (
    *("predict {run} x.png", "explain {run}", "serve {run}", "demo {run}", "evaluate {run}"),
    "report {run}",
)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_device_that_is_not_there(
    command: str,
    run: Path,
    ends: Callable[..., tuple[str, str]],
    in_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    (in_tmp / "x.png").touch()
    for name, words in (
        ("cuda", "torch does not find it here; give auto or cpu"),
        ("gpu", "give auto, cpu, cuda, cuda:1 (a number) or mps"),
    ):
        _, err = ends(Case(f"{command} --device {name}", "^error: --device"), run=run)
        assert err.splitlines()[-1] == f"error: --device {name}: {words}"


def test_more_processes_than_cores(ends: Callable[..., tuple[str, str]]) -> None:
    flags = "--trainer.accelerator cpu --trainer.devices 9999 --trainer.strategy ddp_spawn"
    error = r"^error: trainer\.devices is 9999, .* of which there are \d+ here; give at most \d+$"
    ends(Case(f"fit --config {{quick}} {flags}", error))
