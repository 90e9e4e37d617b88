"""The lesson in a real browser, from a folder and from a server on this machine."""

import base64
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from PIL import Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from alexnet_lightning.explanations.layers import grad_cam
from alexnet_lightning.explanations.lesson.evidence import Found
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.lesson import lesson
from alexnet_lightning.studies.contrasts import contrasts

ROOT = Path(__file__).parents[3]
RESULTS = ROOT / "results"
CLAIMS = ROOT / "docs" / "claims.md"
WAIT = 60_000  # ms
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def network(network_file: Any) -> Path:
    return network_file(whitening=True)


@pytest.fixture(scope="module")
def predictor(network: Path) -> Predictor:
    return Predictor.load(network)


@pytest.fixture(scope="module")
def site(network: Path, runtime_package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lesson") / "site"
    studies = [RESULTS / name for name in ("ladder", "initialisation", "residual")]
    page = lesson(studies, network=network, output=folder, claims=CLAIMS, runtime=runtime_package)
    assert page == folder / "index.html"
    return folder


@pytest.fixture
def tab(browser: Any) -> Iterator[Any]:
    """An empty tab that notes what it asks for; errors of the page's own scripts fail."""
    tab = browser.new_page(viewport={"width": 1280, "height": 900})
    tab.set_default_timeout(WAIT)
    tab.asked, errors = [], []
    tab.on("request", lambda request: tab.asked.append(request.url))
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
    yield tab
    tab.close()
    assert not errors


@pytest.fixture
def page(tab: Any, addresses: dict[str, str]) -> Any:
    """The page from its folder, with the network ready."""
    return opened(tab, addresses["file"])


def opened(tab: Any, address: str) -> Any:
    tab.goto(f"{address}index.html")
    tab.get_by_text("The network is ready.").wait_for()
    return tab


def looked_at(page: Any, path: Path) -> dict[str, Any]:
    """Choose a file, and return what the page saw in it."""
    page.set_input_files("#file", path)
    page.locator("#status", has_text=f"{path.name}: predicted class").wait_for()
    seen: dict[str, Any] = page.evaluate(
        "Object.fromEntries(Object.entries(seen).map(([k, {data, dims}]) =>"
        " [k, {data: Array.from(data), dims}]))"
    )
    return {name: np.array(each["data"]).reshape(each["dims"]) for name, each in seen.items()}


def painted(width: int, height: int, seed: int = 0) -> Image.Image:
    """An image with edges, colors and noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    waves = np.stack([np.sin(x / 5), np.cos(y / 9), np.sin((x + y) / 13)], axis=-1)
    pixels = 127 + 90 * waves + random.normal(0, 20, (height, width, 3))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize("way", ["file", "http"])
@pytest.mark.parametrize("size", [(32, 32), (301, 200)])
def test_it_sees_what_the_predictor_does(
    way: str, size: tuple[int, int], tab: Any, addresses: dict[str, str], predictor, tmp_path
) -> None:
    path = tmp_path / "mine.png"
    painted(*size).save(path)
    page = opened(tab, addresses[way])
    seen = looked_at(page, path)
    image = predictor.preprocessing.decode(path)[None]
    (expected,) = predictor.top(image)
    assert [predictor.class_names[index] for index in seen["classes"]] == expected.classes
    assert seen["probabilities"] == pytest.approx(expected.probabilities, abs=1e-4)
    assert np.array_equal(seen["view"], image[0].numpy())
    classes = torch.tensor(seen["classes"])[None]
    heat = grad_cam(predictor.model, predictor.inputs(image)[:, 0], classes)[0].numpy()
    assert np.abs(seen["heat"] - heat).max() < 1e-4

    shown = page.locator(".class")
    assert shown.locator(".name").all_inner_texts() == expected.classes
    meters = [meter.evaluate("meter => meter.value") for meter in shown.locator("meter").all()]
    assert meters == pytest.approx(expected.probabilities, abs=1e-4)
    written = shown.locator(".figure").all_inner_texts()
    assert written == [f"{100 * each:.1f} %" for each in seen["probabilities"]]

    own = (addresses[way], "data:,", f"blob:{addresses[way].rstrip('/')}/", "blob:null/")
    assert [url for url in page.asked if not url.startswith(own)] == []


def test_it_may_ask_for_nothing_from_elsewhere(page: Any, tab: Any) -> None:
    """Tell that the page's own policy, and not luck, keeps requests within."""
    allowed = page.get_attribute("meta[http-equiv=Content-Security-Policy]", "content")
    parts = dict(part.split(maxsplit=1) for part in allowed.split(";"))
    assert parts["default-src"] == "'none'" and "connect-src" not in parts
    words = {word for sources in parts.values() for word in sources.split()}
    assert words == {"'none'", "'self'", "blob:", "data:", "'wasm-unsafe-eval'"}


def test_the_resize_is_pillows_to_the_bit(page: Any) -> None:
    sizes = [
        (64, 64),
        (300, 200),
        (31, 57),
        (5, 7),
        (32, 50),
        (51, 32),
        (32, 20),
        (40, 300),
        (32, 32),
    ]
    for width, height in sizes:
        image = painted(width, height)
        text = base64.b64encode(image.tobytes()).decode()
        found = page.evaluate(
            "([width, height, text]) => Array.from("
            "fitted({width, height, rgb: bytesOf(text)}, 32, CONTENT.pillow))",
            [width, height, text],
        )
        expected = ImageOps.fit(image, (32, 32), Image.Resampling.BILINEAR)
        assert bytes(found) == expected.tobytes(), (width, height)


def test_it_paints_the_numbers_in_the_colors_of_explain(page: Any, tmp_path) -> None:
    painted(32, 32).save(tmp_path / "mine.png")
    seen = looked_at(page, tmp_path / "mine.png")
    shown = seen["view"].transpose(1, 2, 0)
    assert np.array_equal(pixels_of(page.locator("#view")), shown)
    over = 0.4 * shown + 0.6 * colormaps["inferno"](seen["heat"][0], bytes=True)[..., :3]
    assert np.abs(pixels_of(page.locator("#heat")) - over).max() <= 1
    for number, layer in enumerate(["whiten", "half1", "half2", "relu3", "relu4", "relu5"]):
        canvases = page.locator(f"#maps-{number} canvas")
        assert canvases.count() == min(12, len(seen[layer]))
        colours = colormaps["viridis"](seen[layer][1], bytes=True)[..., :3]
        assert np.array_equal(pixels_of(canvases.nth(1)), colours)


def pixels_of(canvas: Any) -> np.ndarray:
    """What is painted on a canvas, (height, width, 3)."""
    url = canvas.evaluate("canvas => canvas.toDataURL()")
    content = base64.b64decode(url.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def test_images_are_turned_put_on_white_and_keep_their_numbers(
    page: Any, predictor, tmp_path
) -> None:
    turned, clear = tmp_path / "turned.jpg", tmp_path / "clear.png"
    tagged, gamma = tmp_path / "tagged.png", PngInfo()
    gamma.add(b"gAMA", (100_000).to_bytes(4, "big"))  # which browsers apply unless told not to
    painted(32, 32).save(tagged, pnginfo=gamma)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: the camera was held upright
    painted(90, 60).save(turned, quality=95, exif=exif)
    image = painted(40, 40).convert("RGBA")
    image.putalpha(Image.linear_gradient("L").resize((40, 40)))
    image.save(clear)
    for path, most in ((turned, 3), (clear, 1), (tagged, 0)):  # decoders of JPEG differ a little
        view = looked_at(page, path)["view"]
        expected = predictor.preprocessing.decode(path).numpy()
        assert np.abs(view - expected).max() <= most, path.name


def test_a_dropped_image_and_one_that_is_none(page: Any) -> None:
    content = io.BytesIO()
    painted(32, 32).save(content, "png")
    drop = """([text, name]) => {
        const given = new DataTransfer();
        given.items.add(new File([bytesOf(text)], name, {type: "image/png"}));
        document.body.dispatchEvent(
            new DragEvent("drop", {dataTransfer: given, bubbles: true, cancelable: true}));
    }"""
    page.evaluate(drop, [base64.b64encode(b"no image at all").decode(), "text.png"])
    page.get_by_text("text.png cannot be read as an image here").wait_for()
    assert page.locator("#seen").is_hidden()
    page.evaluate(drop, [base64.b64encode(content.getvalue()).decode(), "mine.png"])
    page.locator("#status", has_text="mine.png: predicted class").wait_for()
    assert page.locator("#seen").is_visible()


def test_classes_are_chosen_with_the_keyboard(page: Any, tmp_path) -> None:
    painted(32, 32).save(tmp_path / "mine.png")
    looked_at(page, tmp_path / "mine.png")
    before = page.locator("#heat").evaluate("canvas => canvas.toDataURL()")
    page.locator(".class input").first.focus()
    page.keyboard.press("ArrowDown")
    second = page.locator(".class .name").nth(1).inner_text()
    assert page.locator("#heat-of").inner_text() == second
    assert (
        page.locator("#heat").get_attribute("aria-label") == f"Grad-CAM of {second} over the image"
    )
    assert page.locator("#heat").evaluate("canvas => canvas.toDataURL()") != before


def test_the_ladder_tells_what_each_rung_adds(page: Any) -> None:
    found = Found.read(RESULTS / "ladder")
    steps = contrasts(found.study, found.evidence)
    slider, told = page.locator(".ladder input"), page.locator(".ladder output")
    assert "57.56 ± 0.78 %, n = 3" in told.inner_text()
    slider.focus()
    for number, step in enumerate(steps, start=1):
        page.keyboard.press("ArrowRight")
        text = told.inner_text()
        assert step.verdict in text
        assert found.study.label(step.question.of) in text
        assert page.locator(".rungs li:not(.ahead)").count() == number + 1
    assert slider.get_attribute("aria-valuetext") == "+ flip averaging at test"


def test_the_lines_grow_from_layer_to_layer(page: Any) -> None:
    chart = page.locator(".activations").first
    assert "8e-5" in chart.locator(".reaches").first.inner_text(), "the last layer, to begin with"
    slider = chart.locator("input[type=range]")
    slider.focus()
    page.keyboard.press("Home")
    assert chart.locator(".layer").inner_text() == "conv1"
    rows = Found.read(RESULTS / "initialisation").evidence.layer_statistics
    firsts = [
        row["forward"]
        for row in rows
        if row["variant"] == "paper_1" and row["step"] == 0 and row["layer"].endswith("conv1")
    ]
    mean = sum(firsts) / 3
    assert float(chart.locator(".reaches").first.inner_text().split()[0]) == pytest.approx(
        mean, rel=0.05
    )
    chart.get_by_role("button", name="Play").click()
    chart.get_by_text("conv2", exact=True).first.wait_for()
    page.wait_for_timeout(1500)
    points = chart.locator("polyline").first.get_attribute("points").split()
    assert 2 <= len(points) < 8
    chart.get_by_role("button", name="Pause").click()
    chart.get_by_label("after 100 steps").check()
    assert chart.locator(".line.chance").count() >= 2, "those at chance are dashed"


@pytest.mark.parametrize("width", [390, 1280])
def test_nothing_is_wider_than_the_screen_or_without_a_name(
    width: int, page: Any, tmp_path
) -> None:
    painted(32, 32).save(tmp_path / "mine.png")
    page.set_viewport_size({"width": width, "height": 844})
    looked_at(page, tmp_path / "mine.png")
    nameless = page.evaluate("""() => [...document.querySelectorAll(
        "[role=img], input, button")].filter(each => !(each.getAttribute("aria-label")
        || each.textContent.trim() || each.closest("label")?.textContent.trim()))
        .map(each => each.outerHTML)""")
    assert nameless == []
    for details in page.locator("details").all():
        details.locator("summary").click()
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert page.evaluate(wide) <= 0


def test_claims_lead_to_the_studies_that_are_there(page: Any) -> None:
    page.locator(".claims").get_by_role("link", name="residual").first.click()
    study = page.locator("details", has=page.locator("#study-residual"))
    study.get_by_text("gains 4.52 ± 0.96 points, n = 5").first.wait_for()
    assert study.get_by_text("27.23 ± 1.01 %, n = 5").is_visible()
    links = page.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
    ids = set(page.locator("[id]").evaluate_all("all => all.map(each => each.id)"))
    assert {link.removeprefix("#") for link in links} <= ids


def test_without_scripts_claims_and_answers_can_be_read(browser: Any, addresses) -> None:
    with browser.new_context(java_script_enabled=False) as context:
        tab = context.new_page()
        tab.goto(f"{addresses['file']}index.html")
        assert tab.locator("noscript p").is_visible()
        assert tab.get_by_text("confirmed to the digit").is_visible()
