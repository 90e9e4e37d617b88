"""The site as files: the page, its scripts, and the network and its runtime as scripts too."""

from __future__ import annotations

import base64
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import PIL
from torch import Tensor

import alexnet_lightning
from alexnet_lightning.explanations.images import ShownImages, run_data
from alexnet_lightning.explanations.layers import first_kernels, kernel_pixels
from alexnet_lightning.explanations.lesson.claims import claims_html
from alexnet_lightning.explanations.lesson.evidence import (
    Found,
    activations,
    answers,
    errors,
    ladder,
)
from alexnet_lightning.explanations.lesson.graph import (
    TOP,
    Stage,
    check_graph,
    shown_stages,
    write_graph,
)
from alexnet_lightning.explanations.lesson.runtime import API, LOADER, VERSION, WASM
from alexnet_lightning.explanations.run_page import read_config
from alexnet_lightning.explanations.thumbnails import png
from alexnet_lightning.inference.choices import Source
from alexnet_lightning.inference.hub import tested
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.studies.statistics import binomial_error
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder, note

if TYPE_CHECKING:
    from jinja2 import Environment

PAGE = Path(__file__).parent / "page"
# In the order in which they need each other; before them the runtime and what is generated.
SCRIPTS = (
    "bytes.js", "pixels.js", "resize.js", "network.js", "paint.js", "look.js", "ladder.js",
    "activations.js",
)  # fmt: skip
GENERATED = (API, "runtime.js", "graph.js", "content.js")
SAMPLES = 10


class Samples(NamedTuple):
    """Test images of the network's data set, uint8 (N, C, S, S), and their classes; or None."""

    images: Tensor | None = None
    titles: Sequence[str] = ()

    @classmethod
    def of(cls, source: Source, predictor: Predictor) -> Samples:
        try:
            data = run_data(source.run, False, predictor.trained_on)
        except (UserError, OSError) as error:
            note(f"no test images on the page: {error}")
            return cls()
        shown = ShownImages.of_split(data, "test", SAMPLES)
        return cls(shown.images, shown.titles)


def write_site(
    folder: Path,
    predictor: Predictor,
    source: Source,
    samples: Samples,
    studies: Sequence[Found],
    claims: str,
    runtime: dict[str, bytes],
) -> None:
    """Write all files into a folder that is there.

    UserError if the page cannot show this network, or a package is missing.
    """
    stages = shown_stages(predictor)
    graph = folder / "graph.onnx"
    write_graph(predictor, stages, graph)
    check_graph(predictor, graph, checked(samples, predictor))
    write_script(folder / "graph.js", "GRAPH", zipped(graph.read_bytes()))
    graph.unlink()
    # Without its last line, for which developers' tools would ask for a file that is not here.
    (folder / API).write_bytes(runtime[API].partition(b"\n//# sourceMappingURL")[0] + b"\n")
    parts = {"loader": encoded(runtime[LOADER]), "wasm": zipped(runtime[WASM])}
    write_script(folder / "runtime.js", "RUNTIME", parts)
    facts = [each for study in studies if (each := activations(study))]
    content = content_of(predictor, stages, samples) | {"activations": facts}
    write_script(folder / "content.js", "CONTENT", content)
    for name in (*SCRIPTS, "lesson.css"):
        (folder / name).write_bytes((PAGE / name).read_bytes())
    html = (
        environment()
        .get_template("index.html.j2")
        .render(
            scripts=[*GENERATED, *SCRIPTS],
            network=about(predictor, source),
            stages=stages,
            top=min(TOP, len(predictor.class_names)),
            size=predictor.preprocessing.size,
            crop=predictor.preprocessing.crop,
            kernels=first_kernels(predictor.model.network).shape,
            samples=samples,
            studies=[
                {"found": each, "answers": answers(each), "errors": errors(each)}
                for each in studies
            ],
            ladders=[(each, rungs) for each in studies if (rungs := ladder(each))],
            activations=facts,
            claims=claims and claims_html(claims, {each.name for each in studies}),
            version=alexnet_lightning.__version__,
            runtime=VERSION,
        )
    )
    (folder / "index.html").write_text(html, encoding="utf-8")


def checked(samples: Samples, predictor: Predictor) -> Tensor:
    """Return images to check the graph with, uint8 (N, 3, size, size): the samples, or noise."""
    import torch

    from alexnet_lightning.data.batches import seeded

    if samples.images is not None:
        return samples.images.expand(-1, 3, -1, -1)
    shape = (SAMPLES, 3, predictor.preprocessing.size, predictor.preprocessing.size)
    return torch.randint(256, shape, generator=seeded("cpu", 0)).byte()


def content_of(predictor: Predictor, stages: Sequence[Stage], samples: Samples) -> dict[str, Any]:
    """Return what the scripts know of the network, as plain values."""
    kernels = kernel_pixels(predictor.model.network)
    colours = kernels.expand(-1, 3, -1, -1) if kernels.shape[1] == 1 else kernels[:, :3]
    images = () if samples.images is None else samples.images
    return {
        "names": predictor.class_names,
        "size": predictor.preprocessing.size,
        "pillow": int(PIL.__version__.partition(".")[0]),  # of the predictor, see resize.js
        "stages": [stage._asdict() for stage in stages],
        "kernels": {
            "count": len(colours),
            "side": colours.shape[-1],
            "pixels": encoded(colours.permute(0, 2, 3, 1).contiguous().numpy().tobytes()),
        },
        "samples": [
            {"title": title, "png": encoded(png(image))}
            for title, image in zip(samples.titles, images, strict=True)
        ],
        "colours": {name: encoded(colour_table(name)) for name in ("viridis", "inferno")},
    }


def colour_table(name: str) -> bytes:
    """Return 256 colors of a map of matplotlib's, three bytes each."""
    from matplotlib import colormaps

    table: bytes = colormaps[name](range(256), bytes=True)[:, :3].tobytes()
    return table


def about(predictor: Predictor, source: Source) -> dict[str, str]:
    """Return what is known of the network: its name and size, and its test in figures."""
    figures, model = tested(source), predictor.model
    told = {
        "variant": type(model).__name__,
        "parameters": f"{sum(each.numel() for each in model.parameters()):,}",
    }
    if {"test/top1", "test/images"} <= figures.keys():
        top1, images = figures["test/top1"], int(figures["test/images"])
        error = 100 * binomial_error(top1, images)
        views = views_of(source.run)
        if views != "centre":
            told["views"] = views
        told["test"] = (
            f"{100 * top1:.2f} % of {images:,} test images right (one run, standard error "
            f"{error:.2f} points) after {figures.get('epochs', '?')} epochs"
        )
    return told


def views_of(run: RunFolder) -> str:
    """Return the views that a run's test averages."""
    options = read_config(run)["data"].get("init_args") or {} if run.config.is_file() else {}
    return str(options.get("views", "centre"))


def environment() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(PAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def write_script(path: Path, name: str, value: Any) -> None:
    """Write a value as a constant of a script, which a page from a folder may read."""
    path.write_text(f'"use strict";\nconst {name} = {json.dumps(value)};\n', encoding="utf-8")


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode()


def zipped(content: bytes) -> str:
    """Return bytes compressed, in base64; the same for the same bytes."""
    return encoded(gzip.compress(content, mtime=0))
