"""The command line: what wins, what is linked, and one clear line for each mistake."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from alexnet_lightning.callbacks import LayerStatistics
from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.models import AlexNetBN
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder

Mistake = Callable[..., str]
PLATEAU = ("--model.lr_scheduler", "Plateau")


def test_later_files_and_flags_win(quick_config: Path, tmp_path: Path) -> None:
    overlay = tmp_path / "overlay.yaml"
    overlay.write_text(
        "model: {init_args: {width: 0.1, optimizer: {init_args: {lr: 0.5}}}}\n"
        "trainer: {max_epochs: 7}\n"
    )
    flags = ["--model.optimizer.lr", "0.02", "--trainer.max_epochs", "3"]
    cli = ExperimentCLI(["--config", str(quick_config), "--config", str(overlay), *flags])
    assert cli.config.model.init_args.width == 0.1
    assert cli.config.model.init_args.stem == "small"
    assert cli.config.model.init_args.optimizer.class_path == "torch.optim.Adam"
    assert cli.config.model.init_args.optimizer.init_args.lr == 0.02
    assert cli.config.trainer.max_epochs == 3
    assert cli.config.name == "quick"


def test_the_data_tells_the_model_classes_channels_and_size(quick_config: Path) -> None:
    cli = ExperimentCLI(["--config", str(quick_config)])
    assert isinstance(cli.model, AlexNetBN)
    assert cli.model.network.features[0].in_channels == 1
    assert cli.model.network.classifier[-1].out_features == 10
    assert cli.model.hparams.image_size == 8


def test_the_resolved_configuration_builds_the_same_again(
    quick_config: Path, tmp_path: Path
) -> None:
    first = ExperimentCLI(["--config", str(quick_config), *PLATEAU, "--name", "again"])
    (tmp_path / "config.yaml").write_text(first.resolved)
    second = ExperimentCLI(["--config", str(tmp_path / "config.yaml")])
    assert second.resolved == first.resolved
    assert yaml.safe_load(first.resolved)["name"] == "again"


def test_a_callback_may_come_alone_and_its_monitor_is_checked(
    quick_config: Path, tmp_path: Path
) -> None:
    config = ["--config", str(quick_config), "--trainer.callbacks"]
    trainer = ExperimentCLI([*config, "LayerStatistics"]).training(RunFolder(tmp_path)).trainer
    assert any(isinstance(callback, LayerStatistics) for callback in trainer.callbacks)
    with pytest.raises(UserError, match=r"EarlyStopping.monitor: val/x is never logged"):
        _ = ExperimentCLI([*config, "EarlyStopping", "--trainer.callbacks.monitor", "val/x"]).model


def test_a_link_may_be_repeated_by_hand_but_not_contradicted(
    quick_config: Path, mistake: Mistake
) -> None:
    _ = ExperimentCLI(["--config", str(quick_config), "--model.num_classes", "10"]).model
    line = mistake("fit", "--config", quick_config, "--model.num_classes", "7")
    assert line == "model.num_classes: 7 contradicts the data, which has 10; leave it out"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--model.wdith", "2"], "model.wdith: no such key of AlexNetBN; did you mean width?"),
        (["--modle.width", "2"], "--modle.width: no such option; "),
        (
            ["--trainer.max_epoch", "2"],
            "max_epoch: no such option; did you mean --trainer.max_epochs?",
        ),
        (["--model.optimizer.lrr", "2"], "model.optimizer.lrr: no such key of Adam; did you mean"),
        (["--model.width", "wide"], "model.width: give a number, not wide"),
        (["--trainer.max_epochs", "x"], "trainer.max_epochs: give a whole number, not x"),
        (["--model.stem", "big"], "model.stem: give one of imagenet, small, not big"),
        (["--model", "AlexNt"], "model: no class named AlexNt; did you mean AlexNet?"),
        (["--model.optimizer", "Adem"], "model.optimizer: no class named Adem; did you mean Adam?"),
        (["--config", "nope.yaml"], "--config: cannot read nope.yaml: No such file"),
        (["--model.optimizer.lr", "-1"], "model.optimizer: Invalid learning rate: -1.0"),
        (["--model.top_k", "[1,10]"], "model.top_k: top-10 says nothing about 10 classes"),
        (
            ["--model.stem", "imagenet"],
            "images of 8 px are too small: nothing is left of them after row 1",
        ),
        (["--data.batch_size", "0"], "data.batch_size is 0: give a number >= 1"),
        (["--trainer.devices", "0"], "trainer: `Trainer(devices="),
        (
            ["--trainer.max_epochs", "-3"],
            "trainer.max_epochs is -3: give a number >= -1; -1 sets no limit",
        ),
        (["--help=AlexNt"], "--help=AlexNt: no such model or data set"),
        (
            ["--checkpoint.monitor", "val/top3"],
            "checkpoint.monitor: val/top3 is never logged; give one of val/loss, val/top1",
        ),
        (
            [*PLATEAU, "--model.lr_scheduler.monitor", "val/los"],
            "model.lr_scheduler.monitor: val/los is never logged",
        ),
        (
            ["--trainer.callbacks+", "EarlyStopping", "--trainer.callbacks.monitor", "loss"],
            "trainer.callbacks: EarlyStopping.monitor: loss is never logged",
        ),
        (
            [*PLATEAU, "--trainer.check_val_every_n_epoch", "2"],
            "model.lr_scheduler: a plateau steps once an epoch and needs a validation each time",
        ),
        (["--model.label_smoothing", "2"], "model.label_smoothing is 2.0: give a number in [0, 1]"),
        (["--model.width", "-1"], "width is -1.0: give a number > 0"),
        (["--trainer.callbacks", "Foo"], "trainer.callbacks: no class named Foo; give a name"),
        (
            ["--trainer.precision", "8"],
            "trainer.precision: give one of 64, 32, 16, transformer-engine,",
        ),
        (["--model.optimizer.lr", "abc"], "model.optimizer.lr: give a number, not abc"),
        (
            ["--trainer.fast_dev_run", "maybe"],
            "trainer.fast_dev_run: give true or false, or a whole number, not maybe",
        ),
        (
            ["--trainer.logger+", "TensorBoardLogger"],
            "trainer.logger: TensorBoardLogger needs save_dir, as in --trainer.logger.save_dir",
        ),
        (
            ["--trainer.logger", "CSVLogger", "--trainer.logger.flush_logs_every_n_steps", "x"],
            "trainer.logger.flush_logs_every_n_steps: give a whole number, not x",
        ),
        (["--trainer.limit_val_batches", "0"], "checkpoint.monitor: val/top1 needs a validation"),
        (
            ["--model.lr_scheduler", "ReduceLROnPlateau"],
            "model.lr_scheduler: more than one class is named ReduceLROnPlateau",
        ),
        (
            ["--trainer.sync_batchnorm", "true", "--trainer.accelerator", "cpu"],
            "trainer.sync_batchnorm: torch has it for GPUs only",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_the_key(
    quick_config: Path, mistake: Mistake, flags: list[str], expected: str
) -> None:
    assert expected in mistake("fit", "--config", quick_config, *flags)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("model: {init_args: {widht: 2}}", "model.widht: no such key of AlexNetBN; did you mean"),
        ("modell: {width: 2}", "modell.width: no such key"),
        ("trainer: {max_epochs: 2", "wrong.yaml is no valid YAML: while parsing"),
        ("just words", "wrong.yaml must hold keys such as model, data and trainer"),
        ("trainer: {max_epochs: many}", "trainer.max_epochs: give a whole number, not many"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_that_names_the_key_or_the_file(
    quick_config: Path, mistake: Mistake, in_tmp: Path, content: str, expected: str
) -> None:
    (in_tmp / "wrong.yaml").write_text(content)
    assert expected in mistake("fit", "--config", quick_config, "--config", "wrong.yaml")


def test_without_an_optimizer_or_a_model_there_is_nothing_to_train(
    mistake: Mistake, in_tmp: Path
) -> None:
    data = ("--data", "DigitsDataModule")
    model = ("--model", "AlexNet", "--model.stem", "small")
    assert mistake("fit", *data).startswith("model: none is given; name one")
    assert (
        mistake("fit")
        == "nothing to do: give --config configs/NAME.yaml, or --model and --data; see --help"
    )
    assert mistake("fit", *data, *model).startswith("model.optimizer: none is given; name one")
    late = mistake("fit", *model, "--data.batch_size", "8", *data)
    early = mistake("fit", *data, "--model.optimizer.help", "Adam")
    assert early.startswith("model: name the class before its arguments, as in --model NAME")
    assert late == "data: name the class before its arguments, as in --data NAME --data.KEY VALUE"


def test_a_mistake_as_a_user_sees_it(quick_config: Path, in_tmp: Path) -> None:
    command = [sys.executable, "-m", "alexnet_lightning.fit", "--config", str(quick_config)]
    done = subprocess.run([*command, "--model.wdith", "2"], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr == "error: model.wdith: no such key of AlexNetBN; did you mean width?\n"


def test_help_is_a_page_that_names_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        ExperimentCLI(["--help"])
    page = capsys.readouterr().out
    assert stop.value.code in (0, None)
    for name in ("AlexNetBN", "CIFAR10DataModule", "--trainer.max_epochs", "--help=all"):
        assert name in page


@pytest.mark.parametrize(
    ("topic", "expected"), [("AlexNet", "--model.dropout"), ("all", "--trainer.profiler")]
)
def test_help_on_one_thing_and_on_everything(
    capsys: pytest.CaptureFixture[str], topic: str, expected: str
) -> None:
    with pytest.raises(SystemExit):
        ExperimentCLI([f"--help={topic}"])
    page = capsys.readouterr().out
    assert expected in page
    assert topic == "all" or "--model.num_classes NUM_CLASSES" in page
    assert not re.search(r"--model\.num_classes [^(]*\(required", page), "the data says"


def test_earlier_names_of_arguments_are_read_from_files_and_flags(
    quick_config: Path, tmp_path: Path
) -> None:
    earlier = tmp_path / "earlier.yaml"
    earlier.write_text("model: {init_args: {trunk_lr_factor: 0.5}}\nname: freeze_trunk")
    config = ["--config", str(quick_config)]
    cli = ExperimentCLI([*config, f"--config={earlier}", "--trainer.callbacks+", "LayerSpreads"])
    assert cli.config.model.init_args.backbone_lr_factor == 0.5
    assert cli.config.name == "freeze_trunk"
    (callback,) = cli.config.trainer.callbacks
    assert callback.class_path.endswith("LayerStatistics")
    cli = ExperimentCLI([*config, "--model.trunk_lr_factor=0.5", "--name=freeze_trunk"])
    assert cli.config.model.init_args.backbone_lr_factor == 0.5
    assert cli.config.name == "freeze_trunk"
