"""Start-up time of the commands, as ratios to `import torch`.

    python benchmarks/startup.py           # ten minutes
    python benchmarks/startup.py --tiny    # only the import of the package, once

Every command runs in new processes, each right after one that only imports torch; a ratio is the
median over such pairs, of user CPU time and of wall-clock time. What a command prints and its exit
status are checked. Afterwards `-X importtime` tells which packages the imports spend their time in.
The aim is 1.5 times `import torch`, and 0.1 s for `import alexnet_lightning`. Last line: JSON.
"""

import os
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from timing import Pairs, UnequalWorkError, parse, report

ROOT = Path(__file__).parents[1]
AIM, AIM_SECONDS = 1.5, 0.1
HEAVIEST = 6  # packages to print per command
PACKAGE = "alexnet_lightning"


class Command(NamedTuple):
    """A command and what shows that it did its work.

    Args:
        args: of the interpreter.
        status: of its exit.
        shows: pattern that its output matches.
    """

    name: str
    args: Sequence[str]
    status: int = 0
    shows: str = ""


class Spent(NamedTuple):
    """What a process and its children took, and what they wrote on standard error."""

    user: float
    wall: float
    errors: str


TORCH = Command("import torch", ("-c", "import torch"))
IMPORT = Command("import", ("-c", f"import {PACKAGE}"))


def commands(run: Path, image: Path) -> list[Command]:
    """Return what is measured; the network in `run` predicts `image`."""
    fit, predict = (("-m", f"{PACKAGE}.{name}") for name in ("fit", "predict"))
    wrong_flag = (*predict, str(run), str(image), "--topp", "3")
    wrong_path = (*predict, str(run.with_name("nowhere")), str(image))
    return [
        IMPORT,
        Command("predict_help", (*predict, "--help"), shows="usage: "),
        Command("fit_help", (*fit, "--help"), shows="usage: "),
        Command("predict_wrong_flag", wrong_flag, 2, r"^error: .*--topp"),
        Command("predict_wrong_path", wrong_path, 2, r"^error: .*nowhere"),
        Command("predict", (*predict, str(run), str(image)), shows=re.escape(image.name)),
    ]


def spend(command: Command, *options: str) -> Spent:
    """Run a command in a new interpreter.

    Raises:
        UnequalWorkError: it did not do its work.
    """
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(
        [sys.executable, *options, *command.args], cwd=ROOT, capture_output=True, text=True
    )
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    shown = re.search(command.shows, done.stdout + done.stderr, re.MULTILINE)
    if done.returncode != command.status or not shown:
        raise UnequalWorkError(
            f"{command.name}: status {done.returncode} in place of {command.status}, or no "
            f"{command.shows!r} in\n{done.stdout}{done.stderr}"
        )
    return Spent(after.ru_utime - before.ru_utime, wall, done.stderr)


def compare(command: Command, rounds: int) -> dict[str, float]:
    """Print a command's row; return its ratios to `import torch` and its least seconds."""
    found = [(spend(TORCH), spend(command)) for _ in range(rounds)]
    figures, row = {}, f"{command.name:<20}"
    for clock in ("user", "wall"):
        torchs, ours = ([getattr(pair[side], clock) for pair in found] for side in (0, 1))
        ratio = Pairs(ours, torchs).ratio
        figures[f"{command.name}_{clock}_ratio"] = ratio
        row += f"{min(torchs):8.2f}{min(ours):8.2f}{statistics.median(ours):8.2f}{ratio:7.2f}"
    figures[f"{command.name}_seconds"] = min(ours.wall for _, ours in found)
    print(row, flush=True)
    return figures


def heaviest(errors: str) -> list[tuple[str, float]]:
    """Return the packages that imports spent most seconds in, from what `-X importtime` wrote.

    The time of a module is its own, without that of what it imports.
    """
    spent: Counter[str] = Counter()
    for own, module in re.findall(r"^import time: +(\d+) \| +\d+ \| +(\S+)$", errors, re.MULTILINE):
        spent[module.split(".")[0]] += int(own)
    return [(package, own / 1e6) for package, own in spent.most_common(HEAVIEST)]


def train_digits(folder: Path) -> Path:
    """Train on digits for one epoch; return the run folder."""
    fit = ["-m", f"{PACKAGE}.fit", "--config", "configs/digits_bn.yaml"]
    flags = ["--trainer.max_epochs", "1", "--runs_dir", str(folder)]
    done = subprocess.run(
        [sys.executable, *fit, *flags],
        cwd=ROOT,
        env=os.environ | {"WANDB_MODE": "disabled"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise UnequalWorkError(f"no network to predict with:\n{done.stderr}")
    (config,) = folder.glob("*/*/config.yaml")
    return config.parent


def write_image(path: Path) -> Path:
    """Write a grey image of the digits' size."""
    header = b"P5 8 8 255\n"
    path.write_bytes(header + bytes(range(0, 256, 4)))
    return path


def measure(folder: Path, rounds: int, tiny: bool) -> dict[str, float]:
    """Print the tables; return all figures."""
    chosen = [IMPORT] if tiny else commands(train_digits(folder), write_image(folder / "image.pgm"))
    print(f"{'':<20}{'user CPU s':>20}{'':11}{'wall-clock s':>20}")
    print(f"{'command':<20}{2 * ('   torch     min  median  ratio')}")
    figures: dict[str, float] = {}
    for command in chosen:
        figures |= compare(command, rounds)
    print("\nseconds of imports by package (-X importtime)")
    for command in chosen:
        packages = heaviest(spend(command, "-X", "importtime").errors)
        if not packages:
            raise UnequalWorkError(f"{command.name} imports nothing")
        print(f"{command.name:<20}" + ", ".join(f"{name} {own:.2f}" for name, own in packages))
    ratios = [figures[f"{command.name}_user_ratio"] for command in chosen]
    print(
        f"\nlargest ratio {max(ratios):.2f} (aim: {AIM}); import {PACKAGE} "
        f"{figures['import_seconds']:.2f} s (aim: {AIM_SECONDS} s)"
    )
    return figures


def main(args: Sequence[str] | None = None) -> None:
    options = parse(__doc__, args, rounds=5)
    with tempfile.TemporaryDirectory() as folder:
        report(measure(Path(folder), options.rounds, options.tiny))


if __name__ == "__main__":
    main()
