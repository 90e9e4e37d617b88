"""A study's report as a W&B Report: its text and tables, and the curves of its runs by variant."""

import re
from typing import Any

import wandb_workspaces.reports.v2 as wr

from alexnet_lightning.studies.workspace import CURVES, panels

IMAGE = re.compile(r"!\[[^\]]*\]\([^)]*\)\n*")  # of Markdown; the panels are drawn in their place
CURVES_AFTER = "## Results"


def wandb_report(entity: str, project: str, title: str, markdown: str, group: str) -> wr.Report:
    """Return the report of a study.

    Args:
        entity: W&B user or team; "" for that of the login.
        project: W&B project of the runs.
        title: of the study.
        markdown: report.md of the study; its first heading is the title.
        group: W&B group of the runs, which is the study's name.
    """
    text = IMAGE.sub("", markdown.removeprefix(f"# {title}")).strip()
    answers, heading, rest = text.partition(CURVES_AFTER)
    runs = wr.Runset(
        entity=entity,
        project=project,
        name=group,
        filters=f"Metric('Group') == {group!r}",
        groupby=["config.name"],  # the variant
    )
    curves = wr.PanelGrid(runsets=[runs], panels=[each for name in CURVES for each in panels(name)])
    blocks: list[Any] = [wr.MarkdownBlock(text=answers), curves]
    blocks.append(wr.MarkdownBlock(text=heading + rest))
    return wr.Report(project=project, entity=entity, title=title, blocks=blocks, width="fluid")
