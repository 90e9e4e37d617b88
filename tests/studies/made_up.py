"""Run folders with figures made up, so that a report's are known beforehand."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from alexnet_lightning.studies.grid import Run, resolved

SUMMARY = {
    "best_epoch": 2,
    "epochs": 2,
    "val/loss": 1.0,
    "val/top1": 0.6,
    "val/top5": 0.9,
    "test/loss": 1.1,
    "test/top5": 0.9,
    "test/images": 100,
    "parameters": 1234,
    "multiply_adds": 5_000_000,
    "seconds": 60.0,
    "train/images_per_second": 100.0,
    "machine": "a machine",
    "versions": "python 3",
    "git_commit": "abc",
}
METRICS = """epoch,step,train/loss,train/top1,val/loss,val/top1,val/penultimate_knn5
0,9,2.0,0.4,1.9,0.5,
1,19,1.5,0.8,1.0,0.6,0.75
"""


def make_run(run: Run, root: Path, summary: Mapping[str, Any] | None, date: str) -> Path:
    """Write the folder of a run; a summary of None leaves it unfinished."""
    folder = root / run.variant / date
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(resolved(run, root), sort_keys=False))
    (folder / "metrics.csv").write_text(METRICS)
    if summary is not None:
        (folder / "summary.json").write_text(json.dumps(SUMMARY | dict(summary)))
    return folder
