"""Two processes on one machine: one run folder, one W&B run, every image counted once."""

import json
import subprocess
import sys
from pathlib import Path


def test_two_processes_make_one_run(quick_config: Path, in_tmp: Path) -> None:
    flags = ["--trainer.devices", "2", "--trainer.strategy", "ddp", "--trainer.max_epochs", "1"]
    command = [sys.executable, "-m", "alexnet_lightning.fit", "--config", str(quick_config)]
    done = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    (run,) = in_tmp.glob("runs/*/*")
    assert len(list(run.glob("wandb/offline-run-*"))) == 1
    assert json.loads((run / "summary.json").read_text())["test/images"] == 300
    assert done.stdout.count("best epoch  1 of 1") == 1
    assert (run / "checkpoints" / "best.ckpt").is_file()
