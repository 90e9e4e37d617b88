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
from alexnet_lightning.predict import main, predict
from alexnet_lightning.system.errors import UserError


@pytest.fixture
def run(outcome) -> Callable[..., tuple[int, str, str]]:
    """Runs the command; gives its status and what it wrote on both streams."""
    return partial(outcome, main)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of two digits of 8 px and a larger image in color."""
    from sklearn.datasets import load_digits

    folder = tmp_path / "images"
    for number, image in enumerate(load_digits().images[:2] * 15):
        (folder / str(number)).mkdir(parents=True)
        Image.fromarray(image.astype("uint8")).save(folder / str(number) / "x.png")
    Image.new("RGB", (50, 30), "red").save(folder / "photo.jpg")
    return folder


def test_a_line_per_image(run, trained_run, images) -> None:
    status, out, err = run(trained_run, images, "--top", 2)
    lines = out.splitlines()
    assert (status, err) == (0, "")
    assert [line.split()[0] for line in lines] == [
        str(images / name) for name in ("photo.jpg", "0/x.png", "1/x.png")
    ]
    assert all(line.count("%") == 2 for line in lines)


@pytest.mark.parametrize("form", ["json", "csv"])
def test_other_programs_get_the_predictors_figures(form, run, trained_run, images) -> None:
    status, out, _ = run(trained_run, images, f"--{form}", "--checkpoint", "last")
    paths = [images / "photo.jpg", *(images / str(n) / "x.png" for n in range(2))]
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


def test_a_bad_file_is_named_and_the_others_go_on(run, trained_run, images) -> None:
    bad = images / "bad.png"
    bad.write_text("no image")
    status, out, err = run(trained_run, bad, images / "photo.jpg", "nowhere.png")
    assert status == 1
    assert [line.split()[0] for line in out.splitlines()] == [str(images / "photo.jpg")]
    first, second = err.splitlines()
    assert first.startswith(f"error: {bad} cannot be read as an image")
    assert second.startswith("error: ") and "nowhere.png" in second


def test_paths_from_another_program(run, trained_run, images, monkeypatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{images}/photo.jpg\n"))
    status, out, _ = run(trained_run, "-")
    assert status == 0
    assert out.startswith(str(images / "photo.jpg"))


@pytest.mark.slow
def test_a_reader_that_has_enough_ends_it_quietly(trained_run, images) -> None:
    command = [sys.executable, "-m", "alexnet_lightning.predict", trained_run, "-", "--csv"]
    streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, **streams, text=True) as process:
        process.stdout.close()
        _, err = process.communicate(f"{images}/photo.jpg\n" * 200)
    assert process.returncode == 141
    assert err == ""


def test_a_sheet_beside_the_table(run, trained_run, images, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(sys.modules[main.__module__], "SHOWN", 2)
    sheet = tmp_path / "made" / "sheet.png"
    status, out, err = run(trained_run, images, "--sheet", sheet, "--csv")
    assert status == 0
    assert err == f"sheet: {sheet} (the first 2 of 3 images)\n"
    assert len(list(csv.reader(io.StringIO(out)))) == 4
    with Image.open(sheet) as image:
        assert image.width > image.height
    assert [path.name for path in sheet.parent.iterdir()] == ["sheet.png"]


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--top", "0"], "--top: 0"),
        (["--sheet", "sheet.jpg"], "--sheet: sheet.jpg"),
        (["--views", "ten"], "--views: "),
        (["--checkpoint", "beste"], "--checkpoint: "),
        (["--csv", "--json"], "--json: "),
        (["--jsn"], "--jsn: no such option; did you mean --json"),
    ],
)
def test_a_mistake_is_one_line(flags, named, run, trained_run, images) -> None:
    status, out, err = run(trained_run, images, *flags)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {named}")
    assert err.count("\n") == 1


def test_a_missing_run_or_a_sheet_that_cannot_be_written(
    run, trained_run, images, tmp_path
) -> None:
    status, _, err = run(tmp_path / "nowhere", images)
    assert (status, err.count("\n")) == (2, 1)
    assert "nowhere: no run there" in err
    (tmp_path / "file").touch()
    status, _, err = run(trained_run, images, "--sheet", tmp_path / "file" / "sheet.png")
    assert (status, err.count("\n")) == (2, 1)
    assert err.startswith("error: --sheet: ")


def test_from_python(trained_run, images) -> None:
    photo = images / "photo.jpg"
    (found,) = predict(trained_run, [photo], top=3, device="cpu")
    assert found == Predictor.load(trained_run).predict([photo], 3)[0]
    with pytest.raises(UserError, match="cannot be read as an image"):
        predict(trained_run, [photo, __file__])


def test_mistakes_are_found_before_torch_is_imported(tmp_path) -> None:
    program = f"""
import sys
from alexnet_lightning.predict import UserError, main
for args in (["--help"], [{str(tmp_path / "nowhere")!r}, "x.png"], ["x", "y", "--jsn"]):
    try:
        main(args)
    except (SystemExit, UserError):
        continue
    raise AssertionError(args)
assert not {{"torch", "lightning"}} & sys.modules.keys()
"""
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)


def test_predicting_imports_no_library_for_training(trained_run, images) -> None:
    heavy = {"lightning", "torchmetrics", "torchvision", "matplotlib", "sklearn", "scipy", "pandas"}
    program = f"""
import sys
from alexnet_lightning.predict import main, never_trains
never_trains()
main([{str(trained_run)!r}, {str(images / "photo.jpg")!r}])
imported = {heavy!r} & sys.modules.keys()
assert not imported, imported
"""
    subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
