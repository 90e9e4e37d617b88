"""A picture out of an HTTP request: whatever is sent, the answer is a picture or a 4xx."""

import base64
import io
import json
from collections.abc import AsyncGenerator
from typing import Annotated, Any, NamedTuple

import anyio
import numpy as np
from fastapi import Depends, HTTPException, Query, Request
from PIL import Image
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartParser
from starlette.requests import ClientDisconnect

from alexnet_lightning.data.storage.decoding import BrokenImageError
from alexnet_lightning.inference.preprocessing import Preprocessing

# What cameras and browsers write. Pillow knows more, and hands some of it to other programs.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "MPO", "PNG", "PPM", "TIFF", "WEBP")
FIELD = "image"
FORM, JSON = "multipart/form-data", "application/json"
PATIENCE = 10  # times the limit: so much of a body is thrown away before a 413, which needs an ear
REQUEST_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            content_type: {
                "schema": {
                    "type": "object",
                    "required": [FIELD],
                    "properties": {FIELD: {"type": "string", "format": kind}},
                }
            }
            for content_type, kind in ((FORM, "binary"), (JSON, "byte"))
        },
    }
}


class Limits(NamedTuple):
    """What a request may cost.

    Args:
        upload: bytes of its body.
        pixels: of the picture, before it is made small.
        decoders: pictures that are decoded at once.
    """

    upload: int = 10_000_000
    pixels: int = 50_000_000
    decoders: int = 2


class Picture(NamedTuple):
    """A decoded picture, uint8 (channels, size, size), and how many classes to tell of it."""

    pixels: np.ndarray
    k: int


class Uploads:
    """Reads pictures as a network wants them.

    Args:
        preprocessing: of the network.
        limits: of a request.
    """

    def __init__(self, preprocessing: Preprocessing, limits: Limits) -> None:
        self.preprocessing = preprocessing
        self.limits = limits
        self.decoders = anyio.CapacityLimiter(limits.decoders)

    async def picture(self, request: Request) -> np.ndarray:
        """Return the picture of a request, uint8 (channels, size, size).

        Raises:
            HTTPException: 4xx, it holds none, or too large a one.
        """
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (FORM, JSON):
            raise HTTPException(415, f"send {FORM}, or {JSON} with base64; this is {kind or '?'}")
        body = await self.body(request)
        content = await from_form(request, body) if kind == FORM else from_json(body)
        return await anyio.to_thread.run_sync(self.decode, content, limiter=self.decoders)

    async def body(self, request: Request) -> bytes:
        """Return the body, of which no more than the limit is ever held."""
        held, size = bytearray(), 0
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size <= self.limits.upload:
                    held += chunk
                elif size > PATIENCE * self.limits.upload:
                    break
        except ClientDisconnect:
            raise HTTPException(400, "the connection ended within the request") from None
        if size > self.limits.upload:
            raise HTTPException(413, f"send at most {self.limits.upload} bytes")
        return bytes(held)

    def decode(self, content: bytes) -> np.ndarray:
        """Return the pixels of an image file."""
        try:
            with Image.open(io.BytesIO(content)) as image:  # reads its head only
                kind, (width, height) = image.format, image.size
        except Exception:  # a damaged file can raise anything
            raise HTTPException(415, "this is no image, or a damaged one") from None
        if kind not in FORMATS:
            raise HTTPException(415, f"{kind} is not taken; send one of {', '.join(FORMATS)}")
        if width * height > self.limits.pixels:
            raise HTTPException(
                413, f"{width} × {height} pixels; send at most {self.limits.pixels} pixels"
            )
        try:
            return self.preprocessing.decode(content).numpy()
        except BrokenImageError as error:
            raise HTTPException(422, str(error)) from None


async def from_form(request: Request, body: bytes) -> bytes:
    """Return the file that a form holds."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    try:
        parser = MultiPartParser(request.headers, stream(), max_files=1, max_fields=10)
        form: FormData = await parser.parse()
    except Exception:  # a damaged form can raise anything
        raise HTTPException(400, f"the form cannot be read; send one file as {FIELD}") from None
    file = form.get(FIELD)
    content = await file.read() if isinstance(file, UploadFile) else None
    await form.close()
    if content is None:
        raise HTTPException(422, f"the form has no file named {FIELD}")
    return content


def from_json(body: bytes) -> bytes:
    """Return the file that a JSON object holds in base64."""
    try:
        text = json.loads(body)[FIELD]
        return base64.b64decode(text, validate=True)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise HTTPException(422, f'send {{"{FIELD}": "<the file in base64>"}}') from None


async def read_upload(
    request: Request, k: Annotated[int, Query(ge=1, description="classes to tell")] = 5
) -> Picture:
    """Return the picture of a request; FastAPI calls it."""
    uploads: Uploads = request.app.state.uploads
    return Picture(await uploads.picture(request), k)


Upload = Annotated[Picture, Depends(read_upload)]
