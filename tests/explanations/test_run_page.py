"""The page of one run: its figures are the run's, it loads nothing, and says what is missing."""

import base64
import io
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from alexnet_lightning.data import CIFAR10DataModule, DigitsDataModule
from alexnet_lightning.data.batches import seeded
from alexnet_lightning.explanations.run_images import COLUMNS, TILE, confusion
from alexnet_lightning.explanations.run_page import run_page
from alexnet_lightning.explanations.thumbnails import thumbnails
from alexnet_lightning.export import export
from alexnet_lightning.fit import main as fit
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder
from tests.test_fit import ALL_IMAGES, noise

EARLIER = Path(__file__).parents[1] / "fixtures" / "earlier"
HOSTILE = [
    "<b>bold",
    '"quoted"',
    "it's",
    "</script>",
    "a & b",
    "{{ x }}",
    "猫",
    "a|b",
    "*",
    "x" * 60,
]


@pytest.fixture(scope="module")
def html(trained_run: Path) -> str:
    return run_page(RunFolder(trained_run), "cpu")


@pytest.fixture(autouse=True)
def no_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")


def cells(html: str, row: str) -> list[str]:
    """The cells of a row of the table of figures."""
    (found,) = re.findall(rf"<tr><td>{row}</td>(.*?)</tr>", html)
    return re.findall("<td>(.*?)</td>", found)


def captions(html: str) -> list[str]:
    """What is said of each point of the embeddings."""
    (found,) = re.findall(r"^const captions = (\[.*\]), columns", html, re.MULTILINE)
    return list(json.loads(found))


def words(html: str) -> str:
    """What the page says, without its images."""
    return re.sub(r"data:image/[^\"')]+", "", html)


def test_its_figures_are_those_of_the_summary(html: str, trained_run: Path) -> None:
    summary = json.loads((trained_run / "summary.json").read_text())
    for split, row in (("val", "validation"), ("test", "test")):
        shown = [f"{summary[f'{split}/top{k}']:.2%}" for k in (1, 5)]
        assert cells(html, row) == [*shown, f"{summary[f'{split}/loss']:.4f}", "300"]
    assert f"epoch {summary['best_epoch']}, the best by val/top1" in html
    assert summary["versions"] in html and summary["data/fingerprint"] in html
    wrong = round(300 * (1 - summary["test/top1"]))
    assert f"of {wrong} mistakes in 300 test images" in html
    diagonal = [int(count) for count in re.findall(r"<td>(\d+) of \d+</td>", html)]
    assert 0 < sum(diagonal) <= wrong


def test_every_image_of_the_embeddings_is_in_it(html: str) -> None:
    data = DigitsDataModule()
    data.setup()
    images = data.splits["val"]
    order = torch.randperm(len(images), generator=seeded("cpu", 0))
    pixels, labels = images[order]
    assert html.count("<circle") == 2 * len(images)
    assert [int(caption[0]) for caption in captions(html)] == labels.tolist()
    (sheet,) = re.findall(r"url\(data:image/jpeg;base64,(.*?)\)", html)
    with Image.open(io.BytesIO(base64.b64decode(sheet))) as image:
        shown = np.asarray(image.convert("L"), dtype=float)
    assert shown.shape == (len(images) // COLUMNS * 8, COLUMNS * 8)
    for index, tile in enumerate(pixels[:, 0].numpy()):
        y, x = index // COLUMNS * 8, index % COLUMNS * 8
        assert abs(shown[y : y + 8, x : x + 8] - tile).mean() < 8


def test_it_loads_nothing(html: str) -> None:
    loaded = re.findall(r"""(?:src|href|srcset|data)=["']?([^"'\s>]{,20})|url\((.{,20})""", html)
    assert loaded and all("".join(each).startswith("data:image/") for each in loaded)
    assert "default-src 'none'" in html
    assert not re.findall(r"https?:|//\w|@import|<link|<script .*src", words(html))


def test_names_of_classes_are_text(
    quick_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DigitsDataModule, "class_names", HOSTILE)
    found = run_page(trained(quick_config, tmp_path, "--trainer.max_epochs", "1"), "cpu")
    assert found.count("&lt;b&gt;bold") > 1 and "&#34;quoted&#34;" in found
    assert "<b>bold" not in found and found.count("</script>") == 1 and "{{ x }}" in found
    assert {caption.split(", taken")[0] for caption in captions(found)} == {*HOSTILE}


def trained(config: Path, root: Path, *flags: str) -> RunFolder:
    """A run of flags of `fit`."""
    fit(["--config", str(config), "--runs_dir", str(root / "runs"), *flags])
    (path,) = root.rglob("config.yaml")
    return RunFolder(path.parent)


def test_without_its_data_the_page_shows_what_fit_drew(run_without_data: Path) -> None:
    found = run_page(RunFolder(run_without_data), "cpu")
    assert "mistakes are not made from images here: no CIFAR-10" in found
    assert "<circle" not in found and 'alt="confusion, drawn by fit" src="data:image/png' in found
    assert cells(found, "test")


def test_an_interrupted_run_is_told_to_be_one(own_run: Path) -> None:
    (own_run / "summary.json").unlink()
    lines = (own_run / "metrics.csv").read_text().splitlines()
    (own_run / "metrics.csv").write_text("\n".join(lines[:-1]))
    epoch = torch.load(own_run / "checkpoints/best.ckpt", weights_only=True)["epoch"] + 1
    found = run_page(RunFolder(own_run), "cpu")
    assert "Not finished: 4 of 4 epochs are done" in found
    assert f"To go on: fit --resume {own_run}" in found
    assert f"Figures and images are of epoch {epoch}, the best by val/top1" in found
    assert cells(found, "validation") and "<td>test</td>" not in found
    assert found.count("<circle") == 600 and "Written when a run finishes" in found


def test_a_run_that_has_only_begun_has_a_page(own_run: Path) -> None:
    for name in ("checkpoints", "figures"):
        shutil.rmtree(own_run / name)
    for name in ("summary.json", "metrics.csv"):
        (own_run / name).unlink()
    found = run_page(RunFolder(own_run), "cpu")
    for said in (
        "Not finished: 0 of 4 epochs",
        "No validation and no test yet",
        "There are no metrics of a finished epoch",
        "The run has no checkpoint yet",
    ):
        assert said in found
    assert "max_epochs: 4" in found


def test_a_name_that_is_no_utf_8_is_escaped(own_run: Path) -> None:
    shutil.rmtree(own_run / "checkpoints")
    found = run_page(RunFolder(own_run.rename(own_run.with_name("caf\udce9"))), "cpu")
    assert r"<h1>quick/caf\udce9</h1>" in found


def test_without_a_best_checkpoint_the_last_is_shown(own_run: Path) -> None:
    (own_run / "checkpoints/best.ckpt").unlink()
    (own_run / "summary.json").unlink()
    found = run_page(RunFolder(own_run), "cpu")
    assert "of the last checkpoint, in epoch 4: there is no best one" in found


def test_without_images_held_out_it_shows_training_images(
    quick_config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CIFAR10DataModule, "load", noise)
    monkeypatch.setattr(CIFAR10DataModule, "prepare_data", lambda self: None)
    flags = [*ALL_IMAGES, "--checkpoint.monitor", "null", "--embedding_pca.every_n_epochs", "0"]
    found = run_page(trained(quick_config, tmp_path, *flags), "cpu")
    assert "No images were held out for validation." in found
    assert "are of epoch 2, the last: none was chosen" in found
    assert "40 of 40\ntraining images" in found and "<td>validation</td>" not in found


@pytest.mark.filterwarnings("ignore:EmbeddingPCA draws nothing")
def test_a_diverged_run_is_told_to_be_one(quick_config: Path, tmp_path: Path) -> None:
    flags = ["--model.optimizer", "SGD", "--model.optimizer.lr", "1e30", "--allow_divergence=true"]
    run = trained(quick_config, tmp_path, *flags, "--checkpoint.monitor", "null")
    found = run_page(run, "cpu")
    assert "Diverged: the loss is not finite from step 2 on." in found
    assert "its training has diverged" in found and "<td>nan</td>" in found


def test_a_folder_for_the_hub_and_a_run_of_an_earlier_version_have_one_too(
    own_run: Path, tmp_path: Path
) -> None:
    folder = export(own_run, format="hub", output=tmp_path / "shared").path
    found = run_page(RunFolder(folder), "cpu")
    assert found.count("<circle") == 600 and 'alt="accuracy, drawn by fit"' in found
    found = run_page(RunFolder(EARLIER), "cpu")
    assert "Not finished: 2 of 4 epochs" in found and "backbone_lr_factor" not in found


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.yaml", "- a", "config.yaml: this is no configuration of `fit`"),
        ("config.yaml", "model: [", "config.yaml: this is no configuration of `fit`"),
        ("metrics.csv", "epoch,step\n1,x\n", "metrics.csv: could not convert .*restore it"),
    ],
)
def test_a_damaged_file_is_named(own_run: Path, name: str, content: str, said: str) -> None:
    (own_run / name).write_text(content)
    with pytest.raises(UserError, match=said):
        run_page(RunFolder(own_run), "cpu")


def test_the_confusion_of_many_classes_is_a_figure() -> None:
    counts = torch.eye(30).long() * 9
    counts[3, 4] = 5
    names: Sequence[str] = [f"class {index}" for index in range(30)]
    found = confusion(counts, names)
    assert found["figure"].startswith("data:image/png") and "rows" not in found
    assert found["pairs"] == [("class 3", "class 4", 5, 14)]
    rows = confusion(counts[:5, :5], names[:5])["rows"]
    assert rows[3][:2] == ("class 3", 14)
    assert rows[3][2] == pytest.approx([0, 0, 0, 900 / 14, 500 / 14])


def test_thumbnails_are_at_most_a_tile() -> None:
    for size, side in ((8, 8), (32, 32), (48, 48), (224, 48)):
        small = thumbnails(torch.full((2, 3, size, size), 200.4), TILE)
        assert small.shape == (2, 3, side, side)
        assert (small == 200).all()


@pytest.mark.slow
@pytest.mark.parametrize("width", [1280, 390], ids=["desktop", "phone"])
def test_pointing_at_an_image_shows_it_and_nothing_is_loaded_or_cut(
    width: int, html: str, browser: Any, tmp_path: Path
) -> None:
    path = tmp_path / "report.html"
    path.write_text(html)
    tab = browser.new_page(viewport={"width": width, "height": 900}, has_touch=width < 500)
    asked: list[str] = []
    said: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.on("pageerror", lambda error: said.append(str(error)))
    try:
        tab.goto(path.as_uri())
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
        wide = (
            "[...document.querySelectorAll('body *')].filter(part => !part.closest('.table, svg')"
            " && part.getBoundingClientRect().right > innerWidth + 0.5).map(part => part.outerHTML)"
        )
        assert tab.evaluate(wide) == []
        small = "Math.min(...[...document.querySelectorAll('.side img')].map(i => i.width))"
        assert tab.evaluate(small) / (5 * 72) * 11 > 9, "type of under 9 px in a figure of 5 inches"
        data = DigitsDataModule()
        data.setup()
        pixels, labels = data.splits["val"][torch.randperm(300, generator=seeded("cpu", 0))]
        for number in range(2):
            plane = tab.locator("svg.plane").nth(number)
            plane.scroll_into_view_if_needed()
            # The scroll event hides the card, and comes with the next frame: after a quick point.
            tab.evaluate("new Promise(then => requestAnimationFrame(() => setTimeout(then)))")
            assert not tab.locator("#card").is_visible()
            # The rightmost point, which no other one covers.
            where = "of => of.reduce((best, c, i) => c.getAttribute('cx') > 389.9 ? i : best, -1)"
            index = plane.locator("circle").evaluate_all(where)
            box = plane.locator("circle").nth(index).bounding_box()
            at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            (tab.touchscreen.tap if width < 500 else tab.mouse.move)(*at)
            card = tab.locator("#card")
            assert card.inner_text().strip().startswith(str(int(labels[index])))
            assert card.inner_text().strip() == captions(html)[index]
            assert tab.locator("circle.ring").count() == 2
            edges = card.bounding_box()
            assert edges["x"] >= 0 and edges["x"] + edges["width"] <= width
            with Image.open(io.BytesIO(tab.locator("#image").screenshot())) as image:
                shown = np.asarray(image.convert("L").resize((8, 8), Image.Resampling.BOX))
            assert abs(shown.astype(float) - pixels[index, 0].numpy()).mean() < 20
            tab.evaluate("scrollTo(0, 0)")
            card.wait_for(state="hidden")
        assert [url.partition(":")[0] for url in asked if not url.startswith("data:")] == ["file"]
        assert said == []
    finally:
        tab.close()
