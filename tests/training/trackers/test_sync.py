"""What `wandb sync` uploads of an offline run, and of one that was resumed."""

import gzip
import json
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shlex import quote
from typing import Any

import pytest

from alexnet_lightning.training.run_folder import RunFolder
from alexnet_lightning.training.trackers.wandb import sync_command
from tests.training.trackers.conftest import (
    Scalars,
    history_of,
    inspect,
    program,
    scalars_of,
    segments_of,
)


def test_the_scalars_are_those_of_metrics_csv(tracked: Path) -> None:
    (segment,) = segments_of(tracked)
    assert scalars(history_of(segment), tracked) == scalars_of(tracked)


def scalars(history: list[dict[str, Any]], run: Path) -> Scalars:
    """The values of a history, without what W&B adds, such as the sizes of figures."""
    names = {name for name, _ in scalars_of(run)}
    return {
        (name, row["trainer/global_step"]): row[name]
        for row in history
        for name in names & row.keys()
    }


def test_the_segments_of_a_resumed_run_are_one_run(resumed: Path) -> None:
    first, second = segments_of(resumed)
    ids = {json.loads(inspect(each, "--summary"))["run_id"] for each in (first, second)}
    assert ids == {RunFolder(resumed).wandb_id}
    before, after = (
        [row["trainer/global_step"] for row in history_of(each) if "lr" in row]
        for each in (first, second)
    )
    assert before == sorted(set(before))
    assert after == sorted(set(after))
    assert before[-1] < after[0], "no step is in both"
    assert scalars(history_of(first) + history_of(second), resumed) == scalars_of(resumed)
    kept = json.loads((resumed / "summary.json").read_text())
    shown = json.loads(inspect(second, "--summary"))["summary"]
    for key in ("best_epoch", "test/top1", "val/top1", "best_checkpoint"):
        assert shown[key] == kept[key], key


class Endpoint(ThreadingHTTPServer):
    """Keeps the history and summary of one run as W&B's server does, by what wandb sends.

    Enough of it for `wandb sync`: a later segment asks how many lines there are, and goes on.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.history: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.known = False

    def answer(self, name: str, asked: dict[str, Any]) -> dict[str, Any]:
        bucket = {
            "id": "1",
            "name": asked.get("name"),
            "historyLineCount": len(self.history),
            "eventsLineCount": 0,
            "logLineCount": 0,
            "historyTail": json.dumps([json.dumps(row) for row in self.history[-1:]]),
            "eventsTail": "[]",
            "summaryMetrics": json.dumps(self.summary),
            "config": "{}",
            "tags": [],
            "wandbConfig": '{"t": 1}',  # the run has begun
        }
        entity = {"id": "1", "name": "me"}
        if name == "RunResumeStatus":
            run = bucket if self.known else None
            return {"model": {"id": "1", "name": "ours", "entity": entity, "bucket": run}}
        if name == "UpsertBucket":
            new, self.known = not self.known, True
            bucket["project"] = {"id": "1", "name": "ours", "entity": entity}
            return {"upsertBucket": {"bucket": bucket, "inserted": new}}
        if name == "CreateArtifact":  # it is there already, so that nothing is uploaded
            kept = {"id": "1", "state": "COMMITTED", "artifactSequence": {"id": "1"}}
            return {"createArtifact": {"artifact": kept}}
        if name == "CreateRunFiles":
            port = self.server_address[1]
            files = [
                {"name": file, "uploadUrl": f"http://127.0.0.1:{port}/"} for file in asked["files"]
            ]
            return {"createRunFiles": {"runID": "1", "uploadHeaders": [], "files": files}}
        return {}

    def stream(self, files: dict[str, Any]) -> None:
        if new := files.get("wandb-history.jsonl"):
            self.history[new["offset"] :] = map(json.loads, new["content"])
        if new := files.get("wandb-summary.json"):
            self.summary = json.loads(new["content"][-1])


class Answers(BaseHTTPRequestHandler):
    server: Endpoint
    protocol_version = "HTTP/1.1"

    def handle(self) -> None:
        with suppress(ConnectionError):  # wandb closes its connections by breaking them
            super().handle()

    def do_POST(self) -> None:  # the name that http.server calls
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        said = json.loads(body)
        if "query" in said:
            (name,) = re.findall(r"^\s*(?:query|mutation) (\w+)", said["query"])
            self.reply({"data": self.server.answer(name, said.get("variables") or {})})
        else:
            self.server.stream(said.get("files") or {})
            self.reply({})

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.reply({})

    def reply(self, content: dict[str, Any]) -> None:
        data = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with Endpoint() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def synced(endpoint: Endpoint, folder: Path, command: str) -> None:
    """Run a `wandb sync` in a shell, as a reader does; it writes its own log into the folder."""
    line = command.replace("wandb sync", f"{program('wandb')} sync", 1)
    environment = {
        "WANDB_BASE_URL": f"http://127.0.0.1:{endpoint.server_address[1]}",
        "WANDB_API_KEY": "0" * 40,
        "WANDB_ERROR_REPORTING": "false",
    }
    done = subprocess.run(
        line,
        shell=True,
        cwd=folder,
        capture_output=True,
        text=True,
        env=os.environ | environment,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "how",
    [
        "as printed",
        pytest.param("their folder", marks=pytest.mark.slow),
        pytest.param("one as soon as it is there", marks=pytest.mark.slow),
    ],
)
def test_sync_makes_one_run_of_the_segments(how: str, own_copy: Path, endpoint: Endpoint) -> None:
    first, last = segments_of(own_copy)
    if how == "one as soon as it is there":
        synced(endpoint, own_copy, f"wandb sync {quote(str(first))}")
    together = f"wandb sync {quote(str(last.parent))}"
    synced(endpoint, own_copy, together if how == "their folder" else sync_command(last))
    steps = [row["_step"] for row in endpoint.history]
    assert steps == list(range(len(steps)))
    trained = [row["trainer/global_step"] for row in endpoint.history]
    assert trained == sorted(trained)
    assert scalars(endpoint.history, own_copy) == scalars_of(own_copy)
    kept = json.loads((own_copy / "summary.json").read_text())
    for key in ("best_epoch", "test/top1", "val/top1"):
        assert endpoint.summary[key] == kept[key], key


@pytest.mark.slow
def test_a_later_segment_alone_puts_the_earlier_after_it(
    own_copy: Path, endpoint: Endpoint
) -> None:
    """Why the printed command names all of them."""
    first, last = segments_of(own_copy)
    synced(endpoint, own_copy, f"wandb sync {quote(str(last))}")
    synced(endpoint, own_copy, f"wandb sync {quote(str(first))}")
    trained = [row["trainer/global_step"] for row in endpoint.history]
    assert trained != sorted(trained)
    assert "test/top1" not in endpoint.summary


def test_a_path_that_a_shell_would_take_apart(tmp_path: Path) -> None:
    command = sync_command(Path("/my runs/$1/offline-run-20260101_000000-abc"))
    assert command == "wandb sync '/my runs/$1'/offline-run-*-abc"
