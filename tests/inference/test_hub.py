"""A folder for the Hugging Face hub holds the same network, of every variant."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from PIL import Image

from alexnet_lightning import AlexNet, AlexNetBN, evaluate, predict
from alexnet_lightning.explain import explain
from alexnet_lightning.export import export, main
from alexnet_lightning.fit import main as fit
from alexnet_lightning.inference.choices import Source
from alexnet_lightning.inference.hub import write_folder
from alexnet_lightning.inference.model_card import data_set
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder
from tests.models.test_models import VARIANTS, build


@pytest.fixture
def shared(own_run: Path, tmp_path: Path) -> Path:
    """The trained run as a folder for the hub."""
    return export(own_run, format="hub", output=tmp_path / "shared").path


@pytest.fixture
def run(outcome) -> Callable[..., tuple[int, str, str]]:
    """Runs the command; gives its status and what it wrote on both streams."""
    return lambda *args: outcome(main, *args, "--format", "hub")


@pytest.fixture(autouse=True)
def no_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "no_token"))


@pytest.mark.parametrize("kind", VARIANTS, ids=lambda kind: kind.__name__)
def test_every_variant_has_equal_logits(kind, checkpoint_of, tmp_path: Path) -> None:
    mean = torch.rand(3, 32, 32) if kind is VARIANTS[0] else [0.5, 0.4, 0.3]
    file = tmp_path / "net.ckpt"
    model = build(kind, init="he")
    model.train()(torch.randn(8, 3, 32, 32))  # so that the statistics of norms are no defaults
    torch.save(checkpoint_of(model, size=40, resize=36, mean=mean), file)
    source, folder = Source.find(file), tmp_path / "net"
    images = torch.randint(256, (4, 3, 40, 40)).byte()
    before = Predictor.load(source)
    write_folder(before, source, folder, images)

    again, inputs = Predictor(folder), before.inputs(images)[:, 0]
    assert torch.equal(again.inputs(images)[:, 0], inputs)
    assert again.class_names == before.class_names
    with torch.no_grad():
        expected = before.model(inputs)
        for model in (again.model, kind.from_folder(folder)):
            assert type(model) is kind
            assert (model(inputs) - expected).abs().max() <= 1e-6
    assert expected.std(dim=0).max() > 1e-3, "equal outputs for all images would hide errors"
    assert "model-index" not in ModelCard.load(folder / "README.md").content, "nothing was tested"


def test_the_card_says_what_the_run_reached(shared: Path, own_run: Path) -> None:
    summary = json.loads((own_run / "summary.json").read_text())
    card = ModelCard.load(shared / "README.md")
    assert (card.data.library_name, card.data.model_name) == ("alexnet_lightning", "quick")
    assert card.data.pipeline_tag == "image-classification"
    found = {each.metric_name: each for each in card.data.eval_results or ()}
    for name, key in (("top-1 accuracy", "test/top1"), ("cross-entropy (nats)", "test/loss")):
        assert found[name].metric_value == summary[key]
        assert found[name].dataset_args == {"test_images": 300}
        assert found[name].dataset_split == "test"
    for picture in ("figures/accuracy.png", "figures/confusion.png"):
        assert (shared / picture).is_file()
        assert f"({picture})" in card.content


def test_a_card_claims_nothing_of_another_checkpoint(own_run: Path, tmp_path: Path) -> None:
    folder = export(own_run, format="hub", checkpoint="last", output=tmp_path / "last").path
    assert ModelCard.load(folder / "README.md").data.eval_results is None
    assert not (folder / "summary.json").exists()


def test_commands_take_the_folder_as_they_take_a_run(
    shared: Path, own_run: Path, digit_files: list[Path], tmp_path: Path
) -> None:
    assert evaluate(shared) == evaluate(own_run)
    assert predict(shared, digit_files) == predict(own_run, digit_files)
    assert [path.name for path in explain(shared, what=["kernels", "best_last"])] == ["kernels.png"]
    again = export(shared, format="hub", output=tmp_path / "again").path
    for name in ("model.safetensors", "config.json", "training.yaml", "summary.json"):
        assert (again / name).read_bytes() == (shared / name).read_bytes()
    with pytest.raises(UserError, match="this folder has one checkpoint, its best"):
        predict(shared, digit_files, checkpoint="last")


def test_an_export_within_a_run_is_no_run(own_run: Path) -> None:
    folder = export(own_run, format="hub").path
    assert folder == own_run / "exports" / "best-hub"
    assert RunFolder.find("latest", own_run.parents[1]).path == own_run


def test_absolute_paths_stay_at_home(own_run: Path, tmp_path: Path) -> None:
    folder = export(own_run, format="hub", output=tmp_path / "shared").path
    for file in ("training.yaml", "summary.json", "config.json", "README.md"):
        assert str(tmp_path.parents[1]) not in (folder / file).read_text()


def test_another_class_is_named(shared: Path) -> None:
    assert isinstance(AlexNetBN.from_folder(shared), AlexNetBN)
    with pytest.raises(UserError, match=r"holds AlexNetBN, not AlexNet: use AlexNetBN.from_folder"):
        AlexNet.from_folder(shared)


@pytest.mark.parametrize(
    ("file", "content"),
    [("config.json", b"{}"), ("config.json", b"\xff"), ("model.safetensors", b"\x80\x02garbage")],
)
def test_a_damaged_folder_is_one_line(shared: Path, file: str, content: bytes) -> None:
    (shared / file).write_bytes(content)
    with pytest.raises(UserError, match=r"model.safetensors is no checkpoint of this project"):
        Predictor(shared)


def test_own_pictures_keep_classes_and_preprocessing(
    quick_config: Path, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    for number, name in enumerate(("grün", "blau", "rot")):
        for index in range(8):
            path = in_tmp / "data" / "pictures" / name / f"{index}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (40, 50), (20 * index, 80 * number, 200)).save(path)
    transform = {"class_path": "ResizeCropFlip", "init_args": {"resize": 36, "crop": 32}}
    data = {"batch_size": 4, "size": 40, "transform": transform, "std": [0.3, 0.2, 0.1]}
    path = in_tmp / "own.yaml"
    own = yaml.safe_load(quick_config.read_text())
    path.write_text(
        yaml.safe_dump({**own, "data": {"class_path": "ImageFolderDataModule", "init_args": data}})
    )
    fit(["--config", str(path), "--trainer.max_epochs", "1"])
    before = Predictor("latest")
    folder = export("latest", format="hub", output=in_tmp / "shared").path
    found = Predictor(folder).preprocessing
    assert found == before.preprocessing
    assert found.class_names == ["blau", "grün", "rot"]
    assert (found.size, found.resize, found.crop, found.std) == (40, 36, 32, [0.3, 0.2, 0.1])
    assert "images in pictures" in ModelCard.load(folder / "README.md").content


@pytest.mark.parametrize(
    ("kind", "classes", "expected"),
    [
        ("ImageNetDataModule", 1000, ("ILSVRC/imagenet-1k", "ImageNet")),
        ("ImageNetDataModule", 10, ("imagefolder", "10 of the 1,000 classes of ImageNet")),
        ("StanfordDogsDataModule", 5, ("imagefolder", "5 of the 120 classes of Stanford Dogs")),
        ("my_data.MyData", 7, ("imagefolder", "MyData")),
    ],
)
def test_some_classes_of_a_data_set_are_not_it(
    tmp_path: Path, kind: str, classes: int, expected: tuple[str, str]
) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"data": {"class_path": kind}}))
    assert data_set(RunFolder(tmp_path), classes) == expected


def test_what_is_there_stays(run, shared: Path, own_run: Path) -> None:
    (shared / "README.md").write_text("edited")
    status, _, err = run(own_run, "--output", shared)
    assert (status, err.count("\n")) == (2, 1)
    assert f"--output: {shared} is there already" in err
    assert (shared / "README.md").read_text() == "edited"


@pytest.mark.parametrize(
    ("repository", "named"),
    [
        ("me/net", "no login to the Hugging Face hub: hf auth login"),
        ("net", "net: give USER/NAME"),
        ("a b", "Repo id must"),
    ],
)
def test_without_a_login_nothing_is_written(run, own_run, repository: str, named: str) -> None:
    status, out, err = run(own_run, "--push", repository)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert err.startswith("error: --push: ")
    assert named in err
    assert not (own_run / "exports").exists()


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A server that knows no token, in the hub's place; the requests that it refused."""
    asked: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(f"{self.path} {self.headers['Authorization']}")
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
        yield asked
        server.shutdown()
        thread.join()


def test_a_refused_upload_leaves_the_folder(run, own_run, refusing, monkeypatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    status, out, err = run(own_run, "--push", "me/net")
    folder = own_run / "exports" / "best-hub"
    assert (status, out) == (2, "")
    assert refusing == ["/api/repos/create Bearer hf_wrong"]
    assert err.startswith("error: --push: ")
    assert f"{folder} is whole: hf upload me/net {folder}" in err.splitlines()[-1]
    assert Predictor(folder).class_names == [str(number) for number in range(10)]
