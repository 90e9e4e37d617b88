"""A server as a user starts it, and its clients."""

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
BOUNDARY = "x-boundary-x"
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


class Reply(NamedTuple):
    """What a server answers: a status, and a JSON object or text."""

    status: int
    content: Any


class Started(NamedTuple):
    """A server process, the port it listens at, and where it writes what it prints."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path

    def client(self) -> http.client.HTTPConnection:
        """Return a connection that stays open."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def get(self, path: str, headers: dict[str, str] | None = None) -> Reply:
        """Return the reply to a GET."""
        with closing(self.client()) as client:
            return asked(client, "GET", path, None, headers or {})

    def post(self, body: bytes, headers: dict[str, str], query: str = "") -> Reply:
        """Return the reply to a POST to /predict."""
        with closing(self.client()) as client:
            return asked(client, "POST", f"/predict{query}", body, headers)

    def predict(self, image: bytes, query: str = "") -> Reply:
        """Return the reply to an image in a form."""
        return self.post(form(image), FORM, query)


def form(file: bytes, name: str = "image") -> bytes:
    """Return the body of a form that holds a file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="x"\r\n\r\n'
    return head.encode() + file + f"\r\n--{BOUNDARY}--\r\n".encode()


def asked(
    client: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes | None,
    headers: dict[str, str],
) -> Reply:
    """Return the reply to a request."""
    client.request(method, path, body, headers)
    response = client.getresponse()
    text = response.read()
    is_json = response.headers.get_content_type() == "application/json"
    return Reply(response.status, json.loads(text) if is_json else text.decode())


@contextmanager
def started(
    module: str,
    folder: Path,
    args: Sequence[object],
    health: str,
    environment: dict[str, str] | None = None,
) -> Iterator[Started]:
    """Run `python -m alexnet_lightning.<module> … --port <free>` until the test ends."""
    port, log = free_port(), folder / f"{module}.log"
    command = [sys.executable, "-m", f"alexnet_lightning.{module}", *map(str, args)]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            env=os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {}),
            cwd=ROOT,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    server = Started(process, port, log)
    try:
        for _ in range(600):
            assert process.poll() is None, log.read_text()
            with suppress(OSError):
                if server.get(health).status != 503:
                    break
            time.sleep(0.2)
        else:
            raise AssertionError(f"not ready: {log.read_text()}")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=60)


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
