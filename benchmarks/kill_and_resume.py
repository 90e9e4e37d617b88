"""Kill a training again and again, resume it each time, and compare with an uninterrupted one.

    python benchmarks/kill_and_resume.py --config configs/cifar_bn_small.yaml --kills 20 \\
        --trainer.max_epochs 2 --recovery.every_n_steps 20

All other flags are those of fit. The final weights, optimizer and schedule must be equal to the
bit, and so must metrics.csv except for `train/images_per_second`, which depends on the clock. Exits
with status 1 if they are not, or if no kill came before the end. Last line: JSON.
"""

import argparse
import csv
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
from timing import UnequalWorkError, report

# Without weight averaging there is no "current_model_state".
EQUAL = ("state_dict", "optimizer_states", "lr_schedulers", "epoch", "global_step")
EQUAL_IF_THERE = ("current_model_state",)
TINY = [
    *("--config", "configs/digits_bn.yaml", "--model.width", "0.05", "--trainer.max_epochs", "10"),
    *("--recovery.every_n_steps", "5", "--trainer.enable_progress_bar", "false"),
]


def fit(folder: Path, args: Sequence[str]) -> "subprocess.Popen[bytes]":
    """Start a training whose runs go to `folder`, in a process group of its own."""
    command = [sys.executable, "-m", "alexnet_lightning.fit", *args, "--runs_dir", str(folder)]
    environment = os.environ | {"WANDB_MODE": "disabled"}
    with (folder / "log.txt").open("ab") as log:
        return subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )


def run_of(folder: Path) -> Path | None:
    """Return the run folder under `folder`, once it has its configuration."""
    configs = sorted(folder.glob("*/*/config.yaml"))
    return configs[0].parent if configs else None


def wait_until_opened(folder: Path, process: "subprocess.Popen[bytes]", started: float) -> None:
    """Wait until a training started at a time has opened its run folder, or has ended."""
    while process.poll() is None:
        run = run_of(folder)
        if run is not None and (run / "config.yaml").stat().st_mtime > started:
            return
        time.sleep(0.01)


def uninterrupted(folder: Path, args: Sequence[str]) -> float:
    """Train to the end; return the seconds since the run folder was opened."""
    started = time.time()
    process = fit(folder, args)
    wait_until_opened(folder, process, started)
    opened = time.time()
    if process.wait():
        sys.exit((folder / "log.txt").read_text())
    return time.time() - opened


def interrupted(
    folder: Path, args: Sequence[str], kills: int, seconds: float, how: signal.Signals, one: bool
) -> int:
    """Train with `kills` kills at random moments; return how many came before the end.

    Args:
        seconds: duration of the training.
        how: the signal.
        one: whether only one of several processes is killed, the second.
    """
    struck = 0
    for _ in range(kills):
        started = time.time()
        process = fit(folder, resumed(folder, args))
        wait_until_opened(folder, process, started)
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
    """Return the first child of a process that is a training as well."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    for child in map(int, children):
        if b"alexnet_lightning" in Path(f"/proc/{child}/cmdline").read_bytes():
            return child
    return None


def resumed(folder: Path, args: Sequence[str]) -> list[str]:
    run = run_of(folder)
    return list(args) if run is None else ["--resume", str(run)]


def differences(left: Path, right: Path) -> list[str]:
    """Return the names of everything that is not equal to the bit in two run folders.

    Raises:
        UnequalWorkError: there is nothing to compare.
    """
    one, other = (
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (left, right)
    )
    missing = [key for key in EQUAL if key not in one] + ([] if rows(left) else ["metrics.csv"])
    if missing:
        raise UnequalWorkError(f"{left} has no {', '.join(missing)}")
    keys = EQUAL + EQUAL_IF_THERE
    found = [key for key in keys if not same(one.get(key), other.get(key))]
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


def main(args: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__,
        allow_abbrev=False,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=20, help="(default: 20)")
    parser.add_argument("--signal", default="SIGKILL", help="SIGKILL (default), SIGTERM or SIGINT")
    parser.add_argument("--one", action="store_true", help="kill only one of several processes")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default: 0)")
    parser.add_argument("--tiny", action="store_true", help="one kill of a training on digits")
    options, training = parser.parse_known_args(args)
    kills = options.kills
    if options.tiny:
        kills, training = 1, [*TINY, *training]
    random.seed(options.seed)
    with tempfile.TemporaryDirectory() as place:
        quiet, killed = Path(place) / "quiet", Path(place) / "killed"
        quiet.mkdir()
        killed.mkdir()
        seconds = uninterrupted(quiet, training)
        how = signal.Signals[options.signal]
        struck = interrupted(killed, training, kills, seconds, how, options.one)
        left, right = run_of(quiet), run_of(killed)
        if left is None or right is None:
            raise UnequalWorkError("a training has left no run folder")
        found = differences(left, right)
        if found:
            print((killed / "log.txt").read_text()[-4000:])
    print(f"{struck} of {kills} {options.signal}s came before the end of a run of {seconds:.0f} s")
    report({"kills": struck, "different": found})
    sys.exit(bool(found) or struck == 0)


if __name__ == "__main__":
    main()
