"""Every way to use a network gives the same predictions for the same ten photographs."""

import csv
import io
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from alexnet_lightning.export import main as export
from alexnet_lightning.fit import main as fit
from alexnet_lightning.inference.predictor import Prediction, Predictor
from alexnet_lightning.predict import main as predict
from tests import malformed
from tests.serving import Started, started

pytestmark = pytest.mark.slow  # a server and a notebook take seconds to start
ROOT = Path(__file__).parents[2]
REAL = ROOT / "data" / "imagenette-224"
CONFIG = {
    "model": {
        "class_path": "AlexNetBN",
        "init_args": {
            "stem": "small",
            "width": 0.1,
            "optimizer": {"class_path": "Adam", "init_args": {"lr": 0.001}},
        },
    },
    "data": {
        "class_path": "ImageFolderDataModule",
        "init_args": {
            "size": 64,
            "batch_size": 20,
            "transform": {"class_path": "ResizeCropFlip", "init_args": {"resize": 60, "crop": 56}},
        },
    },
    "embedding_pca": {"count": 20},
    "trainer": {
        "max_epochs": 3,
        "accelerator": "cpu",
        "enable_progress_bar": False,
        "enable_model_summary": False,
    },
}


@pytest.fixture(scope="module")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 14 photographs of each of ten classes, one of which is to test."""
    if not REAL.is_dir():
        pytest.skip(f"needs the real data set in {REAL}")
    folder = tmp_path_factory.mktemp("photographs") / "pictures"
    for real in sorted((REAL / "train").iterdir()):
        for number, file in enumerate(sorted(real.iterdir())[:14]):
            part = {0: "test", 1: "val", 2: "val"}.get(number, "train")
            target = folder / part / real.name / file.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.symlink_to(file)
    return folder


@pytest.fixture(scope="module")
def files(photographs: Path) -> list[Path]:
    """The ten test images."""
    return sorted((photographs / "test").rglob("*.JPEG"))


@pytest.fixture(scope="module")
def run(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that learnt from the others for some steps."""
    root = tmp_path_factory.mktemp("runs")
    (root / "photographs.yaml").write_text(yaml.safe_dump(CONFIG))
    flags = ["--config", str(root / "photographs.yaml"), "--data.root", str(photographs.parent)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        fit([*flags, "--runs_dir", str(root)])
    (config,) = root.rglob("config.yaml")
    return config.parent


@pytest.fixture(scope="module")
def expected(run: Path, files: list[Path]) -> list[Prediction]:
    """What the predictor says, which is not the same of all."""
    found = Predictor.load(run).predict(files)
    assert len({tuple(classes) for classes, _ in found}) > 3
    return found


@pytest.fixture(scope="module")
def server(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """One that serves the run."""
    folder = tmp_path_factory.mktemp("server")
    with started("serve", folder, [run, "--device", "cpu"], "/health") as server:
        yield server


def check(
    found: Iterable[tuple[Sequence[str], Sequence[float]]], expected: Sequence[Prediction]
) -> None:
    """Same classes in the same order, same probabilities."""
    for (classes, probabilities), said in zip(found, expected, strict=True):
        assert list(classes) == said.classes
        assert list(probabilities) == pytest.approx(said.probabilities, rel=0, abs=1e-6)


def test_predict_in_json(run, files, expected, outcome) -> None:
    status, out, _ = outcome(predict, run, *files, "--json")
    assert status == 0
    check([(row["classes"], row["probabilities"]) for row in json.loads(out)], expected)


def test_predict_in_csv(run, files, expected, outcome) -> None:
    _, out, _ = outcome(predict, run, *files, "--csv")
    rows = [list(row.values())[1:] for row in csv.DictReader(io.StringIO(out))]
    check([(row[::2], list(map(float, row[1::2]))) for row in rows], expected)


@pytest.mark.parametrize("kind", ["form", "json"])
def test_http(kind, server, files, expected) -> None:
    def ask(content: bytes) -> Any:
        if kind == "form":
            return server.predict(content)
        return server.post(malformed.in_json(content), malformed.JSON)

    replies = [ask(file.read_bytes()) for file in files]
    assert {reply.status for reply in replies} == {200}
    check([(r.content["classes"], r.content["probabilities"]) for r in replies], expected)


def test_demo(run, files, expected, monkeypatch) -> None:
    import streamlit
    from streamlit.testing.v1 import AppTest

    bars: list[tuple[float, str]] = []
    monkeypatch.setattr(streamlit, "progress", lambda *given: bars.append(given))
    monkeypatch.setattr(sys, "argv", ["page.py", "cpu", str(run)])
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # the page becomes it
    page = AppTest.from_file(
        str(ROOT / "alexnet_lightning/explanations/page.py"), default_timeout=120
    )
    page.run()
    page.multiselect[0].set_value(page.multiselect[0].value[:1])  # best; last is the other
    found = []
    for file in files:
        bars.clear()
        page.file_uploader[0].upload(file.name, file.read_bytes(), "image/jpeg").run()
        assert not page.exception
        found.append(([text.split(" – ")[0] for _, text in bars], [share for share, _ in bars]))
        assert [text.split(" – ")[1] for _, text in bars] == [f"{share:.1%}" for share, _ in bars]
    check(found, expected)


def test_onnx_runtime(run, files, expected, outcome, tmp_path) -> None:
    from onnxruntime import InferenceSession

    path = tmp_path / "net.onnx"
    status, _, _ = outcome(export, run, "--format", "onnx", "--preprocessing", "-o", path)
    assert status == 0
    names = json.loads(path.with_name("net.onnx.json").read_text())["preprocessing"]["class_names"]
    decoder = Predictor.load(run).preprocessing
    images = torch.stack([decoder.decode(file) for file in files])
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    shares, places = torch.from_numpy(logits).softmax(dim=1).topk(5)
    found = [[names[place] for place in row] for row in places.tolist()]
    check(zip(found, shares.tolist(), strict=True), expected)


def test_notebook(run, expected, execute, monkeypatch) -> None:
    import nbformat

    notebook = nbformat.read(ROOT / "notebooks" / "4_predictions.ipynb", as_version=4)
    last = next(n for n, cell in enumerate(notebook.cells) if "predictions = " in cell.source)
    line = "import json; print(json.dumps([list(one) for one in predictions]))"
    notebook.cells = [*notebook.cells[: last + 1], nbformat.v4.new_code_cell(line)]
    monkeypatch.setenv("RUN_DIR", str(run))
    found = json.loads(execute(notebook, "4.ipynb").cells[-1].outputs[0].text)
    check(found, [Prediction(classes[:3], shares[:3]) for classes, shares in expected])
