"""A run that was interrupted and resumed is the same, to the bit, as an uninterrupted one."""

import csv
import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import Timer

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data import CIFAR10DataModule
from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.evaluate import main as evaluate
from alexnet_lightning.fit import main as fit
from alexnet_lightning.system import signals
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder

KEPT = ("state_dict", "current_model_state", "optimizer_states", "lr_schedulers")
PLATEAU = ["--model.lr_scheduler", "Plateau", "--model.lr_scheduler.patience", "0"]
RECIPES = {
    "plateau": PLATEAU,
    "accumulating": [*PLATEAU, "--trainer.accumulate_grad_batches", "3"],
    "one cycle": ["--model.lr_scheduler", "OneCycleLR", "--model.lr_scheduler.max_lr", "0.01"],
    "averaged": ["--config", str(Path(__file__).parents[1] / "configs/overlays/ema.yaml")],
    "a bias for an epoch": [
        *("--model.layer_options", "{fc8.bias: {epochs: 1}}"),
        *("--model.lr_scheduler", "WarmupLinear"),
    ],
    "callbacks that change it by epoch": [
        *("--trainer.callbacks+", "BackboneFinetuning"),
        *("--trainer.callbacks.unfreeze_backbone_at_epoch", "1"),
        *("--trainer.callbacks.train_bn", "false"),
        *("--trainer.callbacks+", "GradientAccumulationScheduler"),
        *("--trainer.callbacks.scheduling", "{0: 2, 1: 3}"),
    ],
    "counted": ["--model.hardest", "0.5", "--trainer.callbacks", "OperationCount"],
    "read ahead": ["--data.transform", "PadCropFlip", "--recovery.every_n_steps", "1"],
}
OFTEN = ["plateau", "counted", "a bias for an epoch", "callbacks that change it by epoch"]
RARELY = ["accumulating", "one cycle", "averaged", "read ahead"]
BATCHES = ["--data.batch_size", "100", "--trainer.log_every_n_steps", "2"]  # 12 an epoch
pytestmark = pytest.mark.usefixtures("no_wandb")


@pytest.fixture
def no_wandb(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    yield
    signals.forget()


class Interruption(Callback):
    """Does something at the start of the n-th batch of the training."""

    def __init__(self, batch: int, act: Callable[[], None]) -> None:
        self.batch, self.act, self.seen = batch, act, 0

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.seen += 1
        if self.seen == self.batch:
            self.act()


@pytest.fixture
def interrupted_by(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Makes the coming trainings do something at the start of their n-th batch."""
    return partial(interrupt, monkeypatch, ExperimentCLI.build_trainer)


def interrupt(
    patch: pytest.MonkeyPatch,
    build: Callable[..., Trainer],
    batch: int | None,
    act: Callable[[], None] = lambda: None,
) -> None:
    def with_interruption(self: ExperimentCLI, *args: Any, **kwargs: Any) -> Trainer:
        trainer = build(self, *args, **kwargs)
        if batch is not None:
            trainer.callbacks.insert(0, Interruption(batch, act))
        return trainer

    patch.setattr(ExperimentCLI, "build_trainer", with_interruption)


def raise_signal(signum: int) -> Callable[[], None]:
    return lambda: signal.raise_signal(signum)


def the_run(folder: Path) -> Path:
    (run,) = folder.glob("*/*/")
    return run


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        every = list(csv.DictReader(file))
    return [{k: v for k, v in row.items() if k != "train/images_per_second"} for row in every]


def same(left: Any, right: Any) -> bool:
    if isinstance(left, torch.Tensor):
        return torch.equal(left, right)
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list | tuple):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def assert_same(left: Path, right: Path) -> None:
    for name in ("last", "best"):
        one, other = (
            torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)
            for run in (left, right)
        )
        for key in KEPT:
            assert same(one.get(key), other.get(key)), (name, key)
    assert rows(left) == rows(right)
    timed = {"seconds", "train/images_per_second", "best_checkpoint"}
    one, other = (json.loads((run / "summary.json").read_text()) for run in (left, right))
    assert {k: v for k, v in one.items() if k not in timed} == {
        k: v for k, v in other.items() if k not in timed
    }


@pytest.fixture(scope="module")
def undisturbed(
    quick_config: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Path]:
    """Makes the run that nobody interrupts, once for the same flags; tests only read it."""

    @cache
    def train(*flags: str) -> Path:
        folder = tmp_path_factory.mktemp("peace")
        fit(["--config", str(quick_config), *flags, "--runs_dir", str(folder)])
        return the_run(folder)

    return train


@pytest.mark.parametrize(
    "recipe", OFTEN + [pytest.param(name, marks=pytest.mark.slow) for name in RARELY]
)
def test_a_signal_anywhere_and_a_resume(
    recipe: str,
    undisturbed: Callable[..., Path],
    quick_config: Path,
    in_tmp: Path,
    interrupted_by: Callable[..., None],
) -> None:
    flags = [*BATCHES, *RECIPES[recipe], "--trainer.max_epochs", "3"]
    peace = undisturbed(*flags)
    interrupted_by(5, raise_signal(signal.SIGTERM))  # mid-epoch
    with pytest.raises(signals.Stopped) as stop:
        fit(["--config", str(quick_config), *flags, "--runs_dir", "war"])
    assert stop.value.status == 143
    war = the_run(Path("war"))
    assert not (war / "summary.json").exists()
    interrupted_by(12 - 5 + 12, raise_signal(signal.SIGINT))  # around the end of an epoch
    with pytest.raises(signals.Stopped) as stop:
        fit(["--resume", str(war)])
    assert stop.value.status == 130
    interrupted_by(None)
    fit(["--resume", str(war)])
    assert_same(peace, war)


def noise(data: CIFAR10DataModule) -> dict[str, ImageTensors]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (40, 3, 32, 32), generator=generator, dtype=torch.uint8)
    train = ImageTensors(images, torch.arange(40) % 10)
    return {"train": train, "val": train.subset(torch.arange(0)), "test": train}


def test_the_speed_records_recipe_goes_on_before_and_after_its_bias_is_frozen(
    in_tmp: Path, interrupted_by: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CIFAR10DataModule, "load", noise)
    monkeypatch.setattr(CIFAR10DataModule, "prepare_data", lambda self: None)
    config = Path(__file__).parents[1] / "configs" / "cifar_airbench94.yaml"
    flags = ["--model.width=0.1", "--data.batch_size=20", "--trainer.accelerator=cpu"]
    flags.append("--trainer.callbacks=null")  # MatrixRate, whose figures are the clock's
    fit(["--config", str(config), *flags, "--runs_dir", "peace"])
    peace = the_run(Path("peace"))
    interrupted_by(5, raise_signal(signal.SIGTERM))  # two batches an epoch: within the third
    with pytest.raises(signals.Stopped):
        fit(["--config", str(config), *flags, "--runs_dir", "war"])
    war = the_run(Path("war"))
    interrupted_by(2, raise_signal(signal.SIGTERM))  # within the fourth, where it is frozen
    with pytest.raises(signals.Stopped):
        fit(["--resume", str(war)])
    interrupted_by(None)
    fit(["--resume", str(war)])
    assert_same(peace, war)


def test_a_kill_after_any_checkpoint(
    undisturbed: Callable[..., Path],
    quick_config: Path,
    in_tmp: Path,
    interrupted_by: Callable[..., None],
) -> None:
    peace = undisturbed(*BATCHES, *PLATEAU)
    flags = [*BATCHES, *PLATEAU, "--recovery.every_n_steps", "4"]
    for batch in (7, 13, 5):

        def die() -> None:
            os.kill(os.getpid(), signal.SIGKILL)

        interrupted_by(batch, die)
        child = os.fork()
        if child == 0:
            war = list(Path("war").glob("*/*/"))
            begun = ["--config", str(quick_config), *flags, "--runs_dir", "war"]
            fit(["--resume", str(war[0])] if war else begun)
            os._exit(0)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
    interrupted_by(None)
    war = the_run(Path("war"))
    steps = torch.load(war / "checkpoints" / "last.ckpt", weights_only=True)["global_step"]
    assert steps > 12, "the kills did not let it come far"
    fit(["--resume", str(war)])
    assert_same(peace, war)


@pytest.mark.parametrize(
    ("recipe", "every"),
    # The embeddings are drawn after every n-th epoch, and after the last if it is none of them.
    [("plateau", "10"), ("averaged", "2"), pytest.param("averaged", "10", marks=pytest.mark.slow)],
)
def test_a_kill_after_the_last_checkpoint(
    recipe: str, every: str, undisturbed: Callable[..., Path], in_tmp: Path
) -> None:
    peace = undisturbed(*BATCHES, *RECIPES[recipe], "--embedding_pca.every_n_epochs", every)
    war = shutil.copytree(peace, in_tmp / "war" / "quick" / peace.name)
    figures = {path.name for path in (war / "figures").iterdir()}
    for name in ("summary.json", "metrics.csv"):
        (war / name).unlink()
    shutil.rmtree(war / "figures")
    fit(["--resume", str(war)])
    assert_same(peace, war)
    # What was drawn before that checkpoint stays as it was then.
    earlier = {"embeddings_epoch_001.png"}
    assert {path.name for path in (war / "figures").iterdir()} == figures - earlier


def test_a_damaged_checkpoint_is_named_and_the_one_before_used(
    undisturbed: Callable[..., Path],
    quick_config: Path,
    in_tmp: Path,
    interrupted_by: Callable[..., None],
) -> None:
    peace = undisturbed(*BATCHES)
    flags = [*BATCHES, "--recovery.every_n_steps", "3"]
    interrupted_by(11, raise_signal(signal.SIGTERM))
    with pytest.raises(signals.Stopped):
        fit(["--config", str(quick_config), *flags, "--runs_dir", "war"])
    interrupted_by(None)
    last = the_run(Path("war")) / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:5000])
    with pytest.warns(UserWarning, match=r"last.ckpt is damaged .*resuming from the one before"):
        fit(["--resume", str(last.parents[1])])
    assert_same(peace, last.parents[1])


def test_a_reader_that_fails_loses_nothing(
    undisturbed: Callable[..., Path],
    quick_config: Path,
    in_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    peace = undisturbed(*BATCHES)
    read, calls = ImageTensors.__getitem__, []

    def failing(self: ImageTensors, indices: Any) -> Any:
        calls.append(len(indices))
        if calls.count(100) == 5:
            raise OSError("the disk is gone")
        return read(self, indices)

    with monkeypatch.context() as patch:
        patch.setattr(ImageTensors, "__getitem__", failing)
        with pytest.raises(OSError, match="the disk is gone"):
            fit(["--config", str(quick_config), *BATCHES, "--runs_dir", "war"])
    war = the_run(Path("war"))
    checkpoint = torch.load(war / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] >= 1
    fit(["--resume", str(war)])
    assert_same(peace, war)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_finished_run_stays_as_it_is_until_it_gets_more_epochs(
    undisturbed: Callable[..., Path],
    quick_config: Path,
    in_tmp: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    flags = [*BATCHES, *PLATEAU]
    peace = undisturbed(*flags)  # two epochs
    fit(["--config", str(quick_config), *flags, "--trainer.max_epochs", "1", "--runs_dir", "war"])
    war = the_run(Path("war"))
    before = contents(war)
    fit(["--resume", str(war)])
    assert "stopped after epoch 1 because --trainer.max_epochs was" in capsys.readouterr().out
    assert contents(war) == before
    fit(["--resume", str(war), "--trainer.max_epochs", "2"])
    assert rows_without_test(war) == rows_without_test(peace)
    assert "max_epochs: 2" in (war / "config.yaml").read_text()


@pytest.mark.parametrize("steps", ["5", "4"])  # within an epoch, and at its end
def test_a_run_ended_by_its_steps_goes_on_with_more(
    steps: str, undisturbed: Callable[..., Path], quick_config: Path, in_tmp: Path
) -> None:
    flags = [*BATCHES, *RECIPES["accumulating"], "--trainer.max_epochs", "null", "--test", "false"]
    peace = undisturbed(*flags, "--trainer.max_steps", "8")  # four an epoch
    fit(["--config", str(quick_config), *flags, "--trainer.max_steps", steps, "--runs_dir", "war"])
    war = the_run(Path("war"))
    fit(["--resume", str(war), "--trainer.max_steps", "8"])
    assert_same(peace, war)


def test_a_run_ended_by_its_time_goes_on_with_more(
    undisturbed: Callable[..., Path],
    quick_config: Path,
    in_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So that the validation with which it ends within an epoch is the best.
    best = ["--checkpoint.mode", "min", "--test", "false"]
    flags = [*BATCHES, *RECIPES["one cycle"], *best]
    peace = undisturbed(*flags)
    time = ["--trainer.max_time", "00:00:00:05"]
    with monkeypatch.context() as patch:  # a second per step
        patch.setattr(
            Timer, "on_fit_start", lambda timer, trainer, *_: setattr(timer, "at", trainer)
        )
        patch.setattr(Timer, "time_elapsed", lambda timer, *_, **stage: timer.at.global_step)
        fit(["--config", str(quick_config), *flags, *time, "--runs_dir", "war"])
    war = the_run(Path("war"))
    early = rows(war)[-1]
    assert early["step"] == "4"
    fit(["--resume", str(war), "--trainer.max_time", "01:00:00:00"])
    one, other = (
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (peace, war)
    )
    assert all(same(one.get(key), other.get(key)) for key in KEPT)
    summary = json.loads((war / "summary.json").read_text())
    assert (summary["epochs"], summary["best_epoch"]) == (2, 1)
    assert str(summary["val/loss"]) == early["val/loss"]


def rows_without_test(run: Path) -> list[dict[str, str]]:
    return [row for row in rows(run) if not row["test/loss"]]


def test_a_moved_run_keeps_its_best(
    undisturbed: Callable[..., Path],
    quick_config: Path,
    in_tmp: Path,
    interrupted_by: Callable[..., None],
) -> None:
    peace = undisturbed(*BATCHES)
    interrupted_by(15, raise_signal(signal.SIGTERM))
    with pytest.raises(signals.Stopped):
        fit(["--config", str(quick_config), *BATCHES, "--runs_dir", "war"])
    interrupted_by(None)
    Path("war").rename("elsewhere")
    moved = the_run(Path("elsewhere"))
    fit(["--resume", str(moved.resolve())])
    assert_same(peace, moved)


@pytest.fixture(scope="module")
def stopped(quick_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was interrupted in its first epoch; tests only read it."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch, pytest.raises(signals.Stopped):
        patch.setenv("WANDB_MODE", "disabled")
        interrupt(patch, ExperimentCLI.build_trainer, 5, raise_signal(signal.SIGTERM))
        fit(["--config", str(quick_config), *BATCHES, "--runs_dir", str(folder)])
    signals.forget()
    return the_run(folder)


@pytest.fixture
def stopped_run(stopped: Path, in_tmp: Path) -> RunFolder:
    """A copy of the interrupted run, to write into."""
    return RunFolder(shutil.copytree(stopped, in_tmp / "war" / "quick" / stopped.name))


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("class_path", "AlexNet", r"last.ckpt is of .*AlexNetBN, .* model is .*AlexNet; start a"),
        ("width", 0.1, r"last.ckpt does not fit the configuration's model: width is 0\.1, in"),
    ],
)
def test_a_model_changed_by_hand_is_refused(
    stopped_run: RunFolder, key: str, value: Any, message: str
) -> None:
    config = yaml.safe_load(stopped_run.config.read_text())
    model = config["model"]
    (model if key in model else model["init_args"])[key] = value
    stopped_run.config.write_text(yaml.safe_dump(config))
    before = contents(stopped_run.path)
    with pytest.raises(UserError, match=message):
        fit(["--resume", str(stopped_run.path)])
    assert contents(stopped_run.path) == before


def test_a_run_that_is_training_is_refused(stopped_run: RunFolder) -> None:
    stopped_run.lock()
    with pytest.raises(UserError, match="another process is training in this folder"):
        fit(["--resume", str(stopped_run.path)])


def test_no_run_is_refused(in_tmp: Path) -> None:
    with pytest.raises(UserError, match="no run there"):
        fit(["--resume", str(in_tmp)])


def test_all_checkpoints_damaged(stopped_run: RunFolder) -> None:
    for path in stopped_run.checkpoints.glob("*.ckpt"):
        path.write_bytes(b"")
    with (
        pytest.warns(UserWarning, match="is damaged"),
        pytest.raises(UserError, match="no checkpoint here can be read"),
    ):
        fit(["--resume", str(stopped_run.path)])


def test_a_full_disk_is_one_line_and_leaves_earlier_checkpoints(
    stopped_run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (stopped_run.checkpoints / "last.ckpt").read_bytes()

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "save", full)
        with pytest.raises(UserError, match=r"cannot write .*best.ckpt: .*No space left"):
            fit(["--resume", str(stopped_run.path)])
    assert (stopped_run.checkpoints / "last.ckpt").read_bytes() == before
    assert not list(stopped_run.checkpoints.glob(".*"))
    fit(["--resume", str(stopped_run.path)])


def test_weights_that_a_run_began_with_are_not_asked_for_again(
    pretrained_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    run = tmp_path / "runs" / "moved"
    shutil.copytree(pretrained_run, run)
    evaluate([str(run), "--split", "val"])
    fit(["--resume", str(run), "--trainer.max_epochs", "2", "--test", "false"])
    assert json.loads((run / "summary.json").read_text())["epochs"] == 2
    began_with = yaml.safe_load((run / "config.yaml").read_text())["model"]["init_args"]["weights"]
    assert began_with.endswith("weights.pt"), "the record stays"


def test_the_configuration_is_the_runs_own_until_its_first_new_checkpoint(
    stopped_run: RunFolder, interrupted_by: Callable[..., None]
) -> None:
    before = stopped_run.config.read_text()
    more = ["--resume", str(stopped_run.path), "--trainer.max_epochs", "3"]

    def fail() -> None:
        assert stopped_run.config.read_text() == before
        raise KeyboardInterrupt

    interrupted_by(1, fail)
    with pytest.raises(SystemExit):
        fit(more)
    assert stopped_run.config.read_text() == before
    interrupted_by(1, raise_signal(signal.SIGTERM))
    with pytest.raises(signals.Stopped):
        fit(more)
    assert "max_epochs: 3" in stopped_run.config.read_text()
