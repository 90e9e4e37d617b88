"""Networks with random weights whose lesson is quick to write."""

from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import torch
from torch import nn

from alexnet_lightning.explanations.lesson.runtime import ADDRESS, SHA512, VERSION, cache, checksum
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.models import AlexNetModern


@pytest.fixture(scope="session")
def network_file(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes the checkpoint file of a small AlexNetModern whose classes differ in every image."""

    def make(channels: int = 3, classes: int = 7, **options: Any) -> Path:
        torch.manual_seed(0)
        size, resize, crop = options.pop("pixels", (32, 32, 32))
        model = AlexNetModern(classes, channels, crop, width=0.2, **options)
        for layer in model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                nn.init.normal_(layer.bias)
                nn.init.uniform_(layer.running_var, 0.1, 0.3)
        nn.init.normal_(model.network.classifier.fc.weight, std=0.2)
        content = {
            "variant": "AlexNetModern",
            "hyper_parameters": dict(model.hparams),
            "state_dict": model.state_dict(),
            "preprocessing": {
                "class_names": [f"class {number}" for number in range(classes)],
                "channels": channels,
                "size": size,
                "resize": resize,
                "crop": crop,
                "mean": [0.5, 0.4, 0.3][:channels],
                "std": [0.2, 0.3, 0.25][:channels],
                "pixel_max": 1.0,
            },
        }
        path = tmp_path_factory.mktemp("network") / "network.ckpt"
        torch.save(content, path)
        return path

    return make


@pytest.fixture(scope="session")
def predictor_of(network_file: Callable[..., Path]) -> Callable[..., Predictor]:
    """Makes the predictor of such a network."""
    return lambda **options: Predictor.load(network_file(**options))


@pytest.fixture(scope="session")
def runtime_package() -> Path:
    """The package of ONNX Runtime for browsers, which tests do not download."""
    path = cache() / Path(ADDRESS).name
    if not path.is_file() or checksum(path) != SHA512:
        pytest.skip(
            f"needs onnxruntime-web {VERSION}: "
            "python -m alexnet_lightning.explanations.lesson.runtime"
        )
    return path


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def addresses(site: Path) -> Iterator[dict[str, str]]:
    """The addresses of a site as a folder, and from a server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=site)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield {"file": f"{site.as_uri()}/", "http": f"http://127.0.0.1:{server.server_port}/"}
        server.shutdown()
