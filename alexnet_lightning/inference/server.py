"""The HTTP API: what LitServe's workers do with decoded pictures, and what it tells of itself."""

import json
import math
import multiprocessing
import secrets
import signal
from pathlib import Path
from queue import Empty
from typing import Annotated, Any, NamedTuple

import litserve
import numpy as np
import torch
from fastapi import Depends, HTTPException
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from litserve.loops.simple_loops import BatchedLoop
from pydantic import BaseModel

from alexnet_lightning.data.transforms.crops import Views
from alexnet_lightning.inference.predictor import Prediction, Predictor
from alexnet_lightning.inference.upload import REQUEST_BODY, Limits, Picture, Upload, Uploads
from alexnet_lightning.training.run_folder import RunFolder

PATH = "/predict"
Bearer = Annotated[HTTPAuthorizationCredentials | None, Depends(HTTPBearer(auto_error=False))]


class Source(NamedTuple):
    """Where every process finds the network, and how it looks at pictures; see `Predictor.load`."""

    path: Path
    checkpoint: str = "best"
    views: Views = "centre"

    def load(self, device: str = "cpu") -> Predictor:
        """Load it from there."""
        return Predictor.load(self.path, self.checkpoint, self.views, device)


class Answer(BaseModel):
    """What the network says of a picture: the most probable classes first."""

    classes: list[str]
    probabilities: list[float]


class PredictAPI(litserve.LitAPI):
    """Decoded pictures, gathered to batches, to answers.

    Args:
        source: of the network.
        max_batch_size: pictures that are predicted at once, >= 1.
        batch_timeout: seconds that a batch waits for more of them, >= 0.
        workers: among which the cores are divided, >= 1.
        token: what those who ask must know, if anything.
    """

    def __init__(
        self,
        source: Source,
        max_batch_size: int = 1,
        batch_timeout: float = 0.0,
        workers: int = 1,
        token: str | None = None,
    ) -> None:
        super().__init__(max_batch_size, batch_timeout, api_path=PATH, loop=PatientLoop())
        self.source = source
        self.workers = workers
        self.token = token

    def authorize(self, given: Bearer) -> None:
        """Raise 401 without the token; LitServe asks before every request, by this name."""
        if self.token is None:
            return
        credentials = given.credentials if given else ""
        # Headers come decoded as Latin-1, whatever they are.
        if not secrets.compare_digest(credentials.encode("latin-1"), self.token.encode()):
            raise HTTPException(401, "give the token", {"WWW-Authenticate": "Bearer"})

    def setup(self, device: str) -> None:
        cores = torch.get_num_threads() - 1  # one speaks HTTP
        torch.set_num_threads(max(1, cores // self.workers))
        self.predictor = self.source.load(device)

    # By the annotation FastAPI reads the picture in the process that speaks HTTP. Were it decoded
    # in the worker, LitServe would answer the error of one to all of its batch.
    def decode_request(self, request: Upload) -> Picture:
        return request

    def predict(self, pictures: list[Picture]) -> list[Prediction]:
        images = torch.from_numpy(np.stack([picture.pixels for picture in pictures]))
        found = self.predictor.top(images, max(picture.k for picture in pictures))
        return [
            Prediction(classes[: picture.k], probabilities[: picture.k])
            for picture, (classes, probabilities) in zip(pictures, found, strict=True)
        ]

    def encode_response(self, output: Prediction) -> Answer:
        return Answer(**output._asdict())


class PatientLoop(BatchedLoop):
    """Waits for a first picture; LitServe's own loop asks all the time, at full load when idle."""

    def get_batch_requests(
        self, lit_api: litserve.LitAPI, request_queue: Any, transport: Any
    ) -> tuple[list[Any], list[Any]]:
        try:
            first = request_queue.get(timeout=1)
        except Empty:
            return [], []
        return super().get_batch_requests(lit_api, Begun(first, request_queue), transport)


class Begun:
    """A queue of which the first item has been taken out already."""

    def __init__(self, first: Any, rest: Any) -> None:
        self.first = [first]
        self.rest = rest

    def get(self, timeout: float) -> Any:
        return self.first.pop() if self.first else self.rest.get(timeout=timeout)

    def get_nowait(self) -> Any:
        return self.first.pop() if self.first else self.rest.get_nowait()


class Server(litserve.LitServer):
    """LitServe's, that also ends well while it starts."""

    def launch_inference_worker(self, lit_api: litserve.LitAPI) -> list[Any]:
        """Start workers that leave Ctrl-C, which reaches all processes of a terminal, to this."""
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # which they inherit
        try:
            workers: list[Any] = super().launch_inference_worker(lit_api)
        finally:
            signal.signal(signal.SIGINT, handler)
        return workers

    def run(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().run(*args, **kwargs)
        except KeyboardInterrupt:  # before the workers were ready
            for process in multiprocessing.active_children():
                process.terminate()


def build_server(api: PredictAPI, limits: Limits, device: str = "cpu", workers: int = 1) -> Server:
    """Return the server, ready to run.

    Raises:
        UserError: the checkpoint cannot be used.
    """
    torch.set_num_threads(1)  # for the processes forked from here, which only decode
    predictor = api.source.load()
    server = Server(
        api,
        accelerator=device,
        devices=1,
        workers_per_device=workers,
        model_metadata=about(predictor, api.source),
    )
    server.app.title = "alexnet_lightning"
    server.app.state.uploads = Uploads(predictor.preprocessing, limits)
    for route in server.app.routes:
        if getattr(route, "path", None) == PATH:
            route.openapi_extra = REQUEST_BODY
    return server


def about(predictor: Predictor, source: Source) -> dict[str, Any]:
    """Return what GET /info says of the network."""
    run = RunFolder(source.path.parent.parent if source.path.is_file() else source.path)
    figures = json.loads(run.summary.read_text()) if run.summary.is_file() else {}
    return {
        "name": type(predictor.model).__name__,
        "run": str(run.path),
        "checkpoint": source.checkpoint,
        "views": source.views,
        "classes": predictor.class_names,
        "image_size": predictor.preprocessing.crop,
        "metrics": {
            key: value if math.isfinite(value) else None  # JSON knows no others
            for key, value in figures.items()
            if key.startswith(("val/", "test/"))
        },
    }
