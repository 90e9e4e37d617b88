"""serve as a user starts it, and what its clients get."""

import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from random import Random

import psutil
import pytest
import torch
from PIL import Image

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.serve import TOKEN, main
from tests import malformed
from tests.serving import FORM, Reply, Started, asked, form, started

pytestmark = pytest.mark.slow  # it takes seconds to start
CLIENTS = 16


@pytest.fixture(scope="module")
def files() -> list[bytes]:
    """Ten real images as files."""
    images, _ = DigitsDataModule().load()["test"][torch.arange(10)]
    return [malformed.saved(Image.fromarray(image[0].numpy()), "png") for image in images]


@pytest.fixture(scope="module")
def file(files) -> bytes:
    """One of them."""
    first: bytes = files[0]
    return first


@pytest.fixture(scope="module")
def server(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """One that serves the run on digits."""
    folder = tmp_path_factory.mktemp("server")
    with started("serve", folder, [trained_run, "--device", "cpu"], "/health") as server:
        yield server


def test_the_answers_are_the_predictors(server, trained_run, files) -> None:
    expected = Predictor.load(trained_run).predict(files, k=3)
    for content, (classes, probabilities) in zip(files, expected, strict=True):
        in_form = server.predict(content, "?k=3")
        in_json = server.post(malformed.in_json(content), malformed.JSON, "?k=3")
        assert in_form.status == in_json.status == 200
        for answer in (in_form.content, in_json.content):
            assert answer["classes"] == classes
            assert answer["probabilities"] == pytest.approx(probabilities, abs=1e-6)


def test_k(server, file) -> None:
    assert len(server.predict(file).content["classes"]) == 5
    assert len(server.predict(file, "?k=99").content["classes"]) == 10
    for wrong in ("0", "-1", "all", ""):
        assert server.predict(file, f"?k={wrong}").status == 422


def test_what_it_says_about_itself(server, trained_run) -> None:
    assert server.get("/health") == (200, "ok")
    model = server.get("/info").content["model"]
    assert model["name"] == "AlexNetBN"
    assert model["classes"] == [str(digit) for digit in range(10)]
    assert 0 <= model["metrics"]["test/top1"] <= 1
    operation = server.get("/openapi.json").content["paths"]["/predict"]["post"]
    assert set(operation["requestBody"]["content"]) == {"multipart/form-data", "application/json"}
    assert operation["parameters"][0]["name"] == "k"
    for path in ("/", "/docs"):
        status, page = server.get(path)
        assert status == 200 and "curl -F image=@" in page
        assert "https://" not in page, "it must work without the internet"


def test_500_malformed_requests(server) -> None:
    statuses = set()
    for name, (body, headers), good in malformed.requests(500):
        status, content = server.post(body, headers)
        assert status == 200 or 400 <= status < 500, (name, status, content)
        assert good is None or good == (status == 200), (name, status, content)
        if status == 200:
            assert sum(content["probabilities"]) <= 1.001
        else:
            assert content["detail"], name
            assert "\n" not in str(content), name
        statuses.add(status)
    assert {200, 400, 413, 415, 422} <= statuses
    assert server.get("/health").status == 200
    assert "Traceback" not in server.log.read_text()


def test_more_bytes_than_allowed(server, file) -> None:
    for size in (10_000_001, 50_000_000):
        status, content = server.post(form(bytes(size)), FORM)
        assert (status, content["detail"]) == (413, "send at most 10000000 bytes")
    with suppress(OSError):  # it may close the connection
        assert server.post(bytes(300_000_000), FORM).status == 413
    assert server.predict(file).status == 200


def test_under_load(server, trained_run) -> None:
    files = [malformed.saved(malformed.noise(Random(n), (8, 8)), "png") for n in range(2000)]
    predictor = Predictor.load(trained_run)
    expected = [predictor.predict([file], k=10)[0] for file in files]
    assert len({tuple(shares[:3]) for _, shares in expected}) == 2000  # each can be told apart
    replies: list[Reply | None] = [None] * len(files)

    def ask(first: int, last: int) -> None:
        with closing(server.client()) as client:
            for number in range(first, last, CLIENTS):
                body = form(files[number])
                replies[number] = asked(client, "POST", "/predict?k=10", body, FORM)

    def all_at_once(last: int) -> None:
        threads = [threading.Thread(target=ask, args=(n, last)) for n in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=300)

    all_at_once(400)
    before = memory(server)
    all_at_once(2000)
    for reply, (classes, shares) in zip(replies, expected, strict=True):
        assert reply is not None and reply.status == 200
        found = dict(zip(reply.content["classes"], reply.content["probabilities"], strict=True))
        assert found == pytest.approx(dict(zip(classes, shares, strict=True)), abs=1e-6)
    assert memory(server) - before < 30e6


def memory(server: Started) -> int:
    """Return the bytes that a server's processes have to themselves."""
    main = psutil.Process(server.process.pid)
    return sum(each.memory_full_info().uss for each in (main, *main.children(recursive=True)))


def test_a_token(trained_run, tmp_path, file) -> None:
    secret = "ünlikely"
    with started("serve", tmp_path, [trained_run], "/health", {TOKEN: secret}) as server:
        for wrong in ({}, bearing(""), bearing("unlikely"), {"Authorization": "Basic eDp5"}):
            assert server.get("/info", wrong).status == 401
            status, content = server.post(form(file), FORM | wrong)
            assert (status, content) == (401, {"detail": "give the token"})
        assert server.post(form(file), FORM | bearing(secret)).status == 200
        assert server.get("/health", bearing(secret)).status == 200


def bearing(token: str) -> dict[str, str]:
    """Return the header that holds a token."""
    return {"Authorization": f"Bearer {token}".encode().decode("latin-1")}


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_clean(signum, trained_run, tmp_path, file) -> None:
    with started("serve", tmp_path, [trained_run, "--workers", "2"], "/health") as server:
        assert server.predict(file).status == 200
        others = psutil.Process(server.process.pid).children(recursive=True)
        os.killpg(server.process.pid, signum)  # all of them, as a terminal does
        assert server.process.wait(timeout=30) == 0
        assert not psutil.wait_procs(others, timeout=5)[1]
        words = [line.split()[0] for line in server.log.read_text().splitlines()]
        # The others are told on a slow machine.
        assert [word for word in words if word not in ("importing", "loading")] == [
            "starting:",
            "ready:",
        ]
    with pytest.raises(ConnectionRefusedError):
        server.get("/health")


def test_mistakes_are_one_line(trained_run, tmp_path, outcome) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        for args, word in (
            ([tmp_path / "none"], "no run there"),
            ([trained_run, "--port", taken], f"--port {taken}"),
            ([trained_run, "--port", 80], "--port is 80"),
            ([trained_run, "--host", "example.org"], "host"),
            ([trained_run, "--max_batch_size", 0], "--max_batch_size is 0"),
            ([trained_run, "--views", "ten"], "--views"),
            ([trained_run, "--token", ""], "--token: it is empty"),
        ):
            status, _, error = outcome(main, *args)
            assert status == 2
            assert error.startswith("error: ") and error.count("\n") == 1 and word in error
