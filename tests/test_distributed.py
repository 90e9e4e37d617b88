"""Two processes on one machine are one training: its batches, its figures, one folder."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from alexnet_lightning.data.batches import Batches
from alexnet_lightning.fit import main as fit
from tests.processes import (
    COUNTS,
    GLOBAL_BATCH,
    MEMBERS,
    ROOT,
    Run,
    assert_same_result,
    flags,
    trained,
)

STEPS = 20


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Run]:
    """The same training in one process, which is this, and in two."""
    folder = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        patch.chdir(folder)
        fit(flags(folder, 1))
    (run,) = folder.glob("runs/*/*")
    return {1: Run(run, ""), MEMBERS: trained(tmp_path_factory.mktemp("together"))}


@pytest.fixture
def two(runs: dict[int, Run]) -> Run:
    return runs[MEMBERS]


def test_two_processes_see_the_images_of_one_step_by_step() -> None:
    train, share = COUNTS["train"], GLOBAL_BATCH // MEMBERS
    whole = Batches(train, GLOBAL_BATCH, shuffle=True)
    shares = [Batches(train, share, True, rank=rank, world_size=MEMBERS) for rank in range(MEMBERS)]
    for together, one, other in zip(whole, *shares, strict=True):
        assert sorted(one + other) == sorted(together)


def test_two_processes_train_as_one(runs: dict[int, Run], two: Run) -> None:
    checkpoint = torch.load(two.folder / "checkpoints" / "last.ckpt", weights_only=True)
    assert checkpoint["global_step"] == STEPS
    assert runs[1].summary["val/top1"] > 0.3, "it must have learnt something to compare"
    assert_same_result(runs[1], two)


def test_every_image_counts_once(two: Run) -> None:
    assert two.summary["test/images"] == COUNTS["test"]
    for split in ("val", "test"):
        right = two.summary[f"{split}/top1"] * COUNTS[split]
        assert abs(right - round(right)) < 1e-4, f"{split}: no share of {COUNTS[split]} images"


def test_one_run_folder_and_one_wandb_run(two: Run) -> None:
    assert len(list(two.folder.glob("wandb/offline-run-*"))) == 1
    assert two.printed.count("best epoch  ") == 1
    assert (two.folder / "checkpoints" / "best.ckpt").is_file()


def test_the_rate_is_the_same_on_both(two: Run) -> None:
    assert sorted(two.rates) == list(range(MEMBERS))
    assert two.rates[0] == two.rates[1]
    assert len(two.rates[0]) == STEPS
    assert len(set(two.rates[0])) > 2, "the plateau must have lowered it"


def kill_and_resume(*args: str) -> dict[str, Any]:
    """Return the last line of the benchmark; it has exited with 1 if anything differs."""
    command = [sys.executable, str(ROOT / "benchmarks" / "kill_and_resume.py"), *args]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


@pytest.mark.slow
@pytest.mark.all_cores
@pytest.mark.parametrize("how", [["--one"], []], ids=["one of them", "both"])
def test_killed_while_two_train(how: list[str], quick_config: Path) -> None:
    figures = kill_and_resume(
        *("--config", str(quick_config), "--kills", "2", *how),
        *("--trainer.devices", str(MEMBERS), "--trainer.strategy", "ddp"),
        *("--trainer.max_epochs", "30", "--recovery.every_n_steps", "7"),
    )
    assert figures["different"] == []
    # Not all need strike where the machine is faster at last than it was at first.
    assert figures["kills"] >= 1


@pytest.fixture
def photographs(tmp_path: Path) -> Path:
    """A root with 2,500 training and 500 test images of the real CIFAR-10, or skip."""
    for split, count in (("train", 250), ("test", 50)):
        real = ROOT / "data" / "cifar10" / split
        if not real.is_dir():
            pytest.skip(f"needs the real data set in {real}")
        for folder in real.iterdir():
            linked = tmp_path / "cifar10" / split / folder.name
            linked.mkdir(parents=True)
            for image in sorted(folder.iterdir())[:count]:
                (linked / image.name).symlink_to(image)
    return tmp_path


@pytest.mark.slow
@pytest.mark.all_cores
def test_killed_while_it_trains_on_photographs(photographs: Path) -> None:
    figures = kill_and_resume(
        *("--config", str(ROOT / "configs" / "cifar_bn_small.yaml"), "--kills", "2"),
        *("--data.root", str(photographs), "--data.val_images", "500", "--model.width", "0.125"),
        *("--trainer.max_epochs", "2", "--trainer.enable_progress_bar", "false"),
        *("--model.dropout", "0.5"),  # so that chance has a part in every step
        # A checkpoint a step: many a kill strikes while one is written.
        *("--recovery.every_n_steps", "1"),
    )
    assert figures["different"] == []
    assert figures["kills"] >= 1
