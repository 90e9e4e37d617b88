"""The server with dynamic batches against one picture at a time, 16 clients on loopback.

Two servers of one untrained network stand side by side and are asked in turn: ratios hold on a
machine whose speed drifts. Clients, HTTP and network share the cores. Last line: JSON.

    python benchmarks/serving.py     # two minutes
"""

import argparse
import http.client
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from alexnet_lightning.models import AlexNetBN

ROOT = Path(__file__).parents[1]
CLIENTS = 16
RIVALS = {"batched": 32, "one by one": 1}  # max_batch_size
NETWORKS = {
    "small": {"stem": "small", "width": 0.25, "image_size": 32},
    "full": {"image_size": 224},
}
FORM = {"Content-Type": "multipart/form-data; boundary=x"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    ratios = {}
    for number, (name, arguments) in enumerate(NETWORKS.items()):
        rates = measured(arguments, options.rounds, 8600 + 2 * number)
        ratios[name] = statistics.median(
            batched / single for batched, single in zip(*rates.values(), strict=True)
        )
        found = ", ".join(f"{rival} {statistics.median(r):.0f}" for rival, r in rates.items())
        print(f"{name:6} {found} requests/s: × {ratios[name]:.2f}", flush=True)
    print(json.dumps({name: round(ratio, 2) for name, ratio in ratios.items()}))


def measured(arguments: dict[str, object], rounds: int, port: int) -> dict[str, list[float]]:
    """Return requests per second of each rival, by round."""
    size = int(str(arguments["image_size"]))
    count = 640 if size < 64 else 160
    draw = np.random.default_rng(0)
    bodies = [form(draw.integers(0, 255, (size, size, 3), np.uint8)) for _ in range(count)]
    rates: dict[str, list[float]] = {rival: [] for rival in RIVALS}
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder) / "run" / "checkpoints" / "best.ckpt"
        write(checkpoint, arguments)
        ports = {rival: port + place for place, rival in enumerate(RIVALS)}
        for rival, most in RIVALS.items():
            stack.enter_context(serving(checkpoint, ports[rival], most))
        for turn in range(rounds + 1):  # the first warms up
            for rival in RIVALS:
                rate = asked(ports[rival], bodies)
                if turn:
                    rates[rival].append(rate)
    return rates


def write(path: Path, arguments: dict[str, object]) -> None:
    """Write the checkpoint of an untrained network."""
    model = AlexNetBN(num_classes=10, in_channels=3, **arguments)
    size = arguments["image_size"]
    path.parent.mkdir(parents=True)
    preprocessing = {
        "class_names": [str(number) for number in range(10)],
        "channels": 3,
        "size": size,
        "resize": size,
        "crop": size,
        "mean": [0.5] * 3,
        "std": [0.25] * 3,
        "pixel_max": 1.0,
    }
    torch.save(
        {
            "class_path": f"{AlexNetBN.__module__}.{AlexNetBN.__qualname__}",
            "hyper_parameters": dict(model.hparams),
            "state_dict": model.state_dict(),
            "preprocessing": preprocessing,
        },
        path,
    )


@contextmanager
def serving(checkpoint: Path, port: int, max_batch_size: int) -> Iterator[None]:
    """Serve a checkpoint inside."""
    command = [sys.executable, "-m", "alexnet_lightning.serve", str(checkpoint), "--device", "cpu"]
    command += ["--port", str(port), "--max_batch_size", str(max_batch_size)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, env=os.environ) as process:
        try:
            while True:
                time.sleep(0.3)
                if process.poll() is not None:
                    raise SystemExit("the server ended")
                try:
                    client = http.client.HTTPConnection("127.0.0.1", port)
                    client.request("GET", "/health")
                    if client.getresponse().status == 200:
                        break
                except OSError:
                    continue
            yield
        finally:
            process.terminate()


def form(pixels: np.ndarray) -> bytes:
    """Return a form that holds a JPEG."""
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "jpeg")
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
    return head + stream.getvalue() + b"\r\n--x--\r\n"


def asked(port: int, bodies: list[bytes]) -> float:
    """Return how many requests a second all clients together get answered."""

    def ask(first: int) -> None:
        client = http.client.HTTPConnection("127.0.0.1", port)
        for body in bodies[first::CLIENTS]:
            client.request("POST", "/predict", body, FORM)
            response = client.getresponse()
            assert response.status == 200, response.read()
            response.read()
        client.close()

    threads = [threading.Thread(target=ask, args=(first,)) for first in range(CLIENTS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(bodies) / (time.perf_counter() - start)


if __name__ == "__main__":
    main()
