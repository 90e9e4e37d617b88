"""explain as a user runs it."""

import shutil
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from alexnet_lightning.explain import WHAT, explain
from alexnet_lightning.system.errors import UserError

OTHER_FILES = {"best_last": ["best_last_differences"]}


@pytest.mark.parametrize("what", WHAT)
def test_figures_go_into_the_run_folder(what, trained_run, tmp_path, capsys) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    before = set((run / "figures").iterdir())
    explain([str(run), "--what", what])
    written = {Path(line) for line in capsys.readouterr().out.splitlines()}
    assert {path.stem for path in written} == {what, *OTHER_FILES.get(what, [])}
    assert set((run / "figures").iterdir()) - before == written
    for path in written:
        with Image.open(path) as image:
            assert min(image.size) > 100
            assert len(image.convert("L").getcolors()) > 2, "nothing is drawn"


def test_pictures_of_ones_own_need_no_data_set(trained_run, tmp_path, capsys) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained_run, run)
    config = yaml.safe_load((run / "config.yaml").read_text())
    config["data"] = {"class_path": "CIFAR10DataModule", "init_args": {"root": "nowhere"}}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    picture = tmp_path / "mine.png"
    Image.new("RGB", (20, 20), "red").save(picture)
    out = tmp_path / "out"
    flags = ["--what", "kernels", "maps", "gradcam", "--images", str(picture), "--output", str(out)]
    explain([str(run), *flags])
    assert {path.name for path in out.iterdir()} == {"kernels.png", "maps.png", "gradcam.png"}


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--what", "colours"], "invalid choice: 'colours'"),
        (["--images", "nowhere.png"], "nowhere.png"),
        (["--checkpoint", "nowhere.ckpt"], "no file nowhere.ckpt"),
    ],
)
def test_mistakes_are_a_line_and_leave_nothing(trained_run, tmp_path, flags, words) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match=words) as error:
        explain([str(trained_run), "--output", str(out), *flags])
    assert "\n" not in str(error.value)
    assert not out.exists()


def test_no_run_folder(tmp_path) -> None:
    with pytest.raises(UserError, match="no run folder"):
        explain([str(tmp_path)])


def test_weights_that_it_began_with_are_not_asked_for(pretrained_run, tmp_path) -> None:
    explain([str(pretrained_run), "--what", "gradcam", "mistakes", "--output", str(tmp_path)])
    assert {path.name for path in tmp_path.iterdir()} == {"gradcam.png", "mistakes.png"}


def test_figures_need_no_gradients_left_on(trained_run, tmp_path) -> None:
    before = torch.is_grad_enabled()
    explain([str(trained_run), "--what", "gradcam", "--output", str(tmp_path)])
    assert torch.is_grad_enabled() == before
