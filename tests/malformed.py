"""What a server may be sent instead of an image."""

import base64
import io
import json
import random
import struct
import zlib
from collections.abc import Callable, Iterator

from PIL import Image

from tests.serving import FORM, form

JSON = {"Content-Type": "application/json"}
Request = tuple[bytes, dict[str, str]]


def saved(image: Image.Image, kind: str, **how: object) -> bytes:
    """Return the file of an image."""
    stream = io.BytesIO()
    image.save(stream, kind, **how)
    return stream.getvalue()


def noise(draw: random.Random, size: tuple[int, int] = (40, 30)) -> Image.Image:
    """Return an image of random colors."""
    return Image.frombytes("RGB", size, draw.randbytes(size[0] * size[1] * 3))


def bomb(side: int) -> bytes:
    """Return a PNG of `side` × `side` black pixels, a few kilobytes long."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    squeeze = zlib.compressobj(9)
    row = bytes(1 + side // 8)
    pixels = b"".join([*(squeeze.compress(row) for _ in range(side)), squeeze.flush()])
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    parts = chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + parts


def cut(draw: random.Random) -> bytes:
    content = saved(noise(draw), draw.choice(["png", "jpeg", "gif", "webp", "tiff"]))
    return content[: draw.randrange(1, len(content))]


def scratched(draw: random.Random) -> bytes:
    content = bytearray(saved(noise(draw), draw.choice(["png", "jpeg", "gif", "webp", "tiff"])))
    for _ in range(draw.randrange(1, 60)):
        content[draw.randrange(len(content))] = draw.randrange(256)
    return bytes(content)


def moving(draw: random.Random) -> bytes:
    frames = [noise(draw) for _ in range(3)]
    return saved(frames[0], "gif", save_all=True, append_images=frames[1:])


# Unusual files by kind, and whether they are images all the same (None: some are).
FILES: dict[str, tuple[Callable[[random.Random], bytes], bool | None]] = {
    "cut": (cut, None),
    "scratched": (scratched, None),
    "random": (lambda draw: draw.randbytes(draw.randrange(1, 5000)), False),
    "text": (lambda draw: b"no image at all\n" * draw.randrange(1, 99), False),
    "pdf": (lambda draw: b"%PDF-1.7\n" + draw.randbytes(400), False),
    "postscript": (lambda draw: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", False),
    "svg": (lambda draw: b"<svg xmlns='http://www.w3.org/2000/svg'/>", False),
    "bomb": (lambda draw: bomb(10_000), False),
    "larger bomb": (lambda draw: bomb(16_000), False),
    "moving": (moving, True),
    "cmyk": (lambda draw: saved(noise(draw).convert("CMYK"), "jpeg"), True),
    "16 bits": (lambda draw: saved(Image.new("I;16", (9, 9), draw.randrange(65536)), "png"), True),
    "palette": (lambda draw: saved(noise(draw).convert("P"), "png", transparency=0), True),
    "one pixel": (lambda draw: saved(noise(draw, (1, 1)), "png"), True),
    "a line": (lambda draw: saved(noise(draw, (3000, 1)), "png"), True),
    "empty": (lambda draw: b"", False),
}
BODIES: dict[str, Callable[[random.Random], Request]] = {
    "no body": lambda draw: (b"", {}),
    "no type": lambda draw: (saved(noise(draw), "png"), {}),
    "another type": lambda draw: (saved(noise(draw), "png"), {"Content-Type": "image/png"}),
    "form without boundary": lambda draw: (form(b"x"), {"Content-Type": "multipart/form-data"}),
    "form of another charset": lambda draw: (
        form(b"x"),
        {"Content-Type": FORM["Content-Type"] + "; charset=no-such"},
    ),
    "random form": lambda draw: (draw.randbytes(2000), FORM),
    "form cut": lambda draw: (form(saved(noise(draw), "png"))[: draw.randrange(1, 300)], FORM),
    "form of another field": lambda draw: (form(saved(noise(draw), "png"), "file"), FORM),
    "form without a file": lambda draw: (form(b"x").replace(b'; filename="x"', b""), FORM),
    "no JSON": lambda draw: (b"{'image': ", JSON),
    "JSON of another encoding": lambda draw: (b"\xff\xfe{\x80", JSON),
    "deep JSON": lambda draw: (b"[" * 100_000, JSON),
    "JSON list": lambda draw: (b"[1, 2]", JSON),
    "JSON number": lambda draw: (b'{"image": 7}', JSON),
    "JSON without image": lambda draw: (b'{"file": ""}', JSON),
    "no base64": lambda draw: (json.dumps({"image": "näh"}).encode(), JSON),
    "base64 of noise": lambda draw: (in_json(draw.randbytes(99)), JSON),
}


def in_json(content: bytes) -> bytes:
    """Return a JSON body that holds a file."""
    return json.dumps({"image": base64.b64encode(content).decode()}).encode()


def requests(count: int) -> Iterator[tuple[str, Request, bool | None]]:
    """Yield `count` requests: kind, request, whether it has an image (None: unknown)."""
    draw = random.Random(0)
    for number in range(count):
        name, make = list((FILES | BODIES).items())[number % len(FILES | BODIES)]
        if isinstance(make, tuple):
            content, good = make[0](draw), make[1]
            odd = number // len(FILES | BODIES) % 2
            yield name, (in_json(content), JSON) if odd else (form(content), FORM), good
        else:
            yield name, make(draw), False
