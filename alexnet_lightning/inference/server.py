"""The HTTP API: images from requests, LitServe's workers that predict them, and GET /info.

Whatever a request contains, the result is an image or a 4xx.
"""

import base64
import binascii
import html
import io
import json
import math
import multiprocessing
import secrets
import signal
from collections.abc import AsyncGenerator
from pathlib import Path
from queue import Empty
from typing import Annotated, Any, NamedTuple

import anyio
import litserve
import numpy as np
import torch
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import HTMLResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from litserve.loops.simple_loops import BatchedLoop
from PIL import Image
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartParser
from starlette.requests import ClientDisconnect

from alexnet_lightning.data.storage.decoding import BrokenImageError
from alexnet_lightning.data.transforms.views import Views
from alexnet_lightning.inference.choices import Source
from alexnet_lightning.inference.predictor import Prediction, Predictor, Preprocessing

PATH = "/predict"
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]
# Formats of cameras and browsers. Pillow reads more, some of them through other programs.
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "MPO", "PNG", "PPM", "TIFF", "WEBP")
FIELD = "image"
FORM, JSON = "multipart/form-data", "application/json"
# Times the limit: so much of a body is read and dropped, as clients see a 413 only after sending.
PATIENCE = 10
CONTENT = {
    media: {
        "schema": {
            "type": "object",
            "required": [FIELD],
            "properties": {FIELD: {"type": "string", "format": kind}},
        }
    }
    for media, kind in ((FORM, "binary"), (JSON, "byte"))
}


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
        self.preprocessing, self.limits = preprocessing, limits
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
        except Image.DecompressionBombError:  # it refuses so many before it tells the size
            raise HTTPException(413, f"send at most {self.limits.pixels} pixels") from None
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
        text = json.loads(body)[FIELD]
        if text.startswith("data:"):  # a URL of browsers
            text = text.partition(",")[2]
        return base64.b64decode("".join(text.split()), validate=True)
    except binascii.Error as error:
        raise HTTPException(422, f"{FIELD} is no base64: {error}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise HTTPException(422, f'send {{"{FIELD}": "<the file in base64>"}}') from None


async def read_upload(
    request: Request, k: Annotated[int, Query(ge=1, description="number of classes")] = 5
) -> UploadedImage:
    """Return the image of a request; called by FastAPI."""
    uploads: Uploads = request.app.state.uploads
    return UploadedImage(await uploads.image(request), k)


Upload = Annotated[UploadedImage, Depends(read_upload)]


class Answer(BaseModel):
    """The prediction for an image: the most probable classes first."""

    classes: list[str]
    probabilities: list[float]


class PredictAPI(litserve.LitAPI):
    """Predicts decoded images of concurrent requests in batches; `workers` share the cores.

    `batching` is `max_batch_size`, and `batch_timeout`, the seconds that a batch waits for images.
    """

    def __init__(
        self, source: Source, views: Views, workers: int, token: str | None, **batching: float
    ) -> None:
        super().__init__(api_path=PATH, loop=PatientLoop(), **batching)
        self.source, self.views = source, views
        self.workers, self.token = workers, token

    def load(self, device: str = "cpu") -> Predictor:
        """Return the network; every process loads its own."""
        return Predictor.load(self.source, views=self.views, device=device)

    def authorize(self, given: Bearer) -> None:
        """Raise 401 without the token; LitServe calls it by this name before every request."""
        # Headers arrive decoded as Latin-1, whatever their encoding.
        sent = (given.credentials if given else "").encode("latin-1")
        if self.token is not None and not secrets.compare_digest(sent, self.token.encode()):
            raise HTTPException(401, "give the token", {"WWW-Authenticate": "Bearer"})

    def setup(self, device: str) -> None:
        cores = torch.get_num_threads() - 1  # one is for HTTP
        torch.set_num_threads(max(1, cores // self.workers))
        self.predictor = self.load(device)

    # The annotation makes FastAPI decode the image in the HTTP process. An error of decoding in the
    # worker would be LitServe's answer to its whole batch.
    def decode_request(self, request: Upload) -> UploadedImage:
        return request

    def predict(self, uploads: list[UploadedImage]) -> list[Prediction]:
        images = torch.from_numpy(np.stack([upload.pixels for upload in uploads]))
        found = self.predictor.top(images, max(upload.k for upload in uploads))
        return [
            Prediction(classes[: upload.k], probabilities[: upload.k])
            for upload, (classes, probabilities) in zip(uploads, found, strict=True)
        ]

    def encode_response(self, output: Prediction) -> Answer:
        return Answer(**output._asdict())


class PatientLoop(BatchedLoop):
    """Waits for a first image; LitServe's own loop polls, at full load even when idle."""

    def get_batch_requests(
        self, lit_api: litserve.LitAPI, request_queue: Any, transport: Any
    ) -> tuple[list[Any], list[Any]]:
        try:
            first = request_queue.get(timeout=1)
        except Empty:
            return [], []
        return super().get_batch_requests(lit_api, Begun(first, request_queue), transport)


class Begun:
    """A queue whose first item has been taken already."""

    def __init__(self, first: Any, rest: Any) -> None:
        self.first, self.rest = [first], rest

    def get(self, timeout: float) -> Any:
        return self.first.pop() if self.first else self.rest.get(timeout=timeout)

    def get_nowait(self) -> Any:
        return self.first.pop() if self.first else self.rest.get_nowait()


class Server(litserve.LitServer):
    """LitServe's server, which says when it is ready, and can be stopped before."""

    ready = "ready"

    def launch_inference_worker(self, lit_api: litserve.LitAPI) -> list[Any]:
        """Start workers that ignore Ctrl-C, which a terminal sends to all processes."""
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited
        try:
            return list(super().launch_inference_worker(lit_api))
        finally:
            signal.signal(signal.SIGINT, handler)

    def verify_worker_status(self) -> None:
        """Wait for a worker that is ready, and say where it can be reached."""
        super().verify_worker_status()
        print(self.ready, flush=True)

    def run(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().run(*args, **kwargs)
        except KeyboardInterrupt:  # before the workers were ready
            for process in multiprocessing.active_children():
                process.terminate()


def build_server(api: PredictAPI, limits: Limits, device: str) -> Server:
    """Return the server, ready to run."""
    torch.set_num_threads(1)  # for the forked processes, which only decode
    predictor = api.load()
    kind, _, index = device.partition(":")
    devices = [int(index)] if index else 1  # which one, or how many
    options: Any = {"accelerator": kind, "devices": devices, "workers_per_device": api.workers}
    server = Server(api, model_metadata=about(predictor, api), **options)
    server.app.title = "alexnet_lightning"
    explain_at(server.app, "/", "/docs")
    server.app.state.uploads = Uploads(predictor.preprocessing, limits)
    for route in server.app.routes:
        if getattr(route, "path", None) == PATH:
            route.openapi_extra = {"requestBody": {"required": True, "content": CONTENT}}
    return server


def explain_at(app: FastAPI, *paths: str) -> None:
    """Show our own page at these paths; FastAPI's would load scripts from the internet."""
    hidden = {*paths, "/redoc"}
    app.router.routes = [each for each in app.routes if getattr(each, "path", None) not in hidden]
    text = Path(__file__).with_suffix(".html").read_text(encoding="utf-8")

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(text.replace("BASE_URL", html.escape(str(request.base_url))))

    for path in paths:
        app.get(path, include_in_schema=False)(page)


def about(predictor: Predictor, api: PredictAPI) -> dict[str, Any]:
    """Return what GET /info says of the network."""
    summary = api.source.run.read_summary()
    return {
        "name": type(predictor.model).__name__,
        "run": str(api.source.run.path),
        "checkpoint": api.source.checkpoint.stem,
        "views": api.views,
        "classes": predictor.class_names,
        "image_size": predictor.preprocessing.crop,
        "metrics": {
            key: value if math.isfinite(value) else None  # JSON has no NaN
            for key, value in summary.items()
            if key.startswith(("val/", "test/"))
        },
    }
