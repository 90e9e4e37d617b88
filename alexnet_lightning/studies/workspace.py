"""A workspace of W&B: what is logged during training, over epochs and beside what it cost."""

import wandb_workspaces.reports.v2 as wr
import wandb_workspaces.workspaces as ws
from wandb_workspaces.reports.v2.interface import PanelTypes

# A figure of each epoch has `epoch` beside it, a figure of each few steps the step: nothing in a
# study is to be read by W&B's own step, which counts calls.
EPOCH, STEP = "epoch", "trainer/global_step"
CURVES = {
    "Accuracy": {EPOCH: ["val/top1", "val/top5", "train/top1", "train/top5"]},
    "Loss": {EPOCH: ["val/loss", "train/loss"], STEP: ["train/loss_step"]},
    "Learning rate": {STEP: ["lr"]},
    "Embeddings": {
        EPOCH: [
            "val/features_knn5",
            "val/penultimate_knn5",
            "val/features_silhouette",
            "val/penultimate_silhouette",
        ]
    },
    "Speed and cost": {EPOCH: ["train/images_per_second"]},
}
BARS = {
    "Accuracy": ["test/top1", "test/top5"],
    "Loss": ["test/loss"],
    "Speed and cost": ["parameters", "multiply_adds", "seconds"],
}
PICTURES = {
    "Accuracy": ["figures/confusion"],
    "Embeddings": ["figures/embeddings"],
}
COLUMNS = ["test/top1", "val/top1", "best_epoch", "parameters", "seconds"]
MOST_GROUPS = 100  # in a panel; W&B itself shows ten


def workspace(entity: str, project: str, name: str, group: str | None) -> ws.Workspace:
    """Return a workspace in which the runs of a configuration, or of a variant, are one line.

    Args:
        entity: W&B user or team.
        project: of the runs.
        name: of the workspace.
        group: study whose runs alone it shows; None for all of the project.

    Raises:
        ValueError: W&B does not take the name.
    """
    filters = ws.And(ws.Metric("Group") == group) if group else ""
    return ws.Workspace(
        entity=entity,
        project=project,
        name=name,
        sections=[
            ws.Section(name=section, panels=panels(section), is_open=True) for section in CURVES
        ],
        settings=ws.WorkspaceSettings(x_axis=EPOCH, max_runs=MOST_GROUPS),
        runset_settings=ws.RunsetSettings(
            filters=filters,
            groupby=[ws.Config("name")],
            pinned_columns=[f"summary:{figure}" for figure in COLUMNS],
        ),
    )


def panels(section: str) -> list[PanelTypes]:
    """Return curves with the mean and spread of each group, then bars, then pictures."""
    curves: list[PanelTypes] = [
        wr.LinePlot(
            title=figure, x=x, y=[figure], groupby_aggfunc="mean", groupby_rangefunc="stddev"
        )
        for x, figures in CURVES[section].items()
        for figure in figures
    ]
    bars = [
        wr.BarPlot(
            title=figure, metrics=[figure], groupby_aggfunc="mean", groupby_rangefunc="stddev"
        )
        for figure in BARS.get(section, [])
    ]
    pictures = [
        wr.MediaBrowser(title=figure, media_keys=[figure]) for figure in PICTURES.get(section, [])
    ]
    return [*curves, *bars, *pictures]
