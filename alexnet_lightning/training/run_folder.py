"""A run is one folder: made, found and read here."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from difflib import get_close_matches
from functools import cache
from importlib.metadata import version
from itertools import count
from pathlib import Path
from typing import Any

from filelock import BaseFileLock, FileLock, Timeout

from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line

BEST, LAST = "best.ckpt", "last.ckpt"
RUNS = Path("runs")  # where run folders go unless told otherwise
RENAMED = {
    "trunk_lr_factor": "backbone_lr_factor",
    "freeze_trunk": "freeze_backbone",
    "LayerSpreads": "LayerStatistics",
}
PACKAGES = ("torch", "torchvision", "lightning", "torchmetrics", "wandb", "scikit-learn")


class RunFolder:
    """`runs/<config name>/<YYYYmmdd-HHMMSS>/` and the names of what lies in it.

    A folder of `export --format hub` is one too, with one checkpoint; see `training.hub_folder`.
    """

    WEIGHTS, NETWORK = "model.safetensors", "config.json"  # of the hub

    def __init__(self, path: Path) -> None:
        self.path = path
        self.of_hub = (path / self.WEIGHTS).is_file()
        # Another name, so that an export within a run is not taken for a run.
        self.config = path / ("training.yaml" if self.of_hub else "config.yaml")
        self.metrics = path / "metrics.csv"
        self.summary = path / "summary.json"
        self.checkpoints = path / "checkpoints"
        self._wandb_id = path / "wandb" / "run_id.txt"
        self._lock: BaseFileLock | None = None

    @property
    def name(self) -> str:
        """Config name and start time, as W&B shows the run."""
        return f"{self.path.parent.name}/{self.path.name}"

    @classmethod
    def create(cls, root: Path, name: str, job: str | None = None) -> "RunFolder":
        """Make a folder that nobody else has; two runs in one second get different ones.

        With `job` its name ends, so that a restarted job finds it.
        """
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        for attempt in count(1):
            words = [stamp, *([str(attempt)] if attempt > 1 else []), *([job] if job else [])]
            path = root / name / "-".join(words)
            try:
                path.mkdir(parents=True)
            except FileExistsError:
                if not path.is_dir():
                    raise UserError(f"--runs_dir: {path} is a file, a folder is needed") from None
            except OSError as error:
                raise UserError(
                    f"--runs_dir: cannot make {path}: {error.strerror}; name a folder you can write"
                ) from None
            else:
                run = cls(path)
                run.lock()
                return run
        raise AssertionError("unreachable: count() has no end")

    def lock(self) -> None:
        """Keep the folder to this process until it ends; UserError if another has it.

        What a killed process left half-written among the checkpoints is removed.
        """
        self._lock = FileLock(self.path / ".lock")
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise UserError(
                f"{self.path}: another process is training in this folder; wait for it or stop it"
            ) from None
        except OSError as error:
            raise UserError(f"{self.path}: cannot write here ({error.strerror})") from None
        for part in self.checkpoints.glob(".*.part.ckpt"):
            part.unlink(missing_ok=True)

    def unlock(self) -> None:
        """Let others train here."""
        if self._lock is not None:
            self._lock.release()

    def discard(self) -> None:
        """Take back a folder in which nothing has been trained yet, and its empty parents."""
        self.unlock()
        shutil.rmtree(self.path, ignore_errors=True)
        for folder in self.path.parents[:2]:
            try:
                folder.rmdir()
            except OSError:  # it holds other runs
                return

    @classmethod
    def find(cls, run: str | Path, root: Path = RUNS) -> "RunFolder":
        """Return an existing run.

        Args:
            run: its folder, or one of `export --format hub`; "latest", the newest run in `root`;
                or the name of a config, or a folder of runs, for the newest run of it.
            root: folder of all runs.

        Raises:
            UserError: there is no such run.
        """
        if not isinstance(run, str | Path):
            raise UserError(f"{run!r} is no run: give a run folder, a config's name, or latest")
        if not str(run).strip():  # a shell's variable that is not set
            raise UserError(
                "the run's name is empty; give a run folder, a config's name, or latest"
            )
        path = Path(run)
        found_there = cls(path)
        if found_there.of_hub or found_there.config.is_file():
            return found_there
        folders = [root] if str(run) == "latest" else [path, root / path]
        for folder in folders:
            if found := [config.parent for config in configs_in(folder)]:
                return cls(max(found, key=lambda path: path.name))
        trained = {config.parts[-3] for config in configs_in(root) if config.parent != root}
        close = get_close_matches(path.name, trained, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise UserError(
            f"{run}: no run there; {hint}give a run folder such as {root}/digits_bn/DATE, the name "
            "of a config that has been trained, or latest"
        )

    def file(self, which: str) -> Path:
        """Return the path of "best" or "last", whether it is there or not."""
        if self.of_hub and which == "best":
            return self.path / self.WEIGHTS
        return self.checkpoints / f"{which}.ckpt"

    def checkpoint(self, which: str) -> Path:
        """Return the path of "best", "last" or of a checkpoint anywhere; it must be there.

        Of a run without a validation, "best" is the last, which is said.
        """
        named = which in ("best", "last")
        path = self.file(which) if named else Path(which)
        if which == "best" and not path.is_file() and (self.checkpoints / LAST).is_file():
            path = self.checkpoints / LAST
            note(f"{self.path} has no {BEST}, which needs a validation: {LAST} is taken")
        if not path.is_file():
            if not named:
                raise UserError(f"--checkpoint: no file {path}; give best, last or a path")
            hint = "the run has not come to one yet"
            if self.of_hub:
                hint = "this folder has one checkpoint, its best"
            raise UserError(f"{self.path}: no checkpoint {path.name}; {hint}")
        return path

    def test_figures(self, name: str) -> Path:
        """Return the path of the figures of a further test of the run, as a study makes them."""
        return self.path / f"test_{name}.json"

    @property
    def wandb_id(self) -> str | None:
        """The id of the run's W&B run; in earlier versions its folder's name ends with it."""
        if self._wandb_id.is_file():
            return self._wandb_id.read_text(encoding="utf-8").strip()
        names = sorted(path.name for path in (self.path / "wandb").glob("*run-*-*"))
        return names[-1].rsplit("-", 1)[-1] if names else None

    def keep_wandb_id(self, name: str) -> None:
        """Keep the id of the run's W&B run here, wherever that has its files (WANDB_DIR)."""
        with replacing(self._wandb_id) as part:
            part.write_text(f"{name}\n", encoding="utf-8")

    def read(self, which: str) -> dict[str, Any]:
        """Return the content of "best", "last" or of a checkpoint anywhere, on the CPU.

        Raises:
            UserError: there is no such file, or it is no checkpoint.
        """
        import torch

        path = self.checkpoint(which)
        try:
            if path.name == self.WEIGHTS:
                from alexnet_lightning.training.hub_folder import read_network

                return read_network(path)
            # Tensors and plain values only: a checkpoint must not be able to run code.
            content: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
            content["state_dict"].keys()
            return content
        except UserError:
            raise
        except Exception as error:  # a damaged file can raise anything
            raise UserError(
                f"{path} is no checkpoint of this project; give a run folder, or a file such as "
                "its checkpoints/best.ckpt"
            ) from error

    def read_summary(self) -> dict[str, Any]:
        """Return the figures of a finished run; empty for one that is not finished.

        UserError if the file is not one that `write_summary` wrote.
        """
        if not self.summary.is_file():
            return {}
        try:
            return dict(json.loads(self.summary.read_text(encoding="utf-8")))
        except (ValueError, TypeError) as error:
            raise UserError(
                f"{self.summary}: cannot be read as the figures of a run ({one_line(error)}); "
                "restore it"
            ) from None

    def write_config(self, text: str) -> None:
        """Keep the resolved configuration, enough to run it again."""
        with replacing(self.config) as part:
            part.write_text(text, encoding="utf-8")

    def write_summary(self, summary: dict[str, Any]) -> None:
        """Keep the figures of a finished run, flat, keys named as the metrics."""
        with replacing(self.summary) as part:
            part.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")


def configs_in(folder: Path) -> list[Path]:
    """Return the config.yaml of all runs in a folder, at any depth."""
    # W&B has files of that name: wandb/run-DATE-ID/files/config.yaml.
    return [path for path in folder.glob("**/config.yaml") if path.parent.name != "files"]


def in_new_words(text: str) -> str:
    """Return a text of an earlier version with the names that arguments and classes have now."""
    # Arguments only where they are keys: a run may have such a name.
    key = "(?:trunk_lr_factor|freeze_trunk)"
    names = rf"\b{key}(?=['\"]?:)|(?<=--model\.){key}|^{key}$|\bLayerSpreads\b"
    return re.sub(names, lambda found: RENAMED[found[0]], text)


@cache
def note(line: str) -> None:
    """Say a line on the error output, once a process."""
    print(line, file=sys.stderr, flush=True)


def variant_of(stored: Mapping[str, Any]) -> str | None:
    """Return the variant's name in a checkpoint or an export; earlier versions stored its path."""
    name: str | None = stored.get("variant") or stored.get("class_path")
    return name and name.rsplit(".", 1)[-1]


def versions() -> str:
    """Return what this ran on, as "python 3.11.7, torch 2.14.1, …"."""
    return ", ".join(
        [f"python {platform.python_version()}"] + [f"{name} {version(name)}" for name in PACKAGES]
    )


def machine() -> str:
    """Return what this ran on, as "AMD EPYC (AVX2), 1 of 2 cores", and the GPUs."""
    import torch

    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    processor = models[0] if models else platform.processor() or platform.machine()
    gpus = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    # Processors of one name can differ threefold by the vector instructions that torch finds.
    capability = torch.backends.cpu.get_cpu_capability()
    cores, threads = os.cpu_count() or 1, torch.get_num_threads()
    used = f"{threads} of {cores} cores" if threads < cores else f"{cores} cores"
    return ", ".join([f"{processor} ({capability})", used, *gpus])


def git_commit() -> str | None:
    """Return the commit of the code that runs, with "+changes" where files differ from it."""
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty=+changes"],
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            timeout=10,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return described.stdout.strip() or None
