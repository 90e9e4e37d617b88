"""The figures that stay of a run: summary.json, and the table that a command ends with."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer

from alexnet_lightning.networks.inspect import multiply_adds
from alexnet_lightning.training.metrics_csv import MetricsCSV
from alexnet_lightning.training.run_folder import LAST, git_commit, machine, versions

LAST_EPOCH = "nothing: the last epoch"  # what chose the checkpoint of a run without a monitor


def best_figures(
    path: Path, checkpoint: Mapping[str, Any], metrics: MetricsCSV, monitor: str | None
) -> dict[str, Any]:
    """Return the validation figures of the best checkpoint, its epoch (from 1) and its path.

    Only the path if it is the last checkpoint, of a run without a validation. `monitor` is what it
    is best by; without one it is the last epoch's.
    """
    if path.name == LAST:
        return {"best_checkpoint": str(path)}
    epoch, step = checkpoint["epoch"], checkpoint["global_step"] - 1
    rows = [row for row in metrics.rows if row["step"] == step and "val/loss" in row]
    found = rows[-1] if rows else {}  # without a monitor, epochs that were not validated are kept
    figures = whole({key: value for key, value in found.items() if key.startswith("val/")})
    chosen = {"best_epoch": epoch + 1, "chosen_by": monitor or LAST_EPOCH}
    return {**chosen, "best_checkpoint": str(path), **figures}


def test_figures(trainer: Trainer) -> dict[str, float]:
    """Return what the last test or validation logged, by metric name."""
    return whole({key: value.item() for key, value in trainer.callback_metrics.items()})


def whole(figures: Mapping[str, float]) -> dict[str, float]:
    """Return figures, those that count images as whole numbers."""
    return {key: int(value) if key.endswith("/images") else value for key, value in figures.items()}


def facts(
    trainer: Trainer, model: LightningModule, seconds: float, images_per_second: float | None
) -> dict[str, Any]:
    """Return what a run cost, in time, parameters and multiply-adds, and what it ran on."""
    network: Any = model.network
    data: Any = trainer.datamodule  # type: ignore[attr-defined]
    return {
        "classes": data.num_classes,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "multiply_adds": multiply_adds(network, data.in_channels, data.image_size),
        "epochs": trainer.current_epoch,
        "stopped_early": trainer.should_stop,
        "seconds": round(seconds, 3),
        "train/images_per_second": images_per_second,
        "machine": machine(),
        "versions": versions(),
        "git_commit": git_commit(),
        **data.identity.figures(),
        **({"data/wrong_labels": data.wrong_labels} if data.label_noise else {}),
    }


def split_table(figures: Mapping[str, Any]) -> list[str]:
    """Return the lines of a table with a row for each of val and test: top-k in per cent, loss."""
    names = list(dict.fromkeys(key.split("/")[1] for key in figures if "/top" in key))
    header = "".join(f"{name.replace('top', 'top-'):>11}" for name in names)
    lines = [f"{'':<10}{header}{'loss':>11}"]
    for split in ("val", "test"):
        if f"{split}/loss" in figures:
            cells = "".join(f"{100 * figures[f'{split}/{name}']:>9.2f} %" for name in names)
            images = figures.get(f"{split}/images")
            of = "" if images is None else f"   of {images:,} images"
            lines.append(f"{split:<10}{cells}{figures[f'{split}/loss']:>11.4f}{of}")
    return lines


def run_table(figures: Mapping[str, Any], folder: object) -> str:
    """Return the table that a fit ends with."""
    lines = ["", *split_table(figures), ""]
    lines.append(weights_line(figures))
    if step := figures.get("diverged_at_step"):
        lines.append(f"diverged    at step {step}: the loss is not finite from there on")
    lines.append(f"parameters  {figures['parameters']:,}")
    speed = figures["train/images_per_second"]
    per_second = "" if speed is None else f", {speed:,.0f} images/s"
    lines.append(f"training    {figures['seconds']:.0f} s{per_second}")
    if wrong := figures.get("data/wrong_labels"):
        lines.append(
            f"labels      {wrong:,} of {figures['data/train_images']:,} in training are wrong"
        )
    if changed := figures.get("data/changed"):
        lines.append(f"data        changed while the run lasted: {changed}")
    return "\n".join([*lines, f"run         {folder}"])


def weights_line(figures: Mapping[str, Any]) -> str:
    """Return which weights the figures are of."""
    if "best_epoch" not in figures:
        return f"weights     of {LAST}, as there is no best checkpoint"
    count = f"{figures['best_epoch']} of {figures['epochs']}"
    if figures.get("chosen_by") == LAST_EPOCH:
        return f"weights     of epoch {count}, the last: none was chosen"
    return f"best epoch  {count}"
