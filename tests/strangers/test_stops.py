"""Commands that are stopped while they write: nothing half-written is left, and no traceback."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from alexnet_lightning.training.run_folder import RunFolder
from tests.strangers.conftest import Case

WRITING = [
    "evaluate {run} --output out/figures.json",
    "export {run} --format safetensors --output out/net.safetensors",
    "export {run} --format hub --output out/net",
    "explain {run} --what kernels --output out",
    "predict {run} digit.png --sheet out/sheet.png",
    "report {run} --output out",
    "study --config plan.yaml --output out",
    "check_data --data DigitsDataModule --sheet out/sheet.png",
    "dashboard --output out/dashboard.json",
    "fit --config {quick} --runs_dir out",
]


@pytest.fixture
def stopped_at_a_write(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Send a signal to this process when the next file is to take its name."""
    replace = Path.replace

    def arrange(signum: int) -> None:
        def interrupted(part: Path, target: Path) -> Path:
            monkeypatch.setattr(Path, "replace", replace)
            signal.raise_signal(signum)
            return replace(part, target)

        monkeypatch.setattr(Path, "replace", interrupted)

    return arrange


@pytest.mark.parametrize("command", WRITING)
def test_a_command_that_is_stopped_leaves_nothing_half_written(
    command: str,
    run: Path,
    quick_config: Path,
    ends: Callable[..., tuple[str, str]],
    in_tmp: Path,
    stopped_at_a_write: Callable[[int], None],
) -> None:
    Image.new("L", (8, 8)).save(in_tmp / "digit.png")
    plan = {"title": "x", "base": [str(quick_config)], "variants": {"a": {}}, "seeds": [1]}
    (in_tmp / "plan.yaml").write_text(yaml.safe_dump(plan))
    stopped_at_a_write(signal.SIGTERM)
    ends(Case(command, "", 128 + signal.SIGTERM), run=run)
    left = [path for path in (in_tmp / "out").rglob("*") if path.is_file() and path.name != ".lock"]
    assert left == []


def test_what_was_killed_is_cleared_away_when_the_run_is_resumed(own_run: Path) -> None:
    part = own_run / "checkpoints" / ".last.1a2b.part.ckpt"
    part.touch()
    run = RunFolder(own_run)
    run.lock()
    run.unlock()
    assert not part.exists()
    assert (own_run / "checkpoints" / "last.ckpt").is_file()
