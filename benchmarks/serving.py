"""The HTTP server with dynamic batches against one image at a time, 16 clients on loopback.

    python benchmarks/serving.py    # two minutes

Two servers of the same untrained network are asked in turn and must give the same answers. Clients,
HTTP and network share the cores of this machine. Last line: JSON.
"""

import http.client
import io
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from timing import Pairs, Timed, UnequalWorkError, in_turn, parse, report

from alexnet_lightning.models import AlexNetBN

ROOT = Path(__file__).parents[1]
CLIENTS = 16
CLASSES = 10
MAX_BATCH_SIZES = (1, 32)  # of the baseline and of our side
FORM = {"Content-Type": "multipart/form-data; boundary=x"}
TOLERANCE = 1e-3  # of a probability: batches change the rounding


class Case(NamedTuple):
    """A network, and the number of requests per round."""

    name: str
    network: dict[str, Any]
    requests: int


SMALL = {"stem": "small", "width": 0.25, "image_size": 32}
CASES = [Case("small", SMALL, 640), Case("full", {"image_size": 224}, 160)]
TINY = [Case("small", SMALL | {"width": 0.05}, 32)]


def main(args: Sequence[str] | None = None) -> None:
    options = parse(__doc__, args, rounds=5)
    ratios = {}
    for case in TINY if options.tiny else CASES:
        pairs = measured(case, options.rounds)
        ratios[case.name] = pairs.ratio
        single, batched = (case.requests / seconds for seconds in pairs.medians)
        print(
            f"{case.name:6} batched {batched:.0f}, one by one {single:.0f} requests/s: "
            f"× {pairs.ratio:.2f}",
            flush=True,
        )
    report(ratios, digits=2)


def measured(case: Case, rounds: int) -> Pairs:
    """Ask both servers in turn."""
    size = int(case.network["image_size"])
    random = np.random.default_rng(0)
    bodies = [
        form(random.integers(0, 255, (size, size, 3), np.uint8)) for _ in range(case.requests)
    ]
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "run" / "checkpoints" / "best.ckpt"
        write(checkpoint, case.network)
        single, batched = (
            stack.enter_context(serving(checkpoint, size)) for size in MAX_BATCH_SIZES
        )
        return compare(single, batched, bodies, rounds)


def compare(single: int, batched: int, bodies: Sequence[bytes], rounds: int) -> Pairs:
    """Time all requests to the servers at two ports.

    Raises:
        UnequalWorkError: their answers differ.
    """
    answers: dict[int, list[dict[str, float]]] = {}

    def timed(port: int) -> Timed:
        seconds, answers[port] = asked(port, bodies)
        return Timed(seconds, len(answers[port]))

    pairs = in_turn(lambda: timed(single), lambda: timed(batched), rounds)
    for one, other in zip(answers[single], answers[batched], strict=True):
        differences = [abs(one[name] - other.get(name, 1.0)) for name in one]
        if not one or max(differences) > TOLERANCE:
            raise UnequalWorkError(f"the servers answer {one} and {other}")
    return pairs


def write(path: Path, network: dict[str, Any]) -> None:
    """Write the checkpoint of an untrained network."""
    torch.manual_seed(0)
    model = AlexNetBN(num_classes=CLASSES, in_channels=3, **network)
    size = network["image_size"]
    path.parent.mkdir(parents=True)
    preprocessing = {
        "class_names": [str(number) for number in range(CLASSES)],
        "channels": 3,
        "size": size,
        "resize": size,
        "crop": size,
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
        "pixel_max": 1.0,
    }
    content = {
        "variant": type(model).__name__,
        "hyper_parameters": dict(model.hparams),
        "state_dict": model.state_dict(),
        "preprocessing": preprocessing,
    }
    torch.save(content, path)


@contextmanager
def serving(checkpoint: Path, max_batch_size: int) -> Iterator[int]:
    """Serve a checkpoint at the port that this gives."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "alexnet_lightning.serve", str(checkpoint), "--device", "cpu"]
    command += ["--port", str(port), "--max_batch_size", str(max_batch_size)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env=os.environ) as process:
        try:
            while not is_ready(port):
                if process.poll() is not None:
                    raise SystemExit("the server ended")
                time.sleep(0.3)
            yield port
        finally:
            process.terminate()


def is_ready(port: int) -> bool:
    """Tell whether a server answers."""
    with closing(http.client.HTTPConnection("127.0.0.1", port)) as client, suppress(OSError):
        client.request("GET", "/health")
        return client.getresponse().status == 200
    return False


def form(pixels: np.ndarray) -> bytes:
    """Return a form that holds an image as a JPEG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "jpeg")
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
    return head + stream.getvalue() + b"\r\n--x--\r\n"


def asked(port: int, bodies: Sequence[bytes]) -> tuple[float, list[dict[str, float]]]:
    """Return the seconds that all clients together take, and the answers by class name."""
    replies: list[bytes] = [b""] * len(bodies)

    def ask(first: int) -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", port)) as client:
            for number in range(first, len(bodies), CLIENTS):
                client.request("POST", f"/predict?k={CLASSES}", bodies[number], FORM)
                response = client.getresponse()
                reply = response.read()
                if response.status != 200:
                    raise UnequalWorkError(f"status {response.status}: {reply.decode()}")
                replies[number] = reply

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(CLIENTS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    if missing := replies.count(b""):  # a client has failed, and said why
        raise UnequalWorkError(f"{missing} of {len(bodies)} requests were not answered")
    answers = [json.loads(reply) for reply in replies]
    return seconds, [
        dict(zip(answer["classes"], answer["probabilities"], strict=True)) for answer in answers
    ]


if __name__ == "__main__":
    main()
