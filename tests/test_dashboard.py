"""The dashboard as a file without a login, and in W&B with one: here a server that plays W&B."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from alexnet_lightning.dashboard import main

Outcome = Callable[..., tuple[int, str, str]]
ROOT = Path(__file__).parents[1]
VIEWER = {"id": "1", "entity": "me", "username": "me", "flags": "{}", "teams": {"edges": []}}


class Answers(BaseHTTPRequestHandler):
    """The two questions of wandb-workspaces: who is logged in, and to save a view."""

    received: list[dict[str, Any]] = []  # noqa: RUF012  # the fixture's

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        asked = json.loads(body) if body.startswith(b"{") else {}
        answer: dict[str, Any] = {"viewer": VIEWER}
        if "upsertView" in asked.get("query", ""):
            self.received.append(asked["variables"])
            view = {"id": "view", "name": asked["variables"]["name"]}
            answer = {"upsertView": {"view": view, "inserted": True}}
        text = json.dumps({"data": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Answers.received.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def test_without_a_login_it_is_a_file(in_tmp: Path, outcome: Outcome) -> None:
    for _ in range(2):  # the second time in place of the first
        status, said, wrong = outcome(main, "--group", "residual", "--project", "p")
        assert (status, wrong) == (0, "")
        assert said.startswith("wrote runs/dashboard.json; ")
        assert said.count("\n") == 1
    assert [path.name for path in in_tmp.iterdir()] == ["runs"]
    written = json.loads((in_tmp / "runs" / "dashboard.json").read_text())
    assert (written["project"], written["displayName"]) == ("p", "residual")
    (runs,) = written["spec"]["section"]["runSets"]
    assert runs["filters"]["filters"][0]["value"] == "residual"


@pytest.mark.slow
def test_with_a_login_it_is_saved(server: str, in_tmp: Path) -> None:
    # A process of its own: W&B's SDK leaves a service running, which goes with it.
    done = subprocess.run(
        [sys.executable, "-m", "alexnet_lightning.dashboard", "--name", "mine"],
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "WANDB_API_KEY": "0" * 40,
            "WANDB_BASE_URL": server,
            "WANDB_ERROR_REPORTING": "false",
        },
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    (received,) = Answers.received
    key = received["name"].removeprefix("nw-").removesuffix("-v")
    assert done.stdout == f"{server}/me/alexnet_lightning?nw={key}\n"
    assert (received["entityName"], received["displayName"]) == ("me", "mine")
    panels = json.loads(received["spec"])["section"]["panelBankConfig"]["sections"][0]["panels"]
    assert panels[0]["config"]["metrics"] == ["val/top1"]
    assert not (in_tmp / "runs").exists()


def test_a_file_is_written_in_spite_of_a_login(
    in_tmp: Path, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "0" * 40)
    status, said, _ = outcome(main, "--output", "boards/mine.json")
    assert status == 0
    assert said.startswith("wrote boards/mine.json")
    assert json.loads((in_tmp / "boards" / "mine.json").read_text())["spec"]


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        (["--name", "a + b"], "--name: W&B takes no symbols such as + or emoji: a + b"),
        (["--output", "/dev/null/d.json"], "--output: cannot write /dev/null/d.json: "),
    ],
)
def test_what_cannot_be_is_one_line(
    flags: list[str], reason: str, in_tmp: Path, outcome: Outcome
) -> None:
    status, _, wrong = outcome(main, *flags)
    assert status == 2
    assert wrong.startswith(f"error: {reason}")
    assert wrong.count("\n") == 1
    assert not list(in_tmp.iterdir())


def test_without_the_package_one_line_names_it(
    in_tmp: Path, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "alexnet_lightning.studies.workspace", raising=False)
    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports.v2", None)
    status, _, wrong = outcome(main)
    needed = "error: needs wandb-workspaces: pip install 'alexnet-lightning[use]'\n"
    assert (status, wrong) == (2, needed)
