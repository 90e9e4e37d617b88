"""What an epoch will take, told after its first batches; and the file that makes it small."""

from pathlib import Path

import pytest

from alexnet_lightning.callbacks import epoch_estimate
from alexnet_lightning.cli.config_files import smaller
from alexnet_lightning.fit import main as fit
from tests.conftest import CONFIGS


def test_fit_says_it_and_names_the_small_file(
    quick_config: Path,
    in_tmp: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setattr(epoch_estimate, "SECONDS", 0.0)
    (in_tmp / "sizes").mkdir()
    (in_tmp / "full.yaml").write_text(quick_config.read_text())
    (in_tmp / "sizes" / "small.yaml").write_text("# Makes other or full small: quick.\n")
    fit(
        ["--config", "full.yaml", "--trainer.max_epochs=2", "--data.batch_size=200", "--test=false"]
    )
    lines = [line for line in capsys.readouterr().err.splitlines() if "an epoch will" in line]
    assert len(lines) == 1
    assert lines[0].endswith(
        "without validation (6 batches); for a CPU, make it small: add --config sizes/small.yaml"
    )


def test_the_small_file_of_every_experiment_that_has_one() -> None:
    full, small = CONFIGS / "cifar_bn.yaml", CONFIGS / "sizes" / "cifar_small.yaml"
    assert smaller([full]) == small
    assert smaller([CONFIGS / "cifar_resnet18.yaml"]) == small.with_name(
        "cifar_torchvision_small.yaml"
    )
    for files in (
        [],
        [full, small],
        [CONFIGS / "digits_bn.yaml"],
        [CONFIGS / "cifar_bn_small.yaml"],
    ):
        assert smaller(files) is None
