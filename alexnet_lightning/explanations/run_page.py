"""The page of one run: what it did and what its network sees, in one HTML file."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from alexnet_lightning.explanations.mistakes import read_rows
from alexnet_lightning.explanations.run_images import look
from alexnet_lightning.explanations.thumbnails import figure_url, png_url
from alexnet_lightning.plots.curves import Rows, by_epoch, curves_figure, top_metrics
from alexnet_lightning.studies import rows as of_studies
from alexnet_lightning.studies.grid import is_locked
from alexnet_lightning.studies.tables import duration
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder, in_new_words
from alexnet_lightning.training.summary import LAST_EPOCH

# By name: the key in summary.json, and how it is shown.
COSTS: dict[str, tuple[str, Callable[[Any], str]]] = {
    "parameters": ("parameters", "{:,}".format),
    "multiply-adds per image": ("multiply_adds", "{:,}".format),
    "training time": ("seconds", duration),
    "training images per second": ("train/images_per_second", "{:,.0f}".format),
    "machine": ("machine", str),
    "versions": ("versions", str),
    "commit of the code": ("git_commit", str),
    "data fingerprint": ("data/fingerprint", str),
    "data changed": ("data/changed", str),
}


def run_page(run: RunFolder, device: str = "auto") -> str:
    """Return the page of a run as HTML that loads nothing from elsewhere.

    Curves and figures are those of the run folder. Confusion, embeddings and mistakes are made with
    its best checkpoint from the data set; what is missing of these is said on the page.

    Raises:
        UserError: the run's configuration, metrics or summary cannot be read.
    """
    from jinja2 import Environment, FileSystemLoader

    config, summary = read_config(run), run.read_summary()
    metrics = read_rows(run.metrics) if run.metrics.is_file() else []
    found = look(run, device)
    epoch = summary.get("best_epoch") or found.get("epoch")
    monitor = None
    if summary.get("chosen_by") != LAST_EPOCH and run.file("best").is_file():
        monitor = (config.get("checkpoint") or {}).get("monitor")
    classes = summary.get("classes") or found.get("classes")
    drawn = {
        name: png_url(path)
        for name in ("loss", "accuracy", "confusion", "embeddings")
        if (path := run.path / "figures" / f"{name}.png").is_file()
    }
    best = (epoch, monitor) if epoch and monitor else None
    here = Path(__file__).parent
    environment = Environment(
        loader=FileSystemLoader([here, here.parent / "studies"]), autoescape=True
    )
    html = environment.get_template("run_page.html.j2").render(
        title=run.name,
        subject=subject(config, summary),
        state=state(run, config, summary, metrics, epoch if run.file("best").is_file() else None),
        weights=weights(run, summary.get("best_epoch"), found.get("epoch"), monitor),
        table=figures_table(summary or figures_at(metrics, epoch)),
        curves=curves(config, metrics, best, classes),
        drawn=drawn,
        costs=[
            (name, show(summary[key]))
            for name, (key, show) in COSTS.items()
            if summary.get(key) is not None
        ],
        config_name=run.config.name,
        config=run.config.read_text(encoding="utf-8"),
        **found,
    )
    # The name of a file or folder in Latin-1 has characters that UTF-8 does not.
    return html.encode("utf-8", "backslashreplace").decode()


def read_config(run: RunFolder) -> dict[str, Any]:
    """Return a run's configuration; UserError if it is not one of `fit`."""
    try:
        config = yaml.safe_load(in_new_words(run.config.read_text(encoding="utf-8")))
        for part in ("model", "data"):
            config[part]["class_path"].rsplit(".")
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, AttributeError):
        raise UserError(
            f"{run.config}: this is no configuration of `fit` with model and data; give a run "
            "folder that `fit` has made"
        ) from None
    return dict(config)


def subject(config: dict[str, Any], summary: dict[str, Any]) -> str:
    """Return the variant, the data set and the sizes of its splits, as far as they are known."""
    model, data = (config[part]["class_path"].rsplit(".", 1)[-1] for part in ("model", "data"))
    text = f"{model} on {data.removesuffix('DataModule')}"
    splits = {"train": "training", "val": "validation", "test": "test"}
    sizes = [
        f"{summary[key]:,} {word}"
        for split, word in splits.items()
        if (key := f"data/{split}_images") in summary
    ]
    return f"{text}: {', '.join(sizes)} images" if sizes else text


def state(
    run: RunFolder,
    config: dict[str, Any],
    summary: dict[str, Any],
    metrics: Rows,
    epoch: int | None,
) -> list[str]:
    """Return sentences that say how far the training is, and whether it diverged.

    `epoch` is that of the best checkpoint; of a run that was killed, metrics.csv may end before it.
    """
    done = max([*by_epoch(metrics, "train/loss"), epoch or 0])
    most = (config.get("trainer") or {}).get("max_epochs")
    of = f"{done} of {most} epochs" if most and most > 0 else f"{done} epochs"
    if summary:
        told = [f"Finished after {summary.get('epochs', done)} epochs."]
    elif run.of_hub:
        told = []
    elif is_locked(run):
        told = [f"Still training: {of} are done."]
    else:
        why = "it was interrupted, or its loss was not finite any more"
        told = [f"Not finished: {of} are done; {why}.", f"To go on: fit --resume {run.path}"]
    if summary.get("data/val_images") == 0:
        told.append("No images were held out for validation.")
    if step := summary.get("diverged_at_step") or first_not_finite(metrics):
        told.append(f"Diverged: the loss is not finite from step {step} on.")
    return told


def first_not_finite(metrics: Rows) -> int | None:
    """Return the first step, from 1, with a logged loss that is not finite."""
    for row in metrics:
        if not all(math.isfinite(value) for key, value in row.items() if "/loss" in key):
            return int(row["step"]) + 1
    return None


def weights(run: RunFolder, tested: int | None, shown: int | None, monitor: str | None) -> str:
    """Return which epochs the figures of the summary and the images of a checkpoint are of."""
    if (epoch := tested or shown) and run.file("best").is_file():
        chosen = f"the best by {monitor}" if monitor else "the last: none was chosen"
        return f"Figures and images are of epoch {epoch}, {chosen}."
    told = [f"Figures are of epoch {tested}."] if tested else []
    if shown:
        told.append(
            f"Images are of the last checkpoint, in epoch {shown}: there is no best one, which "
            "needs a validation."
        )
    return " ".join(told)


def figures_at(metrics: Rows, epoch: int | None) -> dict[str, float]:
    """Return the validation figures of an epoch, from 1, or else of the last validated one."""
    values = {
        key: by_epoch(metrics, key)
        for key in dict.fromkeys(key for row in metrics for key in row)
        if key.startswith("val/")
    }
    validated = values.get("val/loss", {})
    at = epoch if epoch in validated else max(validated, default=None)
    return {key: of[at] for key, of in values.items() if at is not None and at in of}


def figures_table(figures: dict[str, Any]) -> dict[str, Any]:
    """Return the table of top-k accuracies and loss: its header, and a row per split."""
    names = {key.split("/")[1] for key in figures if key.startswith(("val/top", "test/top"))}
    ks = sorted(names, key=lambda name: int(name.removeprefix("top")))
    rows = []
    for split, word in (("val", "validation"), ("test", "test")):
        if f"{split}/loss" in figures:
            cells = [f"{figures[f'{split}/{k}']:.2%}" for k in ks if f"{split}/{k}" in figures]
            images = figures.get(f"{split}/images", figures.get(f"data/{split}_images"))
            count = "–" if images is None else f"{images:,}"
            rows.append([word, *cells, f"{figures[f'{split}/loss']:.4f}", count])
    header = ["split", *(k.replace("top", "top-") for k in ks), "loss", "images"]
    return {"header": header, "rows": rows}


def curves(
    config: dict[str, Any], metrics: Rows, best: tuple[int, str] | None, classes: int | None
) -> list[tuple[str, str]]:
    """Return the figures of loss and accuracy by epoch, each its title and its data URL."""
    targets = of_studies.soft_targets(config).get("soft_targets", "")
    drawn = []
    for title, unit, names, chance in (
        ("Loss", "cross-entropy (nats)", ["loss"], classes and math.log(classes)),
        ("Accuracy", "accuracy (%)", top_metrics(metrics), classes and 100 / classes),
    ):
        figure = curves_figure(metrics, names, unit, title, best, chance, targets, width=5)
        if figure is not None:
            drawn.append((f"{title} by epoch", figure_url(figure)))
    return drawn
