"""MLflow: a run in the database that all runs of a folder share, or on a tracking server."""

import csv
import io
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import MLFlowLogger

from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.training.onlookers import forgiving
from alexnet_lightning.training.rank_zero import say
from alexnet_lightning.training.run_folder import RunFolder
from alexnet_lightning.training.showing import (
    Rows,
    finish,
    keep_checkpoint,
    show_figure,
    show_table,
)
from alexnet_lightning.training.trackers import PROJECT


def mlflow_logger(run: RunFolder, config: Mapping[str, Any]) -> MLFlowLogger:
    """Start or go on in the MLflow run of a run folder.

    It is in `<runs>/mlflow/mlflow.db`, where MLflow compares it with the others, unless
    MLFLOW_TRACKING_URI names another place.
    """
    import mlflow  # noqa: F401  # which sets the levels of its own lines

    for name in ("mlflow", "alembic", "lightning.pytorch.loggers.mlflow"):
        logging.getLogger(name).setLevel(logging.ERROR)  # how a database is made
    uri, artifacts = os.environ.get("MLFLOW_TRACKING_URI"), None
    if not uri:
        folder = run.path.absolute().parents[1] / "mlflow"
        folder.mkdir(exist_ok=True)
        uri, artifacts = f"sqlite:///{folder / 'mlflow.db'}", (folder / "artifacts").as_uri()
    kept = run.path / "mlflow" / "run_id.txt"
    earlier = kept.read_text(encoding="utf-8").strip() if kept.is_file() else None
    logger = MLFlowLogger(
        experiment_name=os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT),
        run_name=run.name,
        tracking_uri=uri,
        artifact_location=artifacts,
        run_id=earlier,
    )
    name = str(logger.run_id)  # which makes the run
    if artifacts:
        os.environ.pop("MLFLOW_TRACKING_URI", None)  # MLflow sets it, and it holds for this run
    if earlier:
        logger.experiment.update_run(name, "RUNNING")
    else:
        logger.log_hyperparams(dict(config))
        with replacing(kept) as part:
            part.write_text(f"{name}\n", encoding="utf-8")
    say(f"MLflow: mlflow server --backend-store-uri {uri}" if artifacts else f"MLflow: {uri}")
    return logger


@show_figure.register(MLFlowLogger)
@forgiving
def figure(logger: MLFlowLogger, key: str, png: Path, step: int) -> None:
    from PIL import Image

    with Image.open(png) as image:
        logger.experiment.log_image(str(logger.run_id), image.convert("RGB"), key=key, step=step)


@show_table.register(MLFlowLogger)
@forgiving
def table(logger: MLFlowLogger, key: str, columns: Sequence[str], rows: Rows, step: int) -> None:
    text = io.StringIO()
    csv.writer(text).writerows([columns, *rows])
    logger.experiment.log_text(str(logger.run_id), text.getvalue(), f"tables/{key}.csv")


@keep_checkpoint.register(MLFlowLogger)
@forgiving
def checkpoint(logger: MLFlowLogger, path: Path, figures: Mapping[str, Any]) -> bool:
    logger.experiment.log_artifact(str(logger.run_id), str(path), "checkpoints")
    return True


@finish.register(MLFlowLogger)
@forgiving
def close(logger: MLFlowLogger, figures: Mapping[str, Any]) -> None:
    if figures:
        logger.experiment.log_dict(str(logger.run_id), dict(figures), "summary.json")
