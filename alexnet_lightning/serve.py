"""A trained network as an HTTP API: POST a picture to /predict, see /docs."""

import os
import signal
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import NoReturn

from alexnet_lightning.cli.command import CommandParser, run_command
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.ports import check_port
from alexnet_lightning.system.signals import STOP

TOKEN = "ALEXNET_LIGHTNING_TOKEN"
RANGES = {
    "workers": (1, 1024),
    "max_batch_size": (1, 65536),
    "batch_timeout": (0, 10_000),
    "max_upload": (1, 10_000),
    "max_pixels": (1, 10_000),
}


def serve(args: Sequence[str]) -> None:
    """Serve a run until SIGINT or SIGTERM.

    Raises:
        UserError: no such run or checkpoint, the port is taken, or LitServe is missing.
    """
    parser = CommandParser(prog="python -m alexnet_lightning.serve", description=__doc__)
    add = parser.add_argument
    add("run_dir", type=Path, help="run folder, as fit prints it, or a checkpoint file")
    add("--checkpoint", default="best", help="best (default) or last")
    add("--views", choices=("centre", "flip", "six", "ten"), default="centre", help="of a picture")
    add("--host", choices=("127.0.0.1", "0.0.0.0", "::"), default="127.0.0.1")
    add("--port", type=int, default=8000)
    add("--device", choices=("auto", "cpu", "cuda"), default="auto", help="auto: a GPU if any")
    add("--workers", type=int, default=1, help="processes that predict (1)")
    add("--max_batch_size", type=int, default=32, help="pictures predicted at once (32)")
    add("--batch_timeout", type=int, default=0, help="ms that a batch waits for more (0)")
    add("--max_upload", type=int, default=10, help="megabytes of a request (10)")
    add("--max_pixels", type=int, default=50, help="megapixels of a picture (50)")
    add("--token", help=f"that requests must bear; better given as {TOKEN} in the environment")
    options = parser.parse_args(args)
    check(options)
    try:
        from alexnet_lightning.inference.predictor import chosen_device
        from alexnet_lightning.inference.server import Limits, PredictAPI, Source, build_server
    except ModuleNotFoundError as error:
        raise UserError(f"needs {error.name}: pip install alexnet-lightning[use]") from None

    device = chosen_device(options.device)
    api = PredictAPI(
        Source(options.run_dir, options.checkpoint, options.views),
        options.max_batch_size,
        options.batch_timeout / 1000,
        options.workers,
        options.token or os.environ.get(TOKEN),
    )
    limits = Limits(options.max_upload * 10**6, options.max_pixels * 10**6, os.cpu_count() or 1)
    server = build_server(api, limits, device, options.workers)
    print(f"http://{options.host}:{options.port}/docs  (Ctrl-C ends it)", flush=True)
    stop_on_signals()
    server.run(options.host, options.port, log_level="error", generate_client_file=False)


def check(options: Namespace) -> None:
    """Raise a UserError that names the first number out of range, or a port that is taken."""
    for name, (least, most) in RANGES.items():
        if not least <= (value := getattr(options, name)) <= most:
            raise UserError(f"--{name} is {value}: give a number from {least} to {most}")
    check_port(options.host, options.port)


def stop_on_signals() -> None:
    """Make SIGTERM end the server as Ctrl-C does; LitServe would leave its processes behind."""
    main = os.getpid()

    def stop(signum: int, frame: FrameType | None) -> NoReturn:
        for each in STOP:  # a second signal must not end the ending
            signal.signal(each, signal.SIG_IGN)
        if os.getpid() != main:  # in a fork of LitServe's, which has ended its work
            sys.exit()
        raise KeyboardInterrupt

    for signum in STOP:
        signal.signal(signum, stop)


if __name__ == "__main__":
    run_command(serve)
