"""What several rooms' tests need: a quick experiment, and commands as a user runs them."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch
import yaml
from PIL import Image

from alexnet_lightning.cli.command import run_command
from alexnet_lightning.evaluate import main as evaluate
from alexnet_lightning.fit import main as fit
from alexnet_lightning.models import AlexNetOWT

if TYPE_CHECKING:
    from nbformat import NotebookNode

# So small that threads wait for each other longer than they work, above all on a busy machine.
torch.set_num_threads(1)

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"
COMMANDS = {"fit": fit, "evaluate": evaluate}
QUICK = {
    "model": {
        "class_path": "AlexNetBN",
        "init_args": {
            "stem": "small",
            "width": 0.05,
            "optimizer": {"class_path": "Adam", "init_args": {"lr": 0.001}},
        },
    },
    "data": {"class_path": "DigitsDataModule", "init_args": {"batch_size": 200}},
    "embedding_pca": {"count": 60},
    "trainer": {
        "max_epochs": 2,
        "accelerator": "cpu",
        "enable_progress_bar": False,
        "enable_model_summary": False,
    },
}


@pytest.fixture(autouse=True)
def no_wandb_account(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No test reaches a W&B account of whoever runs it, nor writes into their home."""
    home = tmp_path_factory.getbasetemp()
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(home / "no_netrc"))
    for name in ("WANDB_DATA_DIR", "WANDB_CACHE_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(home / "wandb"))


@pytest.fixture(autouse=True)
def empty_figures(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test's own trainings write figures without content: drawing is half of their time.

    The runs of sessions and modules are drawn, and all in callbacks/; a stranger's figures, whose
    values are unusual, are put together and not written.
    """
    if "callbacks" in request.path.parts:
        return

    def write(figure: object, path: Path) -> None:
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (1, 1)).save(path)

    monkeypatch.setattr("alexnet_lightning.callbacks.saving.write_png", write)
    if "strangers" not in request.path.parts:
        for name in ("embedding_pca.embeddings", "curves.curves", "confusion.confusion"):
            path = f"alexnet_lightning.callbacks.{name}_figure"
            monkeypatch.setattr(path, lambda *_, **__: object())


@pytest.fixture(scope="session")
def quick_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A config file that trains on digits in a second."""
    path = tmp_path_factory.mktemp("configs") / "quick.yaml"
    path.write_text(yaml.safe_dump(QUICK))
    return path


@pytest.fixture
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory: run folders go to its runs/."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def mistake(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], in_tmp: Path
) -> Iterator[Callable[..., str]]:
    """Run a command that must fail; give its one line of error, having checked that it is one."""

    def run(command: str, *args: object) -> str:
        monkeypatch.setattr(sys, "argv", [command, *map(str, args)])
        with pytest.raises(SystemExit) as stop:
            run_command(COMMANDS[command])
        assert stop.value.code == 2
        error = capsys.readouterr().err
        lines = error.splitlines()
        assert len(lines) == 1, error
        assert lines[0].startswith("error: ")
        assert not (in_tmp / "runs").exists(), "a mistake must leave nothing behind"
        return lines[0].removeprefix("error: ")

    return run


@pytest.fixture(scope="session")
def trained_run(quick_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of four epochs on digits; tests only read it."""
    root = tmp_path_factory.mktemp("trained")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        fit(["--config", str(quick_config), "--runs_dir", str(root), "--trainer.max_epochs", "4"])
    (config,) = root.rglob("config.yaml")
    return config.parent


@pytest.fixture
def own_run(trained_run: Path, tmp_path: Path) -> Path:
    """A copy of the trained run, to write into."""
    return shutil.copytree(trained_run, tmp_path / "runs" / "quick" / trained_run.name)


@pytest.fixture
def run_without_data(own_run: Path) -> Path:
    """A copy of the trained run whose data set is missing."""
    path = own_run / "config.yaml"
    data = {"class_path": "CIFAR10DataModule", "init_args": {"root": str(own_run / "nowhere")}}
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "data": data}))
    return own_run


@pytest.fixture(scope="session")
def run(quick_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of two epochs on digits with its offline W&B run; tests only read it."""
    root = tmp_path_factory.mktemp("runs")
    fit(["--config", str(quick_config), "--runs_dir", str(root)])
    (folder,) = (root / "quick").iterdir()
    return folder


@pytest.fixture(scope="session")
def pretrained_run(quick_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a network that began with weights which are no longer to be had."""
    root = tmp_path_factory.mktemp("pretrained")
    weights = root / "weights.pt"
    torch.save(AlexNetOWT(10, 1, 8, "small", 0.05).network.state_dict(), weights)
    model = ["AlexNetOWT", "--model.stem", "small", "--model.width", "0.05"]
    flags = ["--model", *model, "--model.weights", str(weights), "--trainer.max_epochs", "1"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        fit(["--config", str(quick_config), *flags, "--runs_dir", str(root)])
    weights.unlink()
    (config,) = root.rglob("config.yaml")
    return config.parent


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Debian's Chromium, without a screen.

    Closed before other modules start processes: workers of a data loader, which are forks of this
    one, would hold its pipe open, and closing it would wait for ever.
    """
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with playwright.sync_playwright() as driver:
        # Its sandbox does not start as root; it sees nothing but our own pages.
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def outcome(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a command as a user does; give its status and what it wrote on both streams."""

    def run(command: Callable[[Sequence[str]], None], *args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["command", *map(str, args)])
        try:
            run_command(command)
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        return status, *capsys.readouterr()

    return run


@pytest.fixture
def execute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> "Callable[[NotebookNode, str], NotebookNode]":
    """Run a copy of a notebook as `make notebooks` does; nothing is written elsewhere."""
    import nbformat

    base = tmp_path_factory.getbasetemp()
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(base / name.lower()))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # where the notebooks train
    monkeypatch.setattr(tempfile, "tempdir", None)

    def run(notebook: "NotebookNode", name: str) -> "NotebookNode":
        path = tmp_path / name
        nbformat.write(notebook, path)
        command = [sys.executable, str(ROOT / "notebooks" / "execute.py"), str(path)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stderr
        return nbformat.read(path, as_version=4)

    return run
