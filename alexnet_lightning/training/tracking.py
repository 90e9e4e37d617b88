"""Weights & Biases: online with a login, else offline, never a prompt, never a reason to stop."""

import os
import re
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

    W&B's own environment variables (WANDB_PROJECT, WANDB_NAME, …) go before what is chosen here.
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
    given = os.environ.get
    mode = given("WANDB_MODE") or ("online" if logged_in() else "offline")
    project = os.environ.get("WANDB_PROJECT", PROJECT)
    experiment = None
    if is_rank_zero():  # one W&B run, however many processes train
        experiment = wandb.init(
            project=project,
            # Of None, wandb reads its variable itself.
            name=None if given("WANDB_NAME") else run.name,
            # It writes later too, wherever the process then is.
            dir=None if given("WANDB_DIR") else run.path.absolute(),
            # A resumed run goes on in its W&B run.
            id=None if given("WANDB_RUN_ID") else run.wandb_id,
            resume=None if given("WANDB_RESUME") else "allow",
            mode=mode,  # wandb checks the word itself
            config=config,
            settings=wandb.Settings(silent=mode == "offline"),
        )
        run.keep_wandb_id(experiment.id)
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
def close(loggers: Sequence[Logger], summary: dict[str, Any], artifact: Path | None = None) -> None:
    """Put the summary beside the curves and end the W&B run, so that its files are whole.

    A checkpoint given as `artifact` is logged before, with the summary as its metadata.
    """
    runs = [logger for logger in loggers if isinstance(logger, WandbLogger)]
    if artifact and not runs:
        say(f"--log_best: there is no W&B run to log {artifact} to")
    for logger in runs:
        if artifact:
            log_artifact(logger, artifact, summary)
        finish(logger, summary)


@forgiving
def log_artifact(logger: WandbLogger, checkpoint: Path, metadata: dict[str, Any]) -> None:
    """Log a checkpoint of a run folder as the W&B run's output, named after its config."""
    import wandb

    run = RunFolder(checkpoint.resolve().parent.parent)
    artifact = wandb.Artifact(no_slash(run.path.parent.name), type="model", metadata=metadata)
    artifact.add_file(str(checkpoint))
    logger.experiment.log_artifact(artifact, aliases=[checkpoint.stem, no_slash(run.name)])


def no_slash(name: str) -> str:
    """Return a name with the characters that W&B allows in artifacts and their aliases."""
    return re.sub(r"[^\w.-]", "-", name, flags=re.ASCII)


@forgiving
def finish(logger: WandbLogger, summary: dict[str, Any]) -> None:
    logger.experiment.summary.update(summary)
    logger.experiment.finish()
