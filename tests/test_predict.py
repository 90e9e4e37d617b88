"""predict as a user runs it."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.predict import predict


@pytest.fixture
def run(outcome) -> Callable[..., tuple[int, str, str]]:
    """Runs the command; gives its status and what it wrote on both streams."""
    return partial(outcome, predict)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of two digits of 8 px and a photograph, as it were."""
    from sklearn.datasets import load_digits

    folder = tmp_path / "pictures"
    for number, image in enumerate(load_digits().images[:2] * 15):
        (folder / str(number)).mkdir(parents=True)
        Image.fromarray(image.astype("uint8")).save(folder / str(number) / "x.png")
    Image.new("RGB", (50, 30), "red").save(folder / "photo.jpg")
    return folder


def test_a_line_a_picture(run, trained_run, pictures) -> None:
    status, out, err = run(trained_run, pictures, "--top", 2)
    lines = out.splitlines()
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in lines] == [
        str(pictures / name) for name in ("photo.jpg", "0/x.png", "1/x.png")
    ]
    assert all(line.count("%") == 2 for line in lines)


@pytest.mark.parametrize("form", ["json", "csv"])
def test_other_programs_get_the_predictors_figures(form, run, trained_run, pictures) -> None:
    status, out, _ = run(trained_run, pictures, f"--{form}", "--checkpoint", "last")
    paths = [pictures / "photo.jpg", *(pictures / str(n) / "x.png" for n in range(2))]
    expected = Predictor.load(trained_run, "last").predict(paths)
    assert status == 0
    if form == "json":
        found = [(row["classes"], row["probabilities"]) for row in json.loads(out)]
    else:
        ranks = range(1, 6)
        found = [
            ([row[f"class_{n}"] for n in ranks], [float(row[f"probability_{n}"]) for n in ranks])
            for row in csv.DictReader(io.StringIO(out))
        ]
    for (classes, probabilities), said in zip(found, expected, strict=True):
        assert classes == said.classes
        assert probabilities == pytest.approx(said.probabilities, abs=1e-6)


def test_a_bad_file_is_named_and_the_others_go_on(run, trained_run, pictures) -> None:
    bad = pictures / "bad.png"
    bad.write_text("no image")
    status, out, err = run(trained_run, bad, pictures / "photo.jpg", "nowhere.png")
    assert status == 1
    assert [line.split()[0] for line in out.splitlines()] == [str(pictures / "photo.jpg")]
    first, second = err.splitlines()
    assert first.startswith(f"error: {bad} cannot be read as an image")
    assert second.startswith("error: cannot open nowhere.png")


def test_paths_from_another_program(run, trained_run, pictures, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{pictures}/photo.jpg\n"))
    status, out, _ = run(trained_run, "-")
    assert status == 0
    assert out.startswith(str(pictures / "photo.jpg"))


@pytest.mark.slow
def test_a_reader_that_has_enough_ends_it_quietly(trained_run, pictures) -> None:
    command = [sys.executable, "-m", "alexnet_lightning.predict", trained_run, "-", "--csv"]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **streams, text=True) as process:
        process.stdout.close()
        _, err = process.communicate(f"{pictures}/photo.jpg\n" * 200)
    assert process.returncode == 141
    assert err == ""


def test_a_sheet_beside_the_table(run, trained_run, pictures, tmp_path) -> None:
    sheet = tmp_path / "made" / "sheet.png"
    status, out, err = run(trained_run, pictures, "--sheet", sheet, "--csv")
    assert status == 0
    assert err == f"sheet: {sheet}\n"
    assert len(list(csv.reader(io.StringIO(out)))) == 4
    with Image.open(sheet) as image:
        assert image.width > image.height / 2
    assert [path.name for path in sheet.parent.iterdir()] == ["sheet.png"]


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (["--top", "0"], "--top: 0: give a number >= 1"),
        (["--sheet", "sheet.jpg"], "--sheet: sheet.jpg is no .png"),
        (
            ["--views", "ten"],
            "--views: this network sees the whole image; give centre, flip or six",
        ),
        (["--checkpoint", "beste"], "--checkpoint: no file beste; give best, last or a path"),
        (["--csv", "--json"], "argument --json: not allowed with argument --csv; see --help"),
    ],
)
def test_a_mistake_is_one_line(flags, wanted, run, trained_run, pictures) -> None:
    status, out, err = run(trained_run, pictures, *flags)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {wanted}")
    assert err.count("\n") == 1


def test_a_run_that_is_none_or_a_sheet_that_cannot_be(run, trained_run, pictures, tmp_path) -> None:
    status, _, err = run(tmp_path, pictures)
    assert status == 2
    assert "no run folder" in err
    (tmp_path / "file").touch()
    status, _, err = run(trained_run, pictures, "--sheet", tmp_path / "file" / "sheet.png")
    assert status == 2
    assert err.startswith(f"error: --sheet: {tmp_path / 'file' / 'sheet.png'} cannot be written")
    assert err.count("\n") == 1
