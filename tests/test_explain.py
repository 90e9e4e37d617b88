"""explain as a user runs it."""

from pathlib import Path
from typing import get_args

import pytest
import torch
from PIL import Image

from alexnet_lightning.explain import What, explain, main
from alexnet_lightning.system.errors import UserError


def test_figures_go_into_the_run_folder(own_run, capsys) -> None:
    before = set((own_run / "figures").iterdir())
    main([str(own_run)])
    written = {Path(line) for line in capsys.readouterr().out.splitlines()}
    assert {path.stem for path in written} == {*get_args(What), "best_last_differences"}
    assert set((own_run / "figures").iterdir()) - before == written
    for path in written:
        with Image.open(path) as image:
            assert min(image.size) > 100
            assert len(image.convert("L").getcolors()) > 2, "nothing is drawn"


def test_own_images_need_no_data_set(run_without_data, tmp_path) -> None:
    image, out = tmp_path / "mine.png", tmp_path / "out"
    Image.new("RGB", (20, 20), "red").save(image)
    names = ["kernels", "maps", "gradcam"]
    found = explain(run_without_data, names, [image], output=out)
    assert found == [out / f"{name}.png" for name in names]
    assert all(path.is_file() for path in found)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--what", "colours"], "colours"),
        (["--images", "nowhere.png"], "nowhere.png"),
        (["--checkpoint", "nowhere.ckpt"], "nowhere.ckpt"),
    ],
)
def test_mistakes_are_a_line_and_leave_nothing(trained_run, tmp_path, flags, words) -> None:
    out = tmp_path / "out"
    with pytest.raises(UserError, match=words) as error:
        main([str(trained_run), "--output", str(out), *flags])
    assert "\n" not in str(error.value)
    assert not out.exists()


def test_a_missing_run(tmp_path) -> None:
    with pytest.raises(UserError, match="no run there"):
        explain(tmp_path / "nowhere")


def test_pretrained_weights_are_not_needed_again(pretrained_run, tmp_path) -> None:
    before = torch.is_grad_enabled()
    explain(pretrained_run, ["gradcam", "mistakes"], output=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"gradcam.png", "mistakes.png"}
    assert torch.is_grad_enabled() == before
