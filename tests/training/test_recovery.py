"""What is kept of a run, and how many times."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from alexnet_lightning.system import signals
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.checkpoints import rotate
from alexnet_lightning.training.metrics_csv import MetricsCSV
from alexnet_lightning.training.recovery import Recovery


def test_so_many_are_kept_and_there_is_always_a_last(tmp_path: Path) -> None:
    for content in "abcd":
        rotate(tmp_path, keep=3)
        part = tmp_path / "part"
        part.write_text(content)
        part.replace(tmp_path / "last.ckpt")
    kept = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert kept == {"last.ckpt": "d", "last-1.ckpt": "c", "last-2.ckpt": "b"}
    rotate(tmp_path, keep=3)
    assert (tmp_path / "last.ckpt").read_text() == "d", "gone until the next is written"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"every_n_steps": 0}, "recovery.every_n_steps is 0"),
        ({"every_n_minutes": 0.0}, "recovery.every_n_minutes is 0"),
        ({"keep": 0}, "recovery.keep is 0"),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, int], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Recovery(Path(), MetricsCSV(Path()), **arguments)  # type: ignore[arg-type]


def test_the_first_signal_is_noted_and_the_second_obeyed(tmp_path: Path) -> None:
    code = (
        "import signal, sys; from alexnet_lightning.system import signals\n"
        "signals.listen(*signals.STOP)\n"
        "signal.raise_signal(signal.SIGINT); print(signals.received.name, flush=True)\n"
        "signal.raise_signal(signal.SIGINT); print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "SIGINT\n"
    assert "Ctrl-C again leaves at once" in done.stderr
    assert done.returncode == -signal.SIGINT


def test_listening_needs_no_slow_import() -> None:
    code = "import sys; from alexnet_lightning.system import signals; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_statuses_are_those_of_the_shell() -> None:
    assert signals.Stopped(signal.SIGINT).status == 130
    assert signals.Stopped(signal.SIGTERM).status == 143
