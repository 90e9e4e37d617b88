"""What is wrong with a data set is said before anybody trains on it."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alexnet_lightning.check_data import main as check_data
from alexnet_lightning.cli.command import run_command
from alexnet_lightning.data import DigitsDataModule, TinyImageNetDataModule
from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import Images, ImageTensors
from alexnet_lightning.data.check.report import problems
from alexnet_lightning.data.check.survey import survey

DATA = Path(__file__).parents[1] / "data"
DIGITS = ["--data", "DigitsDataModule"]


@pytest.fixture
def copied(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digits with three copies: one in train under another class, one in val, one in test."""
    load = DigitsDataModule.load

    def with_copies(self: DigitsDataModule) -> dict[Split, Images]:
        splits = load(self)
        train, val, test = (part for part in splits.values() if isinstance(part, ImageTensors))
        train.images[1] = train.images[0]
        train.labels[0], train.labels[1] = 3, 5
        val.images[7] = train.images[10]
        val.labels[7] = train.labels[10]
        test.images[9] = train.images[20]
        test.labels[9] = train.labels[20]
        return splits

    monkeypatch.setattr(DigitsDataModule, "load", with_copies)


def test_a_sound_data_set(in_tmp: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_data([*DIGITS, "--strict", "--data.train_images", "5"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["class", "train", "val", "test"]
    assert lines[1].split() == ["0", "119", "29", "30"]
    assert lines[11].split() == ["all", "1,197", "300", "300"]
    assert lines[13] == (
        "data.train_images: a training takes 5 of the 1,197 training images; all are checked here"
    )
    assert lines[-2:] == ["contact sheet: runs/check_data/digits.png", "nothing wrong found"]
    assert "  mean: [0.3054]" in lines
    assert [path.name for path in in_tmp.iterdir()] == ["runs"]
    with Image.open("runs/check_data/digits.png") as sheet:
        assert sheet.width > 8 * 128


def test_images_of_12_bits_in_16_are_named(
    in_tmp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("cat", "dog"):
        (in_tmp / "pets" / name).mkdir(parents=True)
        for number in range(10):
            path = in_tmp / "pets" / name / f"{number}.png"
            noise = np.random.default_rng([number, *name.encode()])
            pixels = noise.integers(65_536, size=(8, 8), dtype=np.uint16)
            Image.fromarray(pixels if number else pixels // 16).save(path)
    flags = ["--data=ImageFolderDataModule", "--data.root=.", "--data.folder=pets"]
    with pytest.warns(UserWarning, match=r"0\.png: it is nearly black"):
        check_data([*flags, "--data.size=8"])
    shown = capsys.readouterr().out
    assert "nearly black: 16 bits, but no value above 4095: 2\n  - pets/" in shown
    assert shown.endswith("wrong: nearly black 2\n")


@pytest.mark.usefixtures("copied")
def test_copies_are_listed_by_what_is_bad_about_them(
    in_tmp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check_data(DIGITS)
    shown = capsys.readouterr().out
    assert "duplicates in several splits: 2\n  - train  number 10  " in shown
    assert "\n    val    number 7  " in shown
    assert "\n    test   number 9  " in shown
    assert (
        "duplicates in one split, under several classes: 1\n"
        "  - train  number 0  3\n"
        "    train  number 1  5\n" in shown
    )
    assert shown.splitlines()[-1] == (
        "wrong: duplicates 3, leaks between splits 2, images under several classes 2"
    )


@pytest.mark.usefixtures("copied")
def test_lists_are_cut(in_tmp: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check_data([*DIGITS, "--list", "1"])
    shown = capsys.readouterr().out
    assert "number 10" in shown
    assert "number 20" not in shown
    assert "… 1 more: --list N shows N, --json FILE writes all" in shown


@pytest.mark.usefixtures("copied")
def test_json_has_it_all(in_tmp: Path) -> None:
    check_data([*DIGITS, "--list", "0", "--json", "new/found.json", "--sheet", "new/sheet.png"])
    found = json.loads(Path("new/found.json").read_text())
    assert (found["duplicates"], found["leaks"], found["unreadable"]) == (3, 2, {})
    assert [[place["name"] for place in group] for group in found["copies"]] == [
        ["number 0", "number 1"],
        ["number 10", "number 7"],
        ["number 20", "number 9"],
    ]
    assert found["copies"][0][1] == {"split": "train", "name": "number 1", "class": "5"}
    assert sum(found["images"]["val"].values()) == 300
    assert found["pixels"]["eigenvectors"] == [[1.0]]
    assert sorted(path.name for path in Path("new").iterdir()) == ["found.json", "sheet.png"]


@pytest.mark.usefixtures("copied")
def test_status_is_one_only_when_strict(
    in_tmp: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["check_data", *DIGITS])
    run_command(check_data)
    monkeypatch.setattr(sys, "argv", ["check_data", *DIGITS, "--strict"])
    with pytest.raises(SystemExit) as stop:
        run_command(check_data)
    assert stop.value.code == 1


def test_it_takes_a_config_of_fit_and_its_name(in_tmp: Path, quick_config: Path) -> None:
    check_data(["--config", str(quick_config)])
    assert Path("runs/check_data/quick.png").is_file()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ([*DIGITS, "--sheet", "sheet.gif"], "--sheet: sheet.gif is no .png"),
        ([*DIGITS, "--sheet", "/dev/null/sheet.png"], "/dev/null"),
        ([*DIGITS, "--json", "/dev/null/found.json"], "/dev/null"),
        ([*DIGITS, "--json", "."], "is a folder"),
        ([*DIGITS, "--list", "-1"], "--list: -1"),
        ([*DIGITS, "--list", "many"], "--list"),
        (["--data", "Digitz"], "Digitz"),
        ([*DIGITS, "--data.seed", "-1"], "data.seed is -1"),
        ([], "data"),
    ],
)
def test_a_mistake_is_one_line(
    flags: list[str],
    message: str,
    in_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys, "argv", ["check_data", *flags])
    with pytest.raises(SystemExit) as stop:
        run_command(check_data)
    assert stop.value.code == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert message in lines[0]


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """The root of a folder of pictures with a broken one, a grey one, and a leak."""
    root, shades = tmp_path / "data", iter(range(0, 255, 10))
    for split in ("train", "val", "test"):
        for name in ("cat", "dog"):
            folder = root / "pictures" / split / name
            folder.mkdir(parents=True)
            for number in range(3):
                shade = next(shades)
                Image.new("RGB", (20, 16), (shade, number, len(split))).save(
                    folder / f"{number}.png"
                )
    pets = root / "pictures"
    (pets / "train" / "cat" / "0.png").write_text("no picture")
    Image.new("L", (30, 16), 9).save(pets / "train" / "dog" / "1.png")
    (pets / "test" / "dog" / "2.png").write_bytes((pets / "train" / "cat" / "2.png").read_bytes())
    return root


@pytest.mark.parametrize("storage", ["files", "packed", "memory"])
@pytest.mark.filterwarnings("ignore:.*cannot be read and are left out")
def test_a_folder_of_pictures(
    storage: str, pictures: Path, in_tmp: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = ["--data", "ImageFolderDataModule", "--data.root", str(pictures), "--data.size", "16"]
    more = ["--data.storage", storage, "--data.workers", "0", "--data.transform", "Flip"]
    check_data([*flags, *more, "--data.colour", "PCANoise"])
    shown = capsys.readouterr().out
    assert "cannot be read: 1\n" in shown
    assert str(pictures / "pictures" / "train" / "cat" / "0.png") in shown
    assert "files: 17; modes: RGB 16, L 1 (e.g. " in shown
    assert shown.splitlines()[-1] == (
        "wrong: unreadable 1, duplicates 1, leaks between splits 1, images under several classes 2"
    )


@pytest.mark.slow
def test_it_finds_the_copies_in_tiny_imagenet(tmp_path: Path) -> None:
    """`md5sum` of all files finds the same twenty."""
    if not (DATA / "tiny-imagenet-200").is_dir():
        pytest.skip(f"needs the real Tiny ImageNet in {DATA / 'tiny-imagenet-200'}")
    data = TinyImageNetDataModule(root=str(DATA), size=32, cache=str(tmp_path))
    data.prepare_data()
    found = survey(data.load(), 32)
    assert found.duplicates == len(found.copies) == 20
    assert found.leaks >= 1
    assert "images under several classes 40" in problems(found, 200)
