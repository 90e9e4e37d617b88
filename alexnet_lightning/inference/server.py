"""The HTTP API: how LitServe's workers predict decoded images, and what GET /info says."""

import math
import multiprocessing
import secrets
import signal
from queue import Empty
from typing import Annotated, Any

import litserve
import numpy as np
import torch
from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from litserve.loops.simple_loops import BatchedLoop
from pydantic import BaseModel

from alexnet_lightning.data.transforms.views import Views
from alexnet_lightning.inference.choices import Source
from alexnet_lightning.inference.predictor import Prediction, Predictor
from alexnet_lightning.inference.upload import REQUEST_BODY, Limits, Upload, UploadedImage, Uploads

PATH = "/predict"
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


class Answer(BaseModel):
    """The prediction for an image: the most probable classes first."""

    classes: list[str]
    probabilities: list[float]


class PredictAPI(litserve.LitAPI):
    """Predicts decoded images of concurrent requests in batches.

    Args:
        workers: processes that share the cores, >= 1.
        token: that requests must bear, if any.
        batching: `max_batch_size`, and `batch_timeout`, the seconds that a batch waits for images.
    """

    def __init__(
        self, source: Source, views: Views, workers: int, token: str | None, **batching: float
    ) -> None:
        super().__init__(api_path=PATH, loop=PatientLoop(), **batching)
        self.source, self.views = source, views
        self.workers, self.token = workers, token

    def load(self, device: str = "cpu") -> Predictor:
        """Return the network; every process loads its own."""
        return Predictor.load(self.source.checkpoint, views=self.views, device=device)

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
        self.first = [first]
        self.rest = rest

    def get(self, timeout: float) -> Any:
        return self.first.pop() if self.first else self.rest.get(timeout=timeout)

    def get_nowait(self) -> Any:
        return self.first.pop() if self.first else self.rest.get_nowait()


class Server(litserve.LitServer):
    """LitServe's server, which can also be stopped while it starts."""

    def launch_inference_worker(self, lit_api: litserve.LitAPI) -> list[Any]:
        """Start workers that ignore Ctrl-C, which a terminal sends to all processes."""
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited
        try:
            return list(super().launch_inference_worker(lit_api))
        finally:
            signal.signal(signal.SIGINT, handler)

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
    options: Any = {"accelerator": device, "devices": 1, "workers_per_device": api.workers}
    server = Server(api, model_metadata=about(predictor, api), **options)
    server.app.title = "alexnet_lightning"
    server.app.state.uploads = Uploads(predictor.preprocessing, limits)
    for route in server.app.routes:
        if getattr(route, "path", None) == PATH:
            route.openapi_extra = REQUEST_BODY
    return server


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
