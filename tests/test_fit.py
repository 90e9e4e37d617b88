"""One real run on digits, from the command line to the last file in its folder."""

import csv
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest
import torch
import yaml
from PIL import Image

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data import CIFAR10DataModule
from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.evaluate import evaluate, main
from alexnet_lightning.fit import main as fit
from alexnet_lightning.models import AlexNetBN
from alexnet_lightning.system.errors import UserError

TIMING = {"train/images_per_second"}
HISTORY = {f"{stage}/{name}" for stage in ("train", "val") for name in ("loss", "top1", "top5")}


@pytest.fixture(scope="module")
def run(quick_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run of three epochs, with its W&B run offline."""
    return train(quick_config, tmp_path_factory.mktemp("runs"), "--trainer.max_epochs", "3")


def train(config: Path, root: Path, *flags: str) -> Path:
    fit(["--config", str(config), "--runs_dir", str(root), *flags])
    (folder,) = (root / config.stem).iterdir()
    return folder


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def scalars(run: Path) -> list[dict[str, str]]:
    return [{k: v for k, v in row.items() if k not in TIMING} for row in rows(run)]


def test_the_folder_holds_what_a_run_is(run: Path) -> None:
    found = {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()}
    expected = {
        "config.yaml",
        "metrics.csv",
        "summary.json",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "checkpoints/last-1.ckpt",
        ".lock",
        *(f"figures/{name}.png" for name in ("loss", "accuracy", "embeddings", "confusion")),
        "figures/embeddings_epoch_001.png",
        "figures/embeddings_epoch_003.png",
        "figures/embeddings.csv",
        "figures/per_class_accuracy.csv",
    }
    assert expected == {name for name in found if not name.startswith("wandb/")}
    assert len(list(run.glob("wandb/offline-run-*/run-*.wandb"))) == 1


def test_metrics_csv_has_every_figure_of_every_epoch(run: Path) -> None:
    table = rows(run)
    for key in HISTORY | TIMING | {"val/penultimate_knn5", "val/features_silhouette"}:
        wanted = 2 if key.startswith(("val/pen", "val/feat")) else 3
        values = [float(row[key]) for row in table if row[key]]
        assert len(values) == wanted, key
        assert all(map(math.isfinite, values)), key
    assert any(row["lr"] and row["train/loss_step"] for row in table)
    assert [row["test/images"] for row in table if row["test/images"]] == ["300.0"]


def test_the_summary_holds_best_test_and_cost(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert {"val/top1", "val/top5", "val/loss", "test/top1", "test/top5", "test/loss"} < set(
        summary
    )
    assert summary["test/images"] == 300
    assert summary["epochs"] == 3
    assert summary["parameters"] > 1000
    assert summary["seconds"] > 0
    assert summary["train/images_per_second"] > 0
    assert {"versions", "git_commit"} < set(summary)
    assert not any(isinstance(value, dict | list) for value in summary.values()), "flat"
    tops = {int(row["epoch"]) + 1: float(row["val/top1"]) for row in rows(run) if row["val/top1"]}
    assert summary["val/top1"] == tops[summary["best_epoch"]] == max(tops.values())


def test_the_kept_configuration_is_the_whole_one(run: Path) -> None:
    config = yaml.safe_load((run / "config.yaml").read_text())
    assert config["model"]["class_path"] == "alexnet_lightning.AlexNetBN"
    assert config["trainer"]["max_epochs"] == 3
    assert config["seed_everything"] == 0
    assert "num_classes" not in config["model"]["init_args"], "the data says"


def test_figures_are_pictures(run: Path) -> None:
    for path in run.glob("figures/*.png"):
        with Image.open(path) as image:
            assert min(image.size) > 400, path.name
            assert len(image.convert("RGB").getcolors(10**7) or []) > 10, path.name


def test_a_checkpoint_loads_without_running_code_and_gives_the_same_logits(run: Path) -> None:
    path = run / "checkpoints" / "best.ckpt"
    kept = torch.load(path, weights_only=True)
    assert kept["variant"] == "AlexNetBN"
    assert kept["hyper_parameters"] == {
        "num_classes": 10,
        "layer_options": None,
        "rescaled_dropout": True,
        "in_channels": 1,
        "image_size": 8,
        "stem": "small",
        "width": 0.05,
        "dropout": 0.5,
        "norm": "bn",
        "overlapping": True,
        "pooling": "max",
        "colour_transform": False,
        "towers": "one",
        "activation": "relu",
        "skip": "none",
        "lr_interval": "epoch",
        "top_k": None,
        "bias_lr_factor": 1.0,
        "decay_biases": True,
        "backbone_lr_factor": 1.0,
        "init": "default",
        "label_smoothing": 0.0,
        "hardest": 1.0,
        "compile": False,
    }
    cli = ExperimentCLI(["--config", str(run / "config.yaml")])
    cli.model.load_state_dict(kept["state_dict"])
    loaded = AlexNetBN.load_from_checkpoint(path, weights_only=True, map_location="cpu")
    images, _ = cli.datamodule.sample("test", 20)
    with torch.no_grad():
        assert torch.equal(loaded.eval()(images), cli.model.eval()(images))


@pytest.mark.parametrize("split", ["val", "test"])
def test_evaluate_gives_the_same_figures_to_the_bit(
    run: Path, split: Literal["val", "test"]
) -> None:
    before = {path: path.lstat().st_mtime_ns for path in run.rglob("*")}
    seen = evaluate(run, split=split)
    summary = json.loads((run / "summary.json").read_text())
    assert {f"{split}/loss", f"{split}/top1", f"{split}/top5"} <= set(seen)
    assert seen.pop(f"{split}/images") == summary[f"data/{split}_images"] == 300
    assert seen == {key: summary[key] for key in seen}
    assert {path: path.lstat().st_mtime_ns for path in run.rglob("*")} == before


def test_the_last_checkpoint_can_be_evaluated_with_other_flags(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([str(run), "--checkpoint", "last", "--data.batch_size", "77"])
    out = capsys.readouterr().out
    assert "top-1" in out
    assert "checkpoints/last.ckpt" in out


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ([], "the following arguments are required: run_dir; see --help"),
        (["{run}", "--split", "train"], "--split: give one of val, test, not train"),
        (["nowhere"], "nowhere: no run there; give a run folder such as"),
        (
            ["{run}", "--checkpoint", "bset"],
            "--checkpoint: no file bset; give best, last or a path",
        ),
        (["{run}", "--checkpoint", "{run}/summary.json"], "summary.json is no checkpoint"),
        (
            ["{run}", "--model.width", "0.1"],
            "--checkpoint: best does not fit the configuration's model: width is 0.1, in the",
        ),
        (
            ["{run}", "--split", "val", "--data.views=flip"],
            "--data.views: validation shows each image once; give --split test",
        ),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_one_line(
    run: Path, mistake: Callable[..., str], flags: list[str], expected: str
) -> None:
    assert expected in mistake("evaluate", *(flag.format(run=run) for flag in flags))


def test_the_same_seed_gives_the_same_run_to_the_bit(
    run: Path, quick_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    again = train(quick_config, tmp_path, "--trainer.max_epochs", "3")
    assert scalars(again) == scalars(run)
    first, second = (
        torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for folder in (run, again)
    )
    assert list(first) == list(second)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_seed_gives_another_run(
    run: Path, quick_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    other = train(
        quick_config,
        tmp_path,
        "--seed_everything",
        "1",
        "--trainer.max_epochs",
        "1",
        "--test=false",
    )
    assert scalars(other)[-1]["val/loss"] != scalars(run)[0]["val/loss"]
    config = yaml.safe_load((other / "config.yaml").read_text())
    assert config["data"]["init_args"]["seed"] == 1, "the data follow, unless told otherwise"
    assert "test/top1" not in json.loads((other / "summary.json").read_text())


def test_missing_data_is_said_before_anything_is_made(mistake: Callable[..., str]) -> None:
    model = ("--model", "AlexNet", "--model.stem", "small", "--model.optimizer", "SGD")
    line = mistake("fit", *model, "--data", "CIFAR10DataModule", "--data.url", "null")
    assert line.startswith("no CIFAR-10 under ")
    assert "cifar-10-python.tar.gz" in line
    assert "--data.root" in line


def test_fast_dev_run_leaves_no_trace(quick_config: Path, in_tmp: Path) -> None:
    fit(["--config", str(quick_config), "--trainer.fast_dev_run", "true"])
    assert list(in_tmp.iterdir()) == []


def noise(data: CIFAR10DataModule) -> dict[str, ImageTensors]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (40, 3, 32, 32), generator=generator, dtype=torch.uint8)
    train = ImageTensors(images, torch.arange(40) % 10)
    return {"train": train, "val": train.subset(torch.arange(0)), "test": train}


ALL_IMAGES = ["--data", "CIFAR10DataModule", "--data.val_images", "0", "--data.batch_size", "20"]


def test_without_images_held_out_the_last_epoch_is_tested_and_the_run_says_so(
    quick_config: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(CIFAR10DataModule, "load", noise)
    monkeypatch.setattr(CIFAR10DataModule, "prepare_data", lambda self: None)
    run = train(quick_config, tmp_path, *ALL_IMAGES, "--checkpoint.monitor", "null")
    streams = capsys.readouterr()
    told = "no images are held out: no epoch is chosen, the last one is tested"
    assert (streams.out + streams.err).count(told) == 1
    assert "weights     of epoch 2 of 2, the last: none was chosen" in streams.out
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["best_epoch"], summary["chosen_by"]) == (2, "nothing: the last epoch")
    assert (summary["data/train_images"], summary["data/val_images"]) == (40, 0)
    assert not any(key.startswith("val/") for key in {*summary, *rows(run)[0]})
    assert float(rows(run)[-2]["train/embedded_images"]) == 40
    for name in ("loss", "accuracy", "embeddings", "confusion"):
        assert (run / "figures" / f"{name}.png").is_file()
    best, last = (
        torch.load(run / "checkpoints" / f"{name}.ckpt", weights_only=True)["state_dict"]
        for name in ("best", "last")
    )
    assert all(torch.equal(weight, last[name]) for name, weight in best.items())
    assert evaluate(run)["test/top1"] == summary["test/top1"]
    with pytest.raises(UserError, match=r"split is val, but data.val_images is 0: give test"):
        evaluate(run, split="val")


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            [],
            "checkpoint.monitor: val/top1 needs a validation; data.val_images is 0; give more, or",
        ),
        (
            ["--model.lr_scheduler", "Plateau", "--checkpoint.monitor", "null"],
            "model.lr_scheduler.monitor: val/loss needs a validation; data.val_images is 0",
        ),
    ],
)
def test_what_needs_a_validation_is_refused_where_no_images_are_held_out(
    flags: list[str], message: str, quick_config: Path, mistake: Callable[..., str]
) -> None:
    assert mistake("fit", "--config", quick_config, *ALL_IMAGES, *flags).startswith(message)


def test_wrong_labels_and_fewer_images_are_in_the_summary_and_evaluated_again(
    quick_config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("--data.label_noise=0.15", "--data.train_images=400", "--trainer.max_epochs=1")
    run = train(quick_config, tmp_path, *asked)
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["data/wrong_labels"], summary["data/train_images"]) == (60, 400)
    assert "labels      60 of 400 in training are wrong" in capsys.readouterr().out
    assert evaluate(run)["test/top1"] == summary["test/top1"]
