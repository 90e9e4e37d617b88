"""Losses of the same network trained in 32 bits and in mixed precision (bfloat16).

    python benchmarks/precision.py    # three minutes on two cores; needs CIFAR-10 in data/

AlexNet at a quarter of the width on CIFAR-10, 12 epochs of 30 batches, validated on 2,048 images. A
second run in 32 bits with another seed shows how large a difference is by chance. The runs'
metrics, configurations and a figure are written to results/precision/. Last line: JSON.
"""

import csv
import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from timing import UnequalWorkError, parse, report, require_same_work

from alexnet_lightning.fit import fit
from alexnet_lightning.plots.style import COLOURS, DPI, new_figure
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.notices import quieten

ROOT = Path(__file__).parents[1]
BATCHES = 30  # per epoch
CONFIGS = ROOT / "configs"
FILES = [CONFIGS / "cifar_original.yaml", CONFIGS / "sizes" / "cifar_small.yaml"]
FLAGS = {
    "trainer.max_epochs": 12,
    "trainer.limit_train_batches": BATCHES,
    "trainer.limit_val_batches": 16,
}
TINY_FILES = [CONFIGS / "digits_bn.yaml"]
TINY = {
    "trainer.max_epochs": 1,
    "trainer.limit_train_batches": 3,
    "trainer.limit_val_batches": 3,
    "model.width": 0.05,
    "data.batch_size": 20,
    "embedding_pca.count": 20,
}
COMMON = {"trainer.accelerator": "cpu", "trainer.enable_progress_bar": False, "test": False}
RUNS: dict[str, dict[str, Any]] = {
    "fp32": {"trainer.precision": "32-true"},
    "bf16_mixed": {"trainer.precision": "bf16-mixed"},
    "fp32_seed_1": {"trainer.precision": "32-true", "seed_everything": 1},
}
KEPT = ("config.yaml", "metrics.csv", "summary.json")


def trained(name: str, folder: Path, tiny: bool) -> Path:
    """Train one of the runs and copy its metrics to `folder`/<name>."""
    flags = COMMON | (TINY if tiny else FLAGS) | RUNS[name]
    with tempfile.TemporaryDirectory() as runs:
        fit(TINY_FILES if tiny else FILES, flags | {"name": name, "runs_dir": runs})
        (run,) = Path(runs, name).iterdir()
        (folder / name).mkdir(parents=True, exist_ok=True)
        for file in KEPT:
            shutil.copy(run / file, folder / name)
    return folder / name


def by_epoch(run: Path, key: str) -> dict[int, float]:
    """Return a metric by epoch, counted from 1."""
    with (run / "metrics.csv").open() as file:
        rows = csv.DictReader(file)
        return {int(row["epoch"]) + 1: float(row[key]) for row in rows if row[key]}


def draw(runs: Mapping[str, Path], path: Path) -> None:
    """Write the figure of all runs' losses."""
    with new_figure(7, 4.2) as figure:
        axes = figure.subplots()
        for colour, (name, run) in zip(COLOURS, runs.items(), strict=False):
            for split, line in (("train", "--"), ("val", "-")):
                losses = by_epoch(run, f"{split}/loss")
                label = f"{name.replace('_', ' ')}, {split}"
                axes.plot(list(losses), list(losses.values()), line, color=colour, label=label)
        axes.set(xlabel=f"epoch (of {BATCHES} batches)", ylabel="cross-entropy (nats)")
        figure.legend(loc="outside upper center", ncols=3)
        with replacing(path) as part:
            figure.savefig(part, dpi=DPI)


def require_same_epochs(runs: Mapping[str, Path]) -> None:
    """Raise an UnequalWorkError unless all runs took the same steps."""
    first, *others = (
        {key: list(by_epoch(run, key)) for key in ("train/loss", "val/loss")} | {"step": steps(run)}
        for run in runs.values()
    )
    for name, other in zip(list(runs)[1:], others, strict=True):
        for key, found in first.items():
            require_same_work(f"{key} of {name}", found, other[key])


def steps(run: Path) -> int:
    """Return the last step in metrics.csv."""
    with (run / "metrics.csv").open() as file:
        return max(int(row["step"]) for row in csv.DictReader(file))


def largest_difference(one: dict[int, float], other: dict[int, float]) -> float:
    """Return the largest difference of two curves in any epoch.

    Raises:
        UnequalWorkError: they are the same, so the runs did not differ.
    """
    difference = max(abs(one[epoch] - other[epoch]) for epoch in one)
    if difference == 0:
        raise UnequalWorkError("the losses are equal to the bit: both runs were the same")
    return difference


def main(args: Sequence[str] | None = None) -> None:
    place = ("--folder", {"type": Path, "default": ROOT / "results" / "precision"})
    options = parse(__doc__, args, 1, place)
    quieten()
    os.environ["WANDB_MODE"] = "disabled"
    with tempfile.TemporaryDirectory() as elsewhere:  # tiny runs are not kept
        folder = Path(elsewhere) if options.tiny else options.folder
        runs = {name: trained(name, folder, options.tiny) for name in RUNS}
        report(compare(runs, folder / "loss.png"), digits=4)


def compare(runs: Mapping[str, Path], figure: Path) -> dict[str, float]:
    """Draw the runs' losses and return their metrics."""
    require_same_epochs(runs)
    draw(runs, figure)
    losses = {name: by_epoch(run, "val/loss") for name, run in runs.items()}
    figures = {
        f"{name}_{key.replace('/', '_')}": json.loads((run / "summary.json").read_text())[key]
        for name, run in runs.items()
        for key in ("val/top1", "val/loss", "seconds")
    }
    figures["bf16_furthest"] = largest_difference(losses["fp32"], losses["bf16_mixed"])
    figures["seed_furthest"] = largest_difference(losses["fp32"], losses["fp32_seed_1"])
    return figures


if __name__ == "__main__":
    main()
