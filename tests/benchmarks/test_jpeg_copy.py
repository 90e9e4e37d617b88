"""The JPEG copy of a data set: same names, other pixels, chroma at half the resolution."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "jpeg_copy.py"


def run(*args: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, SCRIPT, *args]
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)


def test_names_stay_and_colors_are_halved(tmp_path: Path) -> None:
    source = tmp_path / "images" / "train" / "cat"
    source.mkdir(parents=True)
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(source / "a.png")
    Image.new("RGB", (32, 32), "white").save(source / "b.png")
    done = run(source.parents[1], tmp_path / "copy")
    assert done.returncode == 0, done.stderr
    found = sorted((tmp_path / "copy").rglob("*.*"))
    assert [path.relative_to(tmp_path / "copy").as_posix() for path in found] == [
        "train/cat/a.jpg",
        "train/cat/b.jpg",
    ]
    with Image.open(found[0]) as lossy, Image.open(found[1]) as white:
        error = np.abs(np.asarray(lossy, float) - pixels).mean()
        components = [part[1:3] for part in lossy.layer]  # type: ignore[attr-defined]
        assert components == [(2, 2), (1, 1), (1, 1)]
        assert np.asarray(white).min() == 255
    figures = json.loads(done.stdout.splitlines()[-1])
    assert figures == {"images": 2, "mean_absolute_error": round(error / 2, 3)}
    assert error > 5
    again = run(source.parents[1], tmp_path / "copy")
    assert again.returncode == 1 and "is there already" in again.stderr


def test_a_folder_without_lossless_images_is_refused(tmp_path: Path) -> None:
    done = run(tmp_path, tmp_path / "copy")
    assert done.returncode == 1 and f"no PNG image in {tmp_path}" in done.stderr
    assert not (tmp_path / "copy").exists()
