"""What is kept of a study's runs: a row per run, per epoch and per layer, as CSV files."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import yaml

from alexnet_lightning.studies.csv_rows import Row, read_rows, write_rows
from alexnet_lightning.studies.grid import Cell, Run, settings_of
from alexnet_lightning.training.run_folder import RunFolder
from alexnet_lightning.training.summary import LAST_EPOCH

FEW_EPOCHS = 2
CURVES = (
    "train/loss", "train/top1", "val/loss", "val/top1", "train/images_per_second",
    "train/operations",
)  # fmt: skip
FIGURES = (  # of summary.json
    "diverged_at_step", "best_epoch", "epochs", "val/loss", "val/top1", "val/top5", "test/loss",
    "test/top1", "test/top5", "test/images", "data/changed", "classes", "parameters",
    "multiply_adds", "seconds", "train/images_per_second", "data/train_images", "data/fingerprint",
    "machine/gflops_before", "machine/gflops_after",
)  # fmt: skip
LAST = (  # the last value of a column of metrics.csv
    "train/loss", "train/top1", "train/operations", "val/features_knn5", "val/features_silhouette",
    "val/penultimate_knn5", "val/penultimate_silhouette", "val/embedded_images",
)  # fmt: skip


@dataclass(frozen=True)
class Evidence:
    """All rows of a study."""

    runs: list[Row]  # one per finished run: variant, seed, figures, versions, commit
    curves: list[Row]  # one per run and epoch; for runs of few epochs also one per logged step
    layer_statistics: list[Row]  # one per run, step and layer, of runs with LayerStatistics
    tuning: list[Row] = field(default_factory=list)  # as `runs`, of the trials before them

    def by_seed(self, variant: str, metric: str) -> dict[int, float]:
        """Return a figure of a variant's runs, by seed; runs without it are left out."""
        return {
            row["seed"]: row[metric]
            for row in self.runs
            if row["variant"] == variant and row.get(metric) is not None
        }

    def operations_until(self, variant: str) -> dict[int, dict[int, float]]:
        """Return by seed and epoch the operations up to its end; without rows that do not say."""
        return {
            row["seed"]: self.curve(variant, row["seed"], "train/operations")
            or {row["epochs"]: total}
            for row in self.runs
            if row["variant"] == variant and (total := operations(row))
        }

    def soft_targets(self, variant: str) -> str:
        """Return what a variant's training loss compares with in place of class indices, or ""."""
        return str(next(iter(self.by_seed(variant, "soft_targets").values()), ""))

    @property
    def chosen_by(self) -> set[str]:
        """The figures that chose the tested epochs; LAST_EPOCH where none did."""
        return {row.get("chosen_by", "val/top1") for row in self.runs}

    @property
    def tested(self) -> str:
        """Which weights the test figures are of: "best checkpoint", "last epoch" or either."""
        if not self.validated or self.chosen_by == {LAST_EPOCH}:
            return "last epoch"
        return "best checkpoint" + " or last epoch" * (LAST_EPOCH in self.chosen_by)

    @property
    def validated(self) -> bool:
        """Whether any run has a validation."""
        return any("val/top1" in row for row in [*self.runs, *self.curves])

    def curve(self, variant: str, seed: int, metric: str, over: str = "epoch") -> dict[int, float]:
        """Return a metric of one run by "epoch" or "step", counted from 1."""
        return {
            row[over]: row[metric]
            for row in self.curves
            if (row["variant"], row["seed"]) == (variant, seed) and metric in row
        }


def operations(row: Row) -> float | None:
    """Return the operations of a training; None for rows without the number of images.

    Those that `OperationCount` has counted; else those of all images, epochs and layers.
    """
    if counted := row.get("train/operations"):
        return float(counted)
    images = row.get("data/train_images")
    return None if images is None else 6 * row["multiply_adds"] * images * row["epochs"]


def gather(cells: Iterable[Cell]) -> Evidence:
    """Return the rows of the finished runs, from their folders."""
    found = Evidence([], [], [])
    for cell in cells:
        if cell.state != "finished" or cell.folder is None:
            continue
        key = {"variant": cell.run.variant, "seed": cell.run.seed}
        metrics = read_rows(cell.folder.metrics)
        flags, date = cell.run.flags, cell.folder.path.name[:15]
        config = yaml.safe_load(cell.folder.config.read_text(encoding="utf-8"))
        told = soft_targets(config) | {"chosen_by": config["checkpoint"]["monitor"] or LAST_EPOCH}
        row = run_row(flags, date, cell.summary, metrics) | further_tests(cell.folder)
        found.runs.append(key | told | row)
        curves = epochs(metrics)
        if len(curves) <= FEW_EPOCHS:
            loss = "train/loss_step"
            curves += [{"step": row["step"] + 1, loss: row[loss]} for row in metrics if loss in row]
        found.curves.extend(key | row for row in curves)
        layers = cell.folder.path / "layer_statistics.csv"
        if not layers.is_file():
            layers = cell.folder.path / "spreads.csv"  # its name until the first release
        found.layer_statistics.extend(
            key | row for row in (read_rows(layers) if layers.is_file() else [])
        )
    return found


def merged(found: Evidence, earlier: Evidence, runs: Sequence[Run]) -> Evidence:
    """Return the rows of some runs, in their order: found in folders, else of an earlier report."""
    there = {key_of(row) for row in found.runs}
    order = {(run.variant, run.seed): index for index, run in enumerate(runs)}

    def joined(rows: list[Row], of_earlier: list[Row]) -> list[Row]:
        gone = [row for row in of_earlier if key_of(row) in order and key_of(row) not in there]
        return sorted([*rows, *gone], key=lambda row: order[key_of(row)])

    return Evidence(*(joined(rows, getattr(earlier, name)) for name, rows in vars(found).items()))


def key_of(row: Row) -> tuple[str, int]:
    """Return which run a row is of: its variant and its seed."""
    return row["variant"], row["seed"]


def soft_targets(config: Row) -> Row:
    """Return what training compares with in place of class indices: it shifts the training loss."""
    model, data = (config[part].get("init_args", {}) for part in ("model", "data"))
    targets = str((data.get("targets") or {}).get("class_path", "OneHot")).rsplit(".", 1)[-1]
    words = [] if targets == "OneHot" else [targets]
    if smoothing := model.get("label_smoothing"):
        words.append(f"label smoothing {smoothing:g}")
    return {"soft_targets": " and ".join(words)} if words else {}


def run_row(flags: Sequence[str], date: str, summary: Row, metrics: Sequence[Row]) -> Row:
    """Return the figures of a finished run."""
    last = {name: name for name in LAST} | {f"last_{of}": of for of in ("val/top1", "val/loss")}
    return {
        **settings_of(flags),
        "date": date,
        **{name: summary[name] for name in FIGURES if name in summary},
        **{name: found[-1] for name, of in last.items() if (found := column(metrics, of))},
        "machine": summary.get("machine", ""),
        "versions": summary["versions"],
        "git_commit": summary["git_commit"],
    }


def further_tests(run: RunFolder) -> Row:
    """Return the figures of a run's further tests: those of `jpeg` as "test jpeg/top1"."""
    return {
        f"test {path.stem.removeprefix('test_')}/{key.split('/')[1]}": value
        for path in sorted(run.path.glob(run.test_figures("*").name))
        for key, value in json.loads(path.read_text(encoding="utf-8")).items()
        if key.startswith("test/") and key != "test/images"
    }


def column(rows: Iterable[Row], name: str) -> list[float]:
    """Return the values of a column, without empty cells."""
    return [row[name] for row in rows if name in row]


def epochs(metrics: Iterable[Row]) -> list[Row]:
    """Return a row per epoch, counted from 1: the last value of each metric in it."""
    found: dict[int, Row] = {}
    for row in metrics:
        values = {name: row[name] for name in CURVES if name in row}
        if values and "epoch" in row:
            found.setdefault(int(row["epoch"]) + 1, {}).update(values)
    return [{"epoch": epoch, **found[epoch]} for epoch in sorted(found)]


def write(evidence: Evidence, folder: Path) -> None:
    """Write runs.csv, curves.csv and so on, without those that would be empty."""
    for name, rows in vars(evidence).items():
        if rows:
            write_rows(rows, folder / f"{name}.csv")


def read(folder: Path) -> Evidence:
    """Return the rows of a report, from its CSV files."""
    paths = [folder / f"{each.name}.csv" for each in fields(Evidence)]
    return Evidence(*(read_rows(path) if path.is_file() else [] for path in paths))
