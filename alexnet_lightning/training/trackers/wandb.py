"""Weights & Biases: online with a login, else offline, never a prompt, never a reason to stop."""

import os
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import Logger, WandbLogger

from alexnet_lightning.training.onlookers import forgiving
from alexnet_lightning.training.rank_zero import is_rank_zero, say
from alexnet_lightning.training.run_folder import RunFolder
from alexnet_lightning.training.showing import (
    Rows,
    finish,
    keep_checkpoint,
    show_figure,
    show_table,
)
from alexnet_lightning.training.trackers import PROJECT


def wandb_logger(run: RunFolder, config: Mapping[str, Any]) -> Logger | None:
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


def started(wandb: Any, run: RunFolder, config: Mapping[str, Any]) -> Logger:
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
            say(f"W&B is offline; to upload: {sync_command(Path(experiment.dir).parent)}")
    return WandbLogger(save_dir=run.path, project=project, experiment=experiment)


def sync_command(segment: Path) -> str:
    """Return the command that uploads a run, of whose segments one is given.

    An offline run that was resumed has several, `offline-run-DATE-ID`. Given together, wandb sync
    uploads them one after the other by the time at which they began; a later one on its own would
    put the others after it.
    """
    run_id = segment.name.rsplit("-", 1)[-1]
    return f"wandb sync {shlex.quote(str(segment.parent))}/offline-run-*-{shlex.quote(run_id)}"


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


@show_figure.register(WandbLogger)
@forgiving
def figure(logger: WandbLogger, key: str, png: Path, step: int) -> None:
    logger.log_image(key, [str(png)])


@show_table.register(WandbLogger)
@forgiving
def table(logger: WandbLogger, key: str, columns: Sequence[str], rows: Rows, step: int) -> None:
    logger.log_table(key, list(columns), list(map(list, rows)))


@keep_checkpoint.register(WandbLogger)
@forgiving
def checkpoint(logger: WandbLogger, path: Path, figures: Mapping[str, Any]) -> bool:
    """Log a checkpoint of a run folder as the W&B run's output, named after its config."""
    import wandb

    run = RunFolder(path.resolve().parent.parent)
    artifact = wandb.Artifact(no_slash(run.path.parent.name), type="model", metadata=dict(figures))
    artifact.add_file(str(path))
    logger.experiment.log_artifact(artifact, aliases=[path.stem, no_slash(run.name)])
    return True


def no_slash(name: str) -> str:
    """Return a name with the characters that W&B allows in artifacts and their aliases."""
    return re.sub(r"[^\w.-]", "-", name, flags=re.ASCII)


@finish.register(WandbLogger)
@forgiving
def close(logger: WandbLogger, figures: Mapping[str, Any]) -> None:
    logger.experiment.summary.update(dict(figures))
    logger.experiment.finish()
