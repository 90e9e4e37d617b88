"""Every kind of image file as a square of colours; every kind of damage by name."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from alexnet_lightning.data.storage.decoding import BrokenImageError, decode, in_colour
from alexnet_lightning.system.errors import UserError


def save(folder: Path, image: Image.Image, name: str = "image.png", **options: object) -> Path:
    path = folder / name
    image.save(path, **options)
    return path


def photo(width: int, height: int) -> Image.Image:
    """Something smooth in which no two places are alike."""
    y, x = np.mgrid[:height, :width]
    channels = [255 * x / width, 255 * y / height, 127 + 120 * np.sin((x + 2 * y) / 9)]
    return Image.fromarray(np.stack(channels, axis=-1).astype(np.uint8))


def pixels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def one_colour(image: Tensor) -> list[int]:
    """The colour of an image that has one."""
    colour = image[:, 0, 0]
    assert (image == colour[:, None, None]).all()
    return colour.tolist()


@pytest.mark.parametrize("shape", [(96, 64), (64, 96), (64, 64), (480, 32)])
def test_shorter_side_resized_and_middle_cut_out(tmp_path: Path, shape: tuple[int, int]) -> None:
    """As torchvision's Resize and CenterCrop do it, where those do not have to round."""
    image = photo(*shape)
    width, height = (side * 16 // min(shape) for side in shape)
    left, top = (width - 16) // 2, (height - 16) // 2
    resized = image.resize((width, height), Image.Resampling.BILINEAR)
    expected = pixels(resized.crop((left, top, left + 16, top + 16)))
    ours = decode(save(tmp_path, image), 16)
    assert ours.dtype == torch.uint8
    assert (ours.int() - expected.int()).abs().max() <= 1


def test_native_size_is_exact(tmp_path: Path) -> None:
    image = photo(20, 20)
    assert torch.equal(decode(save(tmp_path, image), 20), pixels(image))


@pytest.mark.parametrize("size", [1, 7])
def test_one_pixel(tmp_path: Path, size: int) -> None:
    image = decode(save(tmp_path, Image.new("RGB", (1, 1), (3, 2, 1))), size)
    assert image.shape == (3, size, size)
    assert one_colour(image) == [3, 2, 1]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_orientation_of_the_camera(tmp_path: Path, orientation: int, suffix: str) -> None:
    upright = photo(48, 32)
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path, stored, f"image.{suffix}", exif=exif, quality=95)
    plain = decode(save(tmp_path, upright, "upright.png"), 16)
    tolerance = 12 if suffix == "jpg" else 1
    assert (decode(path, 16).int() - plain.int()).abs().max() <= tolerance


def test_grey(tmp_path: Path) -> None:
    assert one_colour(decode(save(tmp_path, Image.new("L", (9, 5), 77)), 4)) == [77] * 3
    assert one_colour(decode(save(tmp_path, Image.new("1", (9, 5), 1)), 4)) == [255] * 3


def test_grey_of_16_bits_is_scaled_not_clipped(tmp_path: Path) -> None:
    levels = np.array([0, 1000, 0x8080, 65535], dtype=np.uint16)
    image = Image.fromarray(np.repeat(levels[None], 4, axis=0))
    for name in ("image.png", "image.tif", "image.pgm"):
        decoded = decode(save(tmp_path, image, name), 4)
        assert decoded[:, 0].tolist() == [[0, 4, 128, 255]] * 3, name
    big_endian = Image.frombytes("I;16B", (4, 1), levels.astype(">u2").tobytes())
    assert decode(save(tmp_path, big_endian, "big.tif"), 1).shape == (3, 1, 1)


def test_transparency_lies_on_white(tmp_path: Path) -> None:
    for mode, colour, expected in (
        ("RGBA", (200, 100, 0, 0), [255, 255, 255]),
        ("RGBA", (200, 100, 0, 255), [200, 100, 0]),
        ("RGBA", (0, 100, 200, 51), [204, 224, 244]),
        ("LA", (0, 0), [255] * 3),
        ("LA", (0, 51), [204] * 3),
    ):
        assert one_colour(decode(save(tmp_path, Image.new(mode, (6, 6), colour)), 3)) == expected


def test_palette(tmp_path: Path) -> None:
    image = Image.new("P", (6, 6), 1)
    image.putpalette([10, 20, 30, 40, 50, 60])
    assert one_colour(decode(save(tmp_path, image), 3)) == [40, 50, 60]
    transparent = save(tmp_path, image, "transparent.png", transparency=1)
    assert one_colour(decode(transparent, 3)) == [255] * 3
    half = save(tmp_path, image, "half.png", transparency=bytes([255, 51]))
    assert one_colour(decode(half, 3)) == [212, 214, 216]


def test_transparent_colour_of_an_opaque_mode(tmp_path: Path) -> None:
    image = Image.new("RGB", (6, 6), (1, 2, 3))
    assert one_colour(decode(save(tmp_path, image, transparency=(1, 2, 3)), 3)) == [255] * 3


def test_cmyk(tmp_path: Path) -> None:
    image = Image.new("CMYK", (8, 8), (0, 255, 255, 0))
    for name in ("image.tif", "image.jpg"):
        red, green, blue = one_colour(decode(save(tmp_path, image, name), 4))
        assert red > 250, name
        assert max(green, blue) < 5, name


def test_an_animation_gives_its_first_frame(tmp_path: Path) -> None:
    first, second = (Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 0, 255)))
    path = save(tmp_path, first, "image.gif", save_all=True, append_images=[second])
    assert one_colour(decode(path, 4)) == [255, 0, 0]


def jpeg() -> bytes:
    content = io.BytesIO()
    photo(64, 64).save(content, "jpeg")
    return content.getvalue()


def damaged_png() -> bytes:
    content = io.BytesIO()
    photo(64, 64).save(content, "png")
    return content.getvalue().replace(b"IDAT", b"IDAX")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a format that Pillow reads"),
        (b"I am a text.\nReally.", "not a format that Pillow reads"),
        (jpeg()[:-200], "truncated"),
        (jpeg()[:100], ""),
        (damaged_png(), ""),
    ],
)
def test_damage_is_named_in_one_line(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "image.jpg"
    path.write_bytes(content)
    with pytest.raises(BrokenImageError, match=f"{path} cannot be read as an image .*{why}") as hit:
        decode(path, 16)
    assert "\n" not in str(hit.value)


def promising(width: int, height: int) -> bytes:
    """A PNG whose head promises that many pixels."""
    content = io.BytesIO()
    Image.new("RGB", (1, 1)).save(content, "png")
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    # Signature and length are 12 bytes, the head and its sum 21.
    return (
        content.getvalue()[:12]
        + head
        + struct.pack(">I", zlib.crc32(head))
        + content.getvalue()[33:]
    )


@pytest.mark.parametrize("side", [10_000, 20_000])
def test_bombs_are_refused_by_name(tmp_path: Path, side: int) -> None:
    """Between Pillow's two limits, where it warns, and above both, where it raises."""
    path = tmp_path / "bomb.png"
    path.write_bytes(promising(side, side))
    with pytest.raises(BrokenImageError, match=rf"bomb\.png .*{side * side} pixels"):
        decode(path, 16)


def test_fractions_of_unknown_range_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path, Image.new("F", (4, 4), 0.5), "image.tif")
    with pytest.raises(BrokenImageError, match="of unknown range"):
        decode(path, 4)


def test_a_file_that_cannot_be_opened_is_not_called_broken(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot open .*none\.png: No such file") as hit:
        decode(tmp_path / "none.png", 4)
    assert not isinstance(hit.value, BrokenImageError)


def test_a_tiff_of_12_bits_is_not_black(tmp_path: Path) -> None:
    tags = [(256, 4), (257, 1), (258, 12), (259, 1), (262, 1), (273, 110), (277, 1), (279, 6)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    levels = f"{0:03x}{2048:03x}{4095:03x}{1024:03x}"
    (tmp_path / "image.tif").write_bytes(head + bytes.fromhex(levels))
    with Image.open(tmp_path / "image.tif") as image:
        assert in_colour(image).tobytes()[::3] == bytes([0, 128, 255, 64])


TWELVE_BITS = np.array([[0, 1024, 2048, 4095]], dtype=np.uint16)


def test_values_of_12_bits_in_16_are_scaled_by_the_files_tag_or_warned_of(tmp_path: Path) -> None:
    image = Image.fromarray(TWELVE_BITS)
    tagged = save(tmp_path, image, "tagged.tif", tiffinfo={281: 4095})
    with Image.open(tagged) as opened:
        assert in_colour(opened).tobytes()[::3] == bytes([0, 64, 128, 255])
    for name in ("image.png", "image.tif"):
        with pytest.warns(UserWarning, match=rf"{name}: it is nearly black: .*multiply it by 16"):
            decode(save(tmp_path, image, name), 1)
    for levels in (TWELVE_BITS * 0, TWELVE_BITS * 16):  # all black, and as is meant
        decode(save(tmp_path, Image.fromarray(levels), "right.png"), 1)


def test_colors_of_12_bits_in_16_are_warned_of(tmp_path: Path) -> None:
    row = b"\0" + np.repeat(TWELVE_BITS[..., None], 3, axis=2).astype(">u2").tobytes()
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", 4, 1, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(row)),
    ]
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in [*chunks, (b"IEND", b"")]:
        content += struct.pack(">I", len(data)) + kind + data
        content += struct.pack(">I", zlib.crc32(kind + data))
    (tmp_path / "colors.png").write_bytes(content)
    with pytest.warns(UserWarning, match=r"colors\.png: it is nearly black"):
        decode(tmp_path / "colors.png", 1)


@pytest.mark.parametrize("values", [[-1000, 400], [0, 100_000]])
def test_integers_of_another_range_are_refused(tmp_path: Path, values: list[int]) -> None:
    path = save(tmp_path, Image.fromarray(np.array([values], dtype=np.int32)), "scan.tif")
    with pytest.raises(BrokenImageError, match=rf"its pixels are from {values[0]} to {values[1]}"):
        decode(path, 1)


def test_a_warning_of_pillow_names_the_file(tmp_path: Path) -> None:
    broken = b"Exif\0\0II*\0" + struct.pack("<IHHHII", 8, 3, 0x0112, 3, 1, 1)
    path = save(tmp_path, Image.new("RGB", (4, 4)), "image.jpg", exif=broken)
    with pytest.warns(UserWarning, match=r"image\.jpg: Corrupt EXIF data"):
        decode(path, 4)
