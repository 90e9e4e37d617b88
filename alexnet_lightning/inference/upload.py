"""An image from an HTTP request: whatever is sent, the result is an image or a 4xx."""

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
from alexnet_lightning.inference.predictor import Preprocessing

# Formats of cameras and browsers. Pillow reads more, some of them through other programs.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "MPO", "PNG", "PPM", "TIFF", "WEBP")
FIELD = "image"
FORM, JSON = "multipart/form-data", "application/json"
# Times the limit: so much of a body is read and dropped, as clients see a 413 only after sending.
PATIENCE = 10
SCHEMAS: dict[str, Any] = {
    media: {
        "type": "object",
        "required": [FIELD],
        "properties": {FIELD: {"type": "string", "format": kind}},
    }
    for media, kind in ((FORM, "binary"), (JSON, "byte"))
}
CONTENT = {media: {"schema": schema} for media, schema in SCHEMAS.items()}
REQUEST_BODY = {"requestBody": {"required": True, "content": CONTENT}}


class Limits(NamedTuple):
    """What a request may cost."""

    upload: int = 10_000_000  # bytes of its body
    pixels: int = 50_000_000  # of the image, before it is resized
    decoders: int = 2  # images that are decoded at the same time


class UploadedImage(NamedTuple):
    """A decoded image, uint8 (channels, size, size), and the number of classes to return."""

    pixels: np.ndarray
    k: int


class Uploads:
    """Reads the images of requests with the preprocessing of a network."""

    def __init__(self, preprocessing: Preprocessing, limits: Limits) -> None:
        self.preprocessing = preprocessing
        self.limits = limits
        self.decoders = anyio.CapacityLimiter(limits.decoders)

    async def image(self, request: Request) -> np.ndarray:
        """Return the image of a request, uint8 (channels, size, size), or raise a 4xx."""
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in (FORM, JSON):
            raise HTTPException(415, f"send {FORM}, or {JSON} with base64; this is {kind or '?'}")
        body = await self.body(request)
        content = await from_form(request, body) if kind == FORM else from_json(body)
        return await anyio.to_thread.run_sync(self.decode, content, limiter=self.decoders)

    async def body(self, request: Request) -> bytes:
        """Return the body; no more than the limit is ever kept in memory."""
        held, size = bytearray(), 0
        try:
            async for chunk in request.stream():
                size += len(chunk)
                if size <= self.limits.upload:
                    held += chunk
                elif size > PATIENCE * self.limits.upload:
                    break
        except ClientDisconnect:
            raise HTTPException(400, "the connection was closed during the request") from None
        if size > self.limits.upload:
            raise HTTPException(413, f"send at most {self.limits.upload} bytes")
        return bytes(held)

    def decode(self, content: bytes) -> np.ndarray:
        try:
            with Image.open(io.BytesIO(content)) as image:  # reads only its header
                kind, (width, height) = image.format, image.size
        except Exception:  # a damaged file can raise anything
            raise HTTPException(415, "this is not an image, or a damaged one") from None
        if kind not in FORMATS:
            raise HTTPException(415, f"{kind} is not accepted; send one of {', '.join(FORMATS)}")
        if width * height > self.limits.pixels:
            limit = f"send at most {self.limits.pixels} pixels"
            raise HTTPException(413, f"{width} × {height} pixels; {limit}")
        try:
            return self.preprocessing.decode(content).numpy()
        except BrokenImageError as error:
            raise HTTPException(422, str(error)) from None


async def from_form(request: Request, body: bytes) -> bytes:
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
    try:
        return base64.b64decode(json.loads(body)[FIELD], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise HTTPException(422, f'send {{"{FIELD}": "<the file in base64>"}}') from None


async def read_upload(
    request: Request, k: Annotated[int, Query(ge=1, description="number of classes")] = 5
) -> UploadedImage:
    """Return the image of a request; called by FastAPI."""
    uploads: Uploads = request.app.state.uploads
    return UploadedImage(await uploads.image(request), k)


Upload = Annotated[UploadedImage, Depends(read_upload)]
