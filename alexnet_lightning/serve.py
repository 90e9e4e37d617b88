"""Serve a trained network as an HTTP API."""

import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Literal, NoReturn

from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.data.transforms.views import Views
from alexnet_lightning.inference.choices import Source
from alexnet_lightning.system import progress
from alexnet_lightning.system.devices import Device, chosen_device
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.mode import never_trains
from alexnet_lightning.system.ports import check_port
from alexnet_lightning.system.signals import STOP

TOKEN = "ALEXNET_LIGHTNING_TOKEN"
EXAMPLES = """
python -m alexnet_lightning.serve latest
curl -F image=@cat.jpg "http://127.0.0.1:8000/predict?k=3"
"""


def serve(
    run_dir: str | Path,
    checkpoint: str = "best",
    views: Views = "centre",
    host: Literal["127.0.0.1", "0.0.0.0", "::"] = "127.0.0.1",
    port: int = 8000,
    device: Device = "auto",
    workers: int = 1,
    max_batch_size: int = 32,
    batch_timeout: int = 0,
    max_upload: int = 10,
    max_pixels: int = 50,
    token: str | None = None,
) -> None:
    """Serve a trained network as an HTTP API until Ctrl-C: POST an image to /predict, see /docs.

    Args:
        run_dir: run folder, the name of a config (its newest run), latest, or a checkpoint file
        checkpoint: best, last, or the path of a checkpoint
        views: views of each image that are averaged
        host: address to listen at; 127.0.0.1 is reached from this machine only
        port: from 1024 to 65535
        device: auto (a GPU if there is one), cpu, cuda, cuda:1 or mps
        workers: processes that predict
        max_batch_size: images per batch
        batch_timeout: milliseconds that a batch waits for more images
        max_upload: megabytes per request
        max_pixels: megapixels per image, at most the 89 that Pillow considers safe
        token: that requests must have; safer in the environment, as ALEXNET_LIGHTNING_TOKEN

    Raises:
        UserError: no such run or checkpoint, a number out of range, a taken port, or no LitServe.
    """
    for name, value, least, most in (
        ("workers", workers, 1, 1024),
        ("max_batch_size", max_batch_size, 1, 65536),
        ("batch_timeout", batch_timeout, 0, 10_000),
        ("max_upload", max_upload, 1, 10_000),
        ("max_pixels", max_pixels, 1, 89),
    ):
        if not least <= value <= most:
            raise UserError(f"--{name} is {value}: give a number from {least} to {most}")
    token = os.environ.get(TOKEN) if token is None else token
    if token == "":
        raise UserError(f"--token: it is empty, here or in {TOKEN}; give one, or neither")
    check_port(host, port)
    source = Source.find(run_dir, checkpoint)
    try:
        with progress.told("importing PyTorch and LitServe"):
            from alexnet_lightning.inference.server import Limits, PredictAPI, build_server
    except ModuleNotFoundError as error:
        raise UserError(f"needs {error.name}: pip install 'alexnet-lightning[use]'") from None

    batching = {"max_batch_size": max_batch_size, "batch_timeout": batch_timeout / 1000}
    api = PredictAPI(source, views, workers, token, **batching)
    limits = Limits(max_upload * 10**6, max_pixels * 10**6, os.cpu_count() or 1)
    with progress.told(f"loading {source.checkpoint}"):
        server = build_server(api, limits, chosen_device(device))
    print(f"starting: {workers} × {source.checkpoint} …", file=sys.stderr, flush=True)
    address = f"[{host}]" if ":" in host else host
    server.ready = f"ready: http://{address}:{port}/docs  (Ctrl-C ends it)"
    stop_on_signals()
    server.run(host, port, log_level="error", generate_client_file=False)


def stop_on_signals() -> None:
    """Make SIGTERM end the server as Ctrl-C does; LitServe would leave its processes behind."""
    main_process = os.getpid()

    def stop(signum: int, frame: FrameType | None) -> NoReturn:
        for each in STOP:  # a second signal must not interrupt the shutdown
            signal.signal(each, signal.SIG_IGN)
        logging.disable()  # threads of LitServe still ask processes that have ended
        if os.getpid() != main_process:  # in a fork of LitServe, which has finished its work
            sys.exit()
        raise KeyboardInterrupt

    for signum in STOP:
        signal.signal(signum, stop)


def main(args: Sequence[str]) -> None:
    serve(**arguments("serve", args, serve, examples=EXAMPLES))


if __name__ == "__main__":
    never_trains()
    run_command(main)
