"""Sizes and modes of image files, by their headers."""

from pathlib import Path

from PIL import Image

from alexnet_lightning.data.check.originals import originals


def test_sizes_and_modes(tmp_path: Path) -> None:
    for name, mode, size in (
        ("a.png", "RGB", (5, 3)),
        ("b.png", "RGB", (5, 3)),
        ("c.png", "L", (2, 9)),
        ("d.jpg", "CMYK", (4, 4)),
    ):
        Image.new(mode, size).save(tmp_path / name)
    names = [str(tmp_path / name) for name in ("a.png", "b.png", "c.png", "d.jpg")]
    found = originals(names, len(names))
    assert found.sizes == {(5, 3): 2, (2, 9): 1, (4, 4): 1}
    assert found.modes == {"RGB": 2, "L": 1, "CMYK": 1}
    assert found.examples == dict(zip(("RGB", "L", "CMYK"), names[1:], strict=True)) | {
        "RGB": names[0]
    }


def test_the_pixels_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    Image.effect_noise((64, 64), 50).save(path)
    path.write_bytes(path.read_bytes()[:100])
    assert originals([str(path)], 1).sizes == {(64, 64): 1}


def test_what_is_no_image_file_is_passed_over(tmp_path: Path) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("hello")
    found = originals(["number 3", str(tmp_path / "gone.png"), str(text)], 3)
    assert (found.sizes, found.modes, found.examples) == ({}, {}, {})
