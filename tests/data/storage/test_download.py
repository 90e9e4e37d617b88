"""Downloads from a server on this machine that can be told to misbehave."""

import hashlib
import re
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from alexnet_lightning.data.storage.archives import download
from alexnet_lightning.system.errors import UserError

CONTENT = bytes(range(256)) * 4000
MD5 = hashlib.md5(CONTENT).hexdigest()


class Server(ThreadingHTTPServer):
    """Serves CONTENT under every name but /nothing."""

    cut: int | None = None  # send so many bytes of an answer, then close the connection
    ranges = True
    asked: list[str | None]  # the Range of each request


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if self.path == "/nothing":
            return self.send_error(404)
        start = int(wanted[len("bytes=") : -1]) if wanted and self.server.ranges else 0
        if start >= len(CONTENT):
            return self.send_error(416)
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start:][: self.server.cut])
        return None

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.asked = []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/file.tar.gz"


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("terminal", [True, False])
def test_whole(
    terminal: bool,
    url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    path = tmp_path / "new" / "file.tar.gz"
    download(url, path, MD5)
    assert path.read_bytes() == CONTENT
    assert names(path.parent) == ["file.tar.gz"]
    shown = capsys.readouterr()
    assert ("file.tar.gz" in shown.err) is bool(shown.err) is terminal
    assert not shown.out


@pytest.mark.parametrize("ranges", [True, False])
def test_cut_off_then_resumed(server: Server, url: str, tmp_path: Path, ranges: bool) -> None:
    server.cut, server.ranges = 300_000, ranges
    path = tmp_path / "file"
    with pytest.raises(UserError, match=r"interrupted after 300000 of 1024000 bytes; run again"):
        download(url, path, MD5)
    assert names(tmp_path) == ["file.part"]
    server.cut = None
    download(url, path, MD5)
    assert server.asked == [None, "bytes=300000-"]
    assert path.read_bytes() == CONTENT
    assert names(tmp_path) == ["file"]


def test_part_that_is_whole_is_only_checked(server: Server, url: str, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT)
    download(url, tmp_path / "file", MD5)
    assert server.asked == ["bytes=1024000-"]
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("part", [b"", b"of another file", CONTENT + b"and more"])
def test_wrong_sum_leaves_nothing(url: str, tmp_path: Path, part: bytes) -> None:
    (tmp_path / "file.part").write_bytes(part)
    md5 = MD5 if part else "0" * 32
    with pytest.raises(UserError, match=rf"{re.escape(url)} has the md5 checksum .*{md5}"):
        download(url, tmp_path / "file", md5)
    assert names(tmp_path) == []


def test_not_found(server: Server, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{server.server_port}/nothing"
    with pytest.raises(UserError, match=rf"cannot download {re.escape(url)}: .*404"):
        download(url, tmp_path / "file", MD5)
    assert names(tmp_path) == []


def test_no_connection(server: Server, url: str, tmp_path: Path) -> None:
    server.server_close()
    with pytest.raises(UserError, match=f"cannot download {re.escape(url)}"):
        download(url, tmp_path / "data" / "file", MD5)
    assert names(tmp_path) == [], "no empty folder either"


@pytest.mark.parametrize("url", ["cifar.tar.gz", "file:///nowhere/at/all", "nonsense://x"])
def test_bad_addresses(url: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=f"cannot download {url}"):
        download(url, tmp_path / "file", MD5)


def test_file_address(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    (tmp_path / "file.part").write_bytes(CONTENT[:100])
    download(source.as_uri(), tmp_path / "file", MD5)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert names(tmp_path) == ["file", "source"]
