"""metrics.csv: every scalar, a row a step, whole whenever it is read."""

import csv
from pathlib import Path

from alexnet_lightning.training.metrics_csv import MetricsCSV


def read(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def test_figures_of_one_step_share_a_row_and_floats_survive_to_the_bit(tmp_path: Path) -> None:
    logger = MetricsCSV(tmp_path)
    logger.log_metrics({"epoch": 0, "lr": 0.1}, step=9)
    logger.log_metrics({"epoch": 0, "val/loss": 1 / 3}, step=19)
    logger.log_metrics({"epoch": 0, "train/loss": 0.5}, step=19)
    logger.finalize("success")
    rows = read(tmp_path / "metrics.csv")
    assert [row["step"] for row in rows] == ["9", "19"]
    assert float(rows[1]["val/loss"]) == 1 / 3
    assert (rows[1]["train/loss"], rows[1]["lr"], rows[0]["val/loss"]) == ("0.5", "", "")


def test_the_file_is_rewritten_with_later_columns_and_not_too_often(tmp_path: Path) -> None:
    logger = MetricsCSV(tmp_path)
    logger.log_metrics({"epoch": 0, "lr": 0.1}, step=0)
    logger.save()
    logger.log_metrics({"epoch": 1, "test/top1": 0.9}, step=1)
    logger.save()
    assert len(read(logger.path)) == 1
    logger.finalize("success")
    assert [row["test/top1"] for row in read(logger.path)] == ["", "0.9"]
