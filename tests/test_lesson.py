"""lesson as a user runs it: the folder that it writes, and what it says where it cannot."""

import json
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.explanations.images import ShownImages
from alexnet_lightning.explanations.lesson import runtime, site
from alexnet_lightning.explanations.lesson.runtime import API, FILES
from alexnet_lightning.explanations.thumbnails import png
from alexnet_lightning.fit import main as fit
from alexnet_lightning.lesson import main
from alexnet_lightning.training.run_folder import RunFolder, note
from tests.conftest import QUICK

RESULTS = Path(__file__).parents[1] / "results"
STUDIES = (RESULTS / "ladder", RESULTS / "initialisation")


@pytest.fixture(scope="module")
def modern_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of an epoch of AlexNetModern on digits, which are gray; tests only read it."""
    root = tmp_path_factory.mktemp("modern")
    model = {"class_path": "AlexNetModern", "init_args": {"width": 0.1}}
    (root / "modern.yaml").write_text(yaml.safe_dump({**QUICK, "model": model}))
    flags = ["--trainer.max_epochs", "1", "--data.views", "flip", "--runs_dir", str(root / "runs")]
    optimizer = ["--model.optimizer", "Adam"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        fit(["--config", str(root / "modern.yaml"), *optimizer, *flags])
    return RunFolder.find(root / "runs").path


@pytest.fixture
def run(
    outcome: Callable[..., tuple[int, str, str]], in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[int, str, str]]]:
    """Runs the command with a small runtime; gives its status and what it wrote on both streams."""
    contents = dict.fromkeys(FILES, b"a part\n//# sourceMappingURL=a.map")
    monkeypatch.setattr(runtime, "read_runtime", lambda _: contents)
    note.cache_clear()  # what it says once a process
    return partial(outcome, main)


def content_of(folder: Path) -> dict[str, Any]:
    """What the page's scripts know."""
    script = (folder / "content.js").read_text()
    return json.loads(script.partition("const CONTENT = ")[2].rstrip().removesuffix(";"))


def test_it_writes_a_folder_that_needs_nothing_else(run, modern_run, in_tmp) -> None:
    status, out, err = run(*STUDIES, "--network", modern_run, "--output", "page")
    assert (status, out) == (0, "page/index.html\n")
    assert "no docs/claims.md here: the page has no claims" in err
    html = Path("page/index.html").read_text()
    assert 'href="#claims"' not in html
    figures = json.loads((modern_run / "summary.json").read_text())
    assert f"{100 * figures['test/top1']:.2f} % of {figures['test/images']} test images" in html
    assert "averages several views of each image\n(flip)" in html
    named = {part.split('"')[0] for part in html.split('script defer src="')[1:]}
    assert {path.name for path in Path("page").iterdir()} == named | {"index.html", "lesson.css"}
    assert Path("page", API).read_bytes() == b"a part\n"
    assert "://" not in html

    content = content_of(Path("page"))
    data = DigitsDataModule()
    data.prepare_data()
    data.setup()
    shown = ShownImages.of_split(data, "test", 10)
    assert [each["title"] for each in content["samples"]] == shown.titles
    first = site.encoded(png(shown.images[0]))
    assert content["samples"][0]["png"] == first
    assert content["size"] == 8


def test_claims_are_found_in_their_place_and_samples_can_be_left_out(
    run, modern_run, in_tmp
) -> None:
    Path("docs").mkdir()
    Path("docs/claims.md").write_text("# Claims\n\n## A report\n\nA claim of *theirs*.\n")
    args = ["--network", modern_run, "--output", "page", "--samples", "false"]
    status, _, err = run(STUDIES[0], *args)
    assert content_of(Path("page"))["samples"] == []
    assert status == 0
    assert "no claims" not in err
    assert "<p>A claim of <em>theirs</em>.</p>" in Path("page/index.html").read_text()


def test_without_the_data_set_there_are_no_samples(run, modern_run, in_tmp) -> None:
    own = shutil.copytree(modern_run, "own")
    config = yaml.safe_load(Path(own, "config.yaml").read_text())
    config["data"] = {"class_path": "CIFAR10DataModule", "init_args": {"root": "nowhere"}}
    Path(own, "config.yaml").write_text(yaml.safe_dump(config))
    status, _, err = run(STUDIES[0], "--network", own, "--output", "page")
    assert status == 0
    assert "no test images on the page: no CIFAR-10 under" in err
    assert content_of(Path("page"))["samples"] == []
    assert 'id="samples"' not in Path("page/index.html").read_text()


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("{results} --network {run} --output page", "no file study.yaml there; give"),
        ("{ladder} --network nowhere --output page", "nowhere: no run there"),
        ("{ladder} --network {run} --output taken", "--output: taken is there already"),
        ("{ladder} --network {run} --output page --claims x.md", "--claims: cannot read x.md"),
        ("{ladder} --network {other} --output page", "--network: AlexNetBN does not end"),
        ("{ladder} --output page", "network"),
    ],
)
def test_mistakes_are_one_line_and_leave_nothing(
    command: str, line: str, run, modern_run, trained_run, in_tmp
) -> None:
    (in_tmp / "taken").mkdir()
    (in_tmp / "taken" / "mine.txt").touch()
    places = {"results": RESULTS, "ladder": STUDIES[0], "run": modern_run, "other": trained_run}
    status, out, err = run(*command.format(**places).split())
    errors = [each for each in err.splitlines() if not each.startswith("no docs/claims.md")]
    assert (status, out, len(errors)) == (2, "", 1), err
    assert errors[0].startswith("error: ") and line in errors[0]
    assert [path.name for path in in_tmp.rglob("*")] == ["taken", "mine.txt"]
