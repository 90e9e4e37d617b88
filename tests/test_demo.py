"""demo in a browser, as a user sees it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.demo import main
from alexnet_lightning.inference.predictor import Predictor
from tests.serving import Started, started

WAIT = 120_000  # ms


@pytest.fixture(scope="module")
def server(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    """A demo of the run on digits."""
    folder = tmp_path_factory.mktemp("demo")
    with started("demo", folder, [trained_run], "/_stcore/health") as server:
        yield server


@pytest.fixture
def page(browser) -> Iterator[Any]:
    """An empty tab that notes the hosts it talks to, and may talk to this machine only."""
    page = browser.new_page(viewport={"width": 1500, "height": 1000})
    page.set_default_timeout(WAIT)
    hosts = set()
    page.on("request", lambda request: hosts.add(request.url.split("/")[2].split(":")[0]))
    yield page
    page.close()
    assert hosts <= {"127.0.0.1"}


@pytest.fixture(scope="module")
def known_digit(trained_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The file of a test image that the network gets right, and its class."""
    images, labels = DigitsDataModule().load()["test"][torch.arange(300)]
    said = Predictor.load(trained_run).probabilities(images).max(dim=1)
    right = (said.indices == labels).float() * said.values
    number = int(right.argmax())
    path = tmp_path_factory.mktemp("digit") / "digit.png"
    Image.fromarray(images[number, 0].numpy()).save(path)
    return path, str(int(labels[number]))


@pytest.mark.slow
def test_an_uploaded_image(server, page, trained_run, known_digit) -> None:
    path, name = known_digit
    page.goto(f"http://127.0.0.1:{server.port}")
    page.set_input_files("input[type=file]", path)
    page.get_by_role("heading", level=3).nth(1).wait_for()
    headings = page.get_by_role("heading", level=3).all_inner_texts()
    assert headings == [
        f"{which} of {trained_run.parent.name}/{trained_run.name}" for which in ("best", "last")
    ]
    expected = [
        f"{guess} – {share:.1%}"
        for which in ("best", "last")
        for said in Predictor.load(trained_run, which).predict([path])
        for guess, share in zip(*said, strict=True)
    ]
    assert expected[0].startswith(f"{name} – ")
    wait_for(page, lambda: page.get_by_test_id("stProgress").all_inner_texts() == expected)
    settle(page)
    assert page.get_by_test_id("stImage").count() == 2 * 3  # overlay, neighbours, planes
    for image in page.locator("[data-testid=stImage] img").all():
        assert image.evaluate("image => image.complete && image.naturalWidth >= 96")


@pytest.mark.slow
def test_samples(server, page) -> None:
    page.goto(f"http://127.0.0.1:{server.port}")
    settle(page)
    before = page.get_by_test_id("stProgress").all_inner_texts()
    page.get_by_test_id("stRadio").get_by_text("7").click()
    wait_for(page, lambda: page.get_by_test_id("stProgress").all_inner_texts() != before)
    settle(page)
    assert page.get_by_test_id("stException").count() == 0


@pytest.mark.slow
def test_a_file_that_is_not_an_image(server, page, tmp_path) -> None:
    (tmp_path / "text.png").write_text("not an image at all")
    page.goto(f"http://127.0.0.1:{server.port}")
    page.set_input_files("input[type=file]", tmp_path / "text.png")
    error = page.get_by_test_id("stAlert").first
    error.wait_for()
    assert "cannot be read as an image" in error.inner_text()
    assert page.get_by_test_id("stException").count() == 0


@pytest.mark.slow
def test_without_the_data_set(page, run_without_data, known_digit, tmp_path) -> None:
    with started("demo", tmp_path, [run_without_data], "/_stcore/health") as server:
        page.goto(f"http://127.0.0.1:{server.port}")
        page.get_by_text("No samples:").wait_for()
        page.set_input_files("input[type=file]", known_digit[0])
        page.get_by_text("Without the data set").first.wait_for()
        settle(page)
        assert page.get_by_test_id("stProgress").count() == 2 * 5
        assert page.get_by_test_id("stImage").count() == 2  # overlay


def wait_for(page: Any, holds: Callable[[], bool]) -> None:
    """Wait until something holds, for half a minute."""
    for _ in range(300):
        if holds():
            return
        page.wait_for_timeout(100)
    raise AssertionError(page.inner_text("body"))


def settle(page: Any) -> None:
    """Wait until the page shows all that it will."""
    page.get_by_test_id("stImage").first.wait_for()
    page.locator("[data-testid=stApp][data-test-script-state=notRunning]").wait_for()


def test_mistakes_are_one_line(tmp_path, outcome) -> None:
    for args, word in (
        ([tmp_path / "nowhere"], "no run there"),
        ([tmp_path, "--port", 80], "--port is 80"),
        ([tmp_path, "--host", "203.0.113.9"], "--host 203.0.113.9"),
        ([], "run_dir"),
    ):
        status, _, error = outcome(main, *args)
        assert status == 2
        assert error.startswith("error: ") and error.count("\n") == 1 and word in error
