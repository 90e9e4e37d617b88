"""Requests read in this process: an image, or a 4xx that says why."""

import asyncio
import base64
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import FastAPI

from alexnet_lightning.inference.server import Limits, Preprocessing, Upload, Uploads, explain_at
from tests import malformed
from tests.serving import FORM, form

PREPROCESSING = Preprocessing(["cat", "dog"], 3, 16, 16, 16, [0.5] * 3, [0.2] * 3, 1.0)


Ask = Callable[..., tuple[int, Any]]


@pytest.fixture(scope="module")
def ask() -> Ask:
    """Sends a body to a server that returns the mean color of an image; gives status and JSON.

    An unhandled error is raised here: no request may cause one.
    """
    app = FastAPI()

    @app.post("/")
    async def mean(image: Upload) -> dict[str, Any]:
        assert image.pixels.shape == (3, 16, 16)
        return {"mean": float(image.pixels.mean()), "k": image.k}

    app.state.uploads = Uploads(PREPROCESSING, Limits(upload=100_000, pixels=10_000))

    def send(body: bytes, headers: dict[str, str], query: str = "") -> tuple[int, Any]:
        return asyncio.run(sent(app, body, headers, query))

    return send


async def sent(app: FastAPI, body: bytes, headers: dict[str, str], query: str) -> tuple[int, Any]:
    """Speak ASGI with an app; bodies come in pieces, as from a network."""
    pieces = [body[start : start + 10_000] for start in range(0, len(body), 10_000)] or [b""]
    answers: list[Any] = []

    async def receive() -> dict[str, Any]:
        piece = pieces.pop(0)
        return {"type": "http.request", "body": piece, "more_body": bool(pieces)}

    async def send(message: Any) -> None:
        answers.append(message)

    scope = {"type": "http", "method": "POST", "path": "/", "query_string": query.encode()}
    named = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await app({**scope, "headers": named}, receive, send)
    content = b"".join(message.get("body", b"") for message in answers)
    return answers[0]["status"], json.loads(content)


@pytest.fixture
def grey() -> bytes:
    """An image, all of one gray."""
    return malformed.saved(malformed.Image.new("RGB", (30, 40), (120, 120, 120)), "png")


def test_an_image_in_a_form_and_in_json(ask, grey) -> None:
    for body, headers in ((form(grey), FORM), (malformed.in_json(grey), malformed.JSON)):
        assert ask(body, headers, "k=3") == (200, {"mean": 120, "k": 3})


def test_every_kind_of_nonsense_is_a_4xx(ask) -> None:
    kinds = len(malformed.FILES) + len(malformed.BODIES)
    for name, (body, headers), good in malformed.requests(2 * kinds):
        status, content = ask(body, headers)
        assert status in (200, 400, 413, 415, 422), (name, content)
        assert good is None or good == (status == 200), (name, content)


@pytest.mark.parametrize(
    ("content", "status", "why"),
    [
        (bytes(100_001), 413, "at most 100000 bytes"),
        (malformed.bomb(104), 413, "104 × 104 pixels"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n", 415, "EPS"),
        (b"GIF89a", 415, "not an image"),
        (malformed.bomb(20_000), 413, "at most 10000 pixels"),
    ],
)
def test_why(ask, content, status, why) -> None:
    found, answer = ask(form(content), FORM)
    assert found == status
    assert why in answer["detail"]


def test_base64_with_line_breaks_and_of_a_data_url(ask, grey) -> None:
    lines = base64.encodebytes(grey).decode()
    for text in (lines, f"data:image/png;base64,{lines}"):
        assert ask(json.dumps({"image": text}).encode(), malformed.JSON)[0] == 200
    status, answer = ask(b'{"image": "no base64!"}', malformed.JSON)
    assert status == 422 and answer["detail"].startswith("image is no base64: ")


def test_the_pages_need_no_internet() -> None:
    app = FastAPI()
    explain_at(app, "/", "/docs")
    pages = {route.path: route.endpoint for route in app.routes}
    assert "/redoc" not in pages
    for path in ("/", "/docs"):
        request = SimpleNamespace(base_url="http://10.0.0.1:8000/")
        page = asyncio.run(pages[path](request)).body.decode()
        assert 'curl -F image=@cat.jpg "http://10.0.0.1:8000/predict?k=3"' in page
        assert "src=" not in page and "https:" not in page
