"""A W&B workspace: the metrics of a training over epochs, and beside them its costs."""

from pathlib import Path
from typing import Any

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws
from wandb_workspaces.reports.v2.interface import PanelTypes

from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line

# W&B's own step counts calls, so panels are drawn over the epoch or step logged with a metric.
EPOCH, STEP = "epoch", "trainer/global_step"
CURVES = {
    "Accuracy": {EPOCH: ["val/top1", "val/top5", "train/top1", "train/top5"]},
    "Loss": {EPOCH: ["val/loss", "train/loss"], STEP: ["train/loss_step"]},
    "Learning rate": {STEP: ["lr"]},
    "Embeddings": {
        EPOCH: [
            *("val/features_knn5", "val/penultimate_knn5"),
            *("val/features_silhouette", "val/penultimate_silhouette"),
        ]
    },
    "Speed and cost": {EPOCH: ["train/images_per_second"]},
}
BARS = {
    "Accuracy": ["test/top1", "test/top5"],
    "Loss": ["test/loss"],
    "Speed and cost": ["parameters", "multiply_adds", "seconds"],
}
IMAGES = {"Accuracy": ["figures/confusion"], "Embeddings": ["figures/embeddings"]}
COLUMNS = ["test/top1", "val/top1", "best_epoch", "parameters", "seconds"]


def workspace(entity: str, project: str, name: str, group: str | None) -> ws.Workspace:
    """Return a workspace with one line per configuration, or per variant of the study `group`."""
    return ws.Workspace(
        entity=entity,
        project=project,
        name=name,
        sections=[ws.Section(name=each, panels=panels(each), is_open=True) for each in CURVES],
        settings=ws.WorkspaceSettings(x_axis=EPOCH, max_runs=100),  # W&B shows ten by default
        runset_settings=ws.RunsetSettings(
            filters=ws.And(ws.Metric("Group") == group) if group else "",
            groupby=[ws.Config("name")],
            pinned_columns=[f"summary:{figure}" for figure in COLUMNS],
        ),
    )


def panels(section: str) -> list[PanelTypes]:
    """Return curves and bars with mean and standard deviation of each group, then images."""
    grouped: dict[str, Any] = {"groupby_aggfunc": "mean", "groupby_rangefunc": "stddev"}
    curves: list[PanelTypes] = [
        wr.LinePlot(title=metric, x=x, y=[metric], **grouped)
        for x, metrics in CURVES[section].items()
        for metric in metrics
    ]
    bars = [wr.BarPlot(title=each, metrics=[each], **grouped) for each in BARS.get(section, [])]
    images = [wr.MediaBrowser(title=key, media_keys=[key]) for key in IMAGES.get(section, [])]
    return [*curves, *bars, *images]


def save(built: Any, what: str) -> str:
    """Save a workspace or report in W&B, as that of the login if it has no entity; return its URL.

    UserError if W&B does not take it.
    """
    import wandb

    try:
        built.entity = built.entity or wandb.Api().default_entity
        return str(built.save().url)
    except Exception as error:  # of the network, of W&B, of its package
        raise UserError(f"W&B does not accept the {what}: {one_line(error)}") from error


def write_json(built: Any, path: Path) -> None:
    """Write a workspace or report as its package would send it."""
    # The package has no public method for it.
    text = built._to_model().model_dump_json(by_alias=True, exclude_none=True, indent=2)
    with replacing(path) as part:
        part.write_text(text + "\n", encoding="utf-8")
