"""Kill a training again and again, resume it each time, and compare with one left in peace.

    python benchmarks/kill_and_resume.py --config configs/cifar_bn_small.yaml --kills 20 \\
        --trainer.max_epochs 2 --recovery.every_n_steps 20

All other flags are those of fit. The final weights, optimiser and schedule must be equal to the
bit, and so must metrics.csv but for `train/images_per_second`, which is of the clock. Exits with
status 1 if they are not. Last line: JSON.
"""

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

KEPT = ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers")


def fit(folder: Path, args: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start a training whose runs go to `folder`, in a process group of its own."""
    command = [sys.executable, "-m", "alexnet_lightning.fit", *args, "--runs_dir", str(folder)]
    environment = os.environ | {"WANDB_MODE": "disabled"}
    log = (folder / "log.txt").open("ab")
    return subprocess.Popen(
        command, env=environment, stdout=log, stderr=log, start_new_session=True
    )


def run_of(folder: Path) -> Path | None:
    """The run folder under `folder`, once it has its configuration."""
    configs = sorted(folder.glob("*/*/config.yaml"))
    return configs[0].parent if configs else None


def begun(folder: Path, process: "subprocess.Popen[bytes]", started: float) -> None:
    """Wait until a training that was started at a time has opened its run folder, or has ended."""
    while process.poll() is None:
        run = run_of(folder)
        if run is not None and (run / "config.yaml").stat().st_mtime > started:
            return
        time.sleep(0.01)


def undisturbed(folder: Path, args: Sequence[str]) -> float:
    """Train to the end; return the seconds from the opening of the run folder on."""
    started = time.time()
    process = fit(folder, args)
    begun(folder, process, started)
    opened = time.time()
    if process.wait():
        sys.exit((folder / "log.txt").read_text())
    return time.time() - opened


def disturbed(
    folder: Path,
    args: Sequence[str],
    kills: int,
    seconds: float,
    how: signal.Signals,
    one: bool,
) -> int:
    """Train with `kills` kills at random moments; return how many struck.

    Args:
        seconds: that the training takes.
        how: the signal.
        one: whether only one of several processes is killed, the second.
    """
    struck = 0
    for _ in range(kills):
        started = time.time()
        process = fit(folder, resumed(folder, args))
        begun(folder, process, started)
        time.sleep(random.uniform(0, seconds / kills))
        if process.poll() is not None:
            break
        if one:
            os.kill(child_of(process.pid) or process.pid, how)
        else:
            os.killpg(process.pid, how)
        process.wait()
        struck += 1
    if fit(folder, resumed(folder, args)).wait():
        sys.exit((folder / "log.txt").read_text())
    return struck


def child_of(pid: int) -> int | None:
    """The first process that a process has started and that is a training too."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in map(int, children):
        if b"alexnet_lightning" in Path(f"/proc/{child}/cmdline").read_bytes():
            return child
    return None


def resumed(folder: Path, args: Sequence[str]) -> list[str]:
    run = run_of(folder)
    return list(args) if run is None else ["--resume", str(run)]


def differences(left: Path, right: Path) -> list[str]:
    """Names of all that is not equal to the bit in two run folders."""
    checkpoints = [
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (left, right)
    ]
    found = [key for key in KEPT if not same(*(ckpt.get(key) for ckpt in checkpoints))]
    return found + ([] if rows(left) == rows(right) else ["metrics.csv"])


def same(left: Any, right: Any) -> bool:
    if isinstance(left, torch.Tensor):
        return isinstance(right, torch.Tensor) and torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return [
            {key: value for key, value in row.items() if key != "train/images_per_second"}
            for row in csv.DictReader(file)
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--signal", default="SIGKILL", help="SIGKILL (default), SIGTERM or SIGINT")
    parser.add_argument("--one", action="store_true", help="only one of several processes")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    options, args = parser.parse_known_args()
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as place:
        peace, war = Path(place) / "peace", Path(place) / "war"
        peace.mkdir()
        war.mkdir()
        seconds = undisturbed(peace, args)
        how = signal.Signals[options.signal]
        struck = disturbed(war, args, options.kills, seconds, how, options.one)
        left, right = run_of(peace), run_of(war)
        assert left is not None
        assert right is not None
        found = differences(left, right)
        if found:
            print((war / "log.txt").read_text()[-4000:])
    print(f"{struck} of {options.kills} {options.signal}s struck a run of {seconds:.0f} s")
    print(json.dumps({"kills": struck, "different": found}))
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
