"""Train the same network in 32 bits and in mixed precision, and draw both losses.

    python benchmarks/precision.py    # some three minutes on two cores; needs CIFAR-10 under data/

AlexNet a quarter as wide on CIFAR-10, 12 epochs of 30 batches, validated on 2,048 images. A second
run in 32 bits, with another seed, shows how much of a difference is chance. Keeps all in
results/precision/. Last line: JSON.
"""

import argparse
import csv
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from alexnet_lightning.cli.command import quieten
from alexnet_lightning.fit import main as fit
from alexnet_lightning.plots.style import COLOURS, DPI, new_figure
from alexnet_lightning.system.atomic import replacing

ROOT = Path(__file__).parents[1]
TRAINING = [
    *("--config", str(ROOT / "configs" / "cifar_original.yaml")),
    *("--config", str(ROOT / "configs" / "sizes" / "cifar_small.yaml")),
    *("--trainer.accelerator", "cpu", "--trainer.max_epochs", "12"),
    *("--trainer.limit_train_batches", "30", "--trainer.limit_val_batches", "16"),
    *("--trainer.enable_progress_bar", "false", "--test", "false"),
]
RUNS = {
    "fp32": ["--trainer.precision", "32-true"],
    "bf16_mixed": ["--trainer.precision", "bf16-mixed"],
    "fp32_seed_1": ["--trainer.precision", "32-true", "--seed_everything", "1"],
}
KEPT = ("config.yaml", "metrics.csv", "summary.json")
Curves = dict[int, float]


def trained(name: str, folder: Path) -> Path:
    """Train one of the runs, and keep its figures in `folder`/<name>."""
    with tempfile.TemporaryDirectory() as runs:
        fit([*TRAINING, *RUNS[name], "--name", name, "--runs_dir", runs])
        (run,) = Path(runs, name).iterdir()
        (folder / name).mkdir(parents=True, exist_ok=True)
        for file in KEPT:
            shutil.copy(run / file, folder / name)
    return folder / name


def by_epoch(run: Path, key: str) -> Curves:
    """A metric by epoch, counted from 1."""
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
        axes.set(xlabel="epoch of 30 batches", ylabel="cross-entropy (nats)")
        figure.legend(loc="outside upper center", ncols=3)
        with replacing(path) as part:
            figure.savefig(part, dpi=DPI)


def furthest(one: Curves, other: Curves) -> float:
    """The largest difference of two curves in any epoch."""
    return max(abs(one[epoch] - other[epoch]) for epoch in one)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "results" / "precision")
    options = parser.parse_args()
    quieten()
    os.environ["WANDB_MODE"] = "disabled"
    runs = {name: trained(name, options.folder) for name in RUNS}
    draw(runs, options.folder / "loss.png")

    losses = {name: by_epoch(run, "val/loss") for name, run in runs.items()}
    figures = {
        f"{name}_{key.replace('/', '_')}": json.loads((run / "summary.json").read_text())[key]
        for name, run in runs.items()
        for key in ("val/top1", "val/loss", "seconds")
    }
    figures["bf16_furthest"] = furthest(losses["fp32"], losses["bf16_mixed"])
    figures["seed_furthest"] = furthest(losses["fp32"], losses["fp32_seed_1"])
    print(json.dumps({name: round(value, 4) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
