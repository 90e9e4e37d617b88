"""Weights & Biases: online with a login, else offline, never a prompt, never a reason to stop."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, WandbLogger
from lightning.pytorch.utilities import rank_zero_only

from alexnet_lightning.training.onlookers import forgiving
from alexnet_lightning.training.run_folder import RunFolder

PROJECT = "alexnet_lightning"


def wandb_logger(run: RunFolder, config: dict[str, Any]) -> Logger | None:
    """Start the W&B run of a run folder and return its logger; None where W&B is off or missing.

    Project, group, tags and mode are W&B's own environment variables (WANDB_PROJECT, …).
    """
    if os.environ.get("WANDB_MODE") == "disabled":
        return None
    try:
        import wandb
    except ImportError:
        say("W&B is not installed (pip install wandb): metrics.csv has the figures")
        return None
    try:
        return started(wandb, run, config)
    except Exception as error:  # whatever it is, the training does not need W&B
        say(f"W&B did not start ({reason_of(error)}): metrics.csv has the figures")
        return None


def started(wandb: Any, run: RunFolder, config: dict[str, Any]) -> Logger:
    mode = os.environ.get("WANDB_MODE") or ("online" if logged_in() else "offline")
    project = os.environ.get("WANDB_PROJECT", PROJECT)
    experiment = None
    if is_rank_zero():  # one W&B run, however many processes train
        experiment = wandb.init(
            project=project,
            name=run.name,
            dir=run.path.absolute(),  # it writes later too, wherever the process then is
            id=run.wandb_id,  # a resumed run goes on in its W&B run
            resume="allow",
            mode=mode,  # wandb checks the word itself
            config=config,
            settings=wandb.Settings(silent=mode == "offline"),
        )
        experiment.define_metric("trainer/global_step")
        experiment.define_metric("*", step_metric="trainer/global_step", step_sync=True)
        if mode == "offline":
            say(f"W&B is offline; to upload: wandb sync {Path(experiment.dir).parent}")
    return WandbLogger(save_dir=run.path, project=project, experiment=experiment)


def reason_of(error: Exception) -> str:
    """Return in one line why W&B did not start, with the variable that is wrong."""
    from pydantic import ValidationError

    if isinstance(error, ValidationError):  # of W&B's settings; its own first line counts them
        wrong = error.errors()[0]
        name = "_".join(["WANDB", *map(str, wrong["loc"])]).upper()
        return f"{name} is {wrong['input']}: {wrong['msg']}"
    return (str(error).splitlines() or [type(error).__name__])[0]


def logged_in() -> bool:
    """Tell whether W&B has credentials: in the environment or where `wandb login` puts them."""
    import requests

    if any(os.environ.get(name) for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE")):
        return True
    host = os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")
    return requests.utils.get_netrc_auth(host) is not None


def is_rank_zero() -> bool:
    """Tell whether this is the one process of the job that writes, before there is a Trainer."""
    return bool(rank_zero_only.rank == 0)  # type: ignore[attr-defined]


@rank_zero_only
def say(line: str) -> None:
    """Print one line, once a job."""
    print(line, flush=True)


@rank_zero_only
def close(loggers: Sequence[Logger], summary: dict[str, Any]) -> None:
    """Put the summary beside the curves and end the W&B run, so that its files are whole."""
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            finish(logger, summary)


@forgiving
def finish(logger: WandbLogger, summary: dict[str, Any]) -> None:
    logger.experiment.summary.update(summary)
    logger.experiment.finish()
