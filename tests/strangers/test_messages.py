"""Messages that name what is wrong by its own name, and the nearest that would be right."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from alexnet_lightning import ImageFolderDataModule
from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder
from alexnet_lightning.training.tracking import wandb_logger
from tests.strangers.conftest import Case

STUDY = {"title": "x", "base": ["quick.yaml"], "seeds": [1], "variants": {"a": {}}}
CASES = [
    Case("fit --config configs/cifar_b.yaml", r"; did you mean configs/cifar_bn\.yaml\?$"),
    Case(
        "check_data --config digits_bn", r"digits_bn: .*; did you mean configs/digits_bn\.yaml\?$"
    ),
    Case("study --config configs/studies/smok.yaml", r"did you mean configs/studies/smoke\.yaml\?"),
    Case("study --config configs/digits_bn.yaml", r"digits_bn\.yaml is an experiment, .* to fit$"),
    Case("fit --config configs/studies/smoke.yaml", r"smoke\.yaml is a study: give it to study$"),
    Case(
        "study --config a.yaml",
        r"--trainer\.max_epoch: no such option; did you mean --trainer\.max_epochs\?$",
    ),
    Case("study --config b.yaml", r"b\.yaml: seed: no such key; did you mean seeds\?$"),
    Case("study --config c.yaml", r"variants\.a\.override: no such key; did you mean overrides\?$"),
    Case("fit --help=AlexNetB", r"did you mean AlexNetBN\?$"),
    Case("evaluate {run} --model.width 0.1", r"model: width is 0\.1, in the checkpoint 0\.05$"),
]


@pytest.fixture
def configs(in_tmp: Path, quick_config: Path) -> None:
    """The repository's configs and three studies with a mistake each."""
    (in_tmp / "configs").symlink_to(Path(__file__).parents[2] / "configs")
    (in_tmp / "quick.yaml").write_text(quick_config.read_text())
    mistakes = {
        "a": STUDY | {"overrides": {"trainer.max_epoch": 3}},
        "b": STUDY | {"seed": [1]},
        "c": STUDY | {"variants": {"a": {"override": {"trainer.max_epochs": 3}}}},
    }
    for name, content in mistakes.items():
        (in_tmp / f"{name}.yaml").write_text(yaml.safe_dump(content))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_says_what_is_wrong(
    case: Case, ends: Callable[..., tuple[str, str]], configs: None, run: Path
) -> None:
    ends(case, run=run)


def test_a_run_that_is_mistyped_has_a_nearest_name(
    run: Path, ends: Callable[..., tuple[str, str]], in_tmp: Path
) -> None:
    shutil.copytree(run, in_tmp / "runs" / "quick" / run.name)
    ends(Case("evaluate quikc", r"quikc: no run there; did you mean quick\?"))
    ends(Case("report quikc", r"quikc: no such folder, nor under runs; did you mean quick\?$"))


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("WANDB_MODE", "onlinne", r"WANDB_MODE is onlinne: .*'online', 'offline'"),
        ("WANDB_API_KEY", "short", r"WANDB_API_KEY invalid: .* 40\+ characters"),
    ],
)
def test_wandb_names_the_variable_that_is_wrong(
    name: str,
    value: str,
    reason: str,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(name, value)
    assert wandb_logger(RunFolder(tmp_path), {}) is None
    assert re.search(rf"W&B did not start \({reason}.*\): metrics", capsys.readouterr().out)


def test_a_dashboard_in_a_file_is_not_told_to_leave_out_what_was_not_given(
    ends: Callable[..., tuple[str, str]],
) -> None:
    ends(Case("dashboard", r"wandb login, then again$", 0))
    ends(Case("dashboard --output x.json", r"wandb login, then again without --output$", 0))


def test_a_run_of_flags_alone_is_named_after_its_variant_and_data(in_tmp: Path) -> None:
    assert ExperimentCLI(["--data=DigitsDataModule"]).config.name == "digits"
    flags = ["--model=AlexNetBN", "--model.optimizer=Adam", "--data=DigitsDataModule"]
    assert ExperimentCLI(flags).config.name == "alexnetbn_digits"


def test_json_names_the_image(
    run: Path, ends: Callable[..., tuple[str, str]], in_tmp: Path
) -> None:
    Image.new("L", (8, 8)).save(in_tmp / "cat.png")
    out, _ = ends(Case("predict {run} cat.png --json --top 1", r"^\]$", 0), run=run)
    assert json.loads(out)[0]["image"] == "cat.png"


def test_a_class_with_one_image_is_named(tmp_path: Path) -> None:
    for name, count in (("cat", 9), ("dog", 1)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(count):
            Image.new("RGB", (8, 8)).save(tmp_path / "pictures" / name / f"{number}.png")
    data = ImageFolderDataModule(root=str(tmp_path), size=8)
    with pytest.raises(UserError, match=r"\(one image alone of dog\); give another"):
        data.setup("fit")
