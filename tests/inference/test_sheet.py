"""The sheet of figure 4: images, their classes, the bars."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet_lightning.inference.answers import Answer, class_of, draw_sheet, square
from alexnet_lightning.inference.predictor import Prediction

NAMES = ["cat", "Maltese dog", "$1", "a", "b", "c"]
SAID = Prediction(["cat", "$1", "a", "b", "c", "Maltese dog"], [0.5, 0.2, 0.1, 0.1, 0.06, 0.04])


@pytest.fixture
def answers(tmp_path: Path) -> list[Answer]:
    paths = [tmp_path / name for name in ("cat/1.png", "cat/2.png", "unknown/3.png")]
    for path, shape in zip(paths, [(8, 8), (60, 40), (300, 400)], strict=True):
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", shape, "#336699").save(path)
    return [Answer(path, SAID) for path in paths]


@pytest.fixture
def words(monkeypatch) -> list[tuple[str, str]]:
    """All text of a sheet and the bars' colours, as it is drawn."""
    from matplotlib.figure import Figure

    seen: list[tuple[str, str]] = []
    save = Figure.savefig

    def spy(figure, *args, **kwargs) -> None:
        for axes in figure.axes:
            seen.extend(("text", text.get_text()) for text in axes.texts)
            seen.extend(("bar", bar.get_facecolor()[0] > 0.5) for bar in axes.patches)
        save(figure, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", spy)
    return seen


def test_the_class_is_below_the_image_and_its_bar_red(answers, words, tmp_path) -> None:
    draw_sheet(answers, NAMES, tmp_path / "sheet.png")
    text = [word for kind, word in words if kind == "text"]
    for word, times in {"cat": 5, "3.png": 1, "50%": 3, "4%": 0, "$1": 3}.items():
        assert text.count(word) == times, word
    bars = [red for kind, red in words if kind == "bar"]
    assert len(bars) == 15
    assert bars.count(True) == 2, "one per image whose folder names its class"
    with Image.open(tmp_path / "sheet.png") as image:
        assert np.asarray(image.convert("RGB")).std() > 10
    assert not list(tmp_path.glob(".*")), "no partial file is left"


def test_the_class_that_a_folder_names() -> None:
    folders = {
        "data/cat": "cat",
        "n02085936-Maltese_dog": "Maltese dog",
        "Maltese_dog": "Maltese dog",
        "dog": None,
    }
    for folder, expected in folders.items():
        assert class_of(Path(folder) / "1.png", NAMES) == expected


def test_an_image_is_drawn_at_its_own_resolution(answers) -> None:
    sides = [square(answer.path).shape for answer in answers]
    assert sides == [(8, 8, 3), (40, 40, 3), (256, 256, 3)]
