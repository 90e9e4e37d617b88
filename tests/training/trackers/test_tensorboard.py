"""What TensorBoard's own reader finds of a run."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from alexnet_lightning.training.trackers.tensorboard import markdown
from tests.training.trackers.conftest import FIGURES, scalars_of

accumulator = pytest.importorskip(
    "tensorboard.backend.event_processing.event_accumulator", reason="needs tensorboard"
)
SPACES = ("features", "penultimate")


def read(run: Path) -> Any:
    everything = dict.fromkeys(("scalars", "images", "tensors"), 0)
    found = accumulator.EventAccumulator(str(run / "tensorboard"), everything)
    return found.Reload()


def scalars(run: Path) -> dict[tuple[str, int], float]:
    found = read(run)
    return {
        (tag, event.step): event.value
        for tag in found.Tags()["scalars"]
        for event in found.Scalars(tag)
    }


def text(found: Any, tag: str) -> str:
    return str(found.Tensors(f"{tag}/text_summary")[-1].tensor_proto.string_val[0].decode())


@pytest.mark.parametrize("which", ["tracked", "resumed"])
def test_the_scalars_are_those_of_metrics_csv(which: str, request: pytest.FixtureRequest) -> None:
    run = request.getfixturevalue(which)
    expected = scalars_of(run)
    assert len(expected) > 30
    # Its files hold 32 bits of a number.
    assert scalars(run) == {key: float(np.float32(value)) for key, value in expected.items()}


def test_the_figures_are_those_of_the_folder(tracked: Path) -> None:
    found = read(tracked)
    assert set(found.Tags()["images"]) == FIGURES
    assert [event.step for event in found.Images("figures/embeddings")] == [6, 12]
    for key in FIGURES:
        shown = Image.open(BytesIO(found.Images(key)[-1].encoded_image_string))
        kept = Image.open(tracked / f"{key}.png").convert("RGB")
        assert np.array_equal(np.asarray(shown), np.asarray(kept)), key


def test_the_tables_are_those_of_the_folder(tracked: Path) -> None:
    found = read(tracked)
    for key, name in (("test/per_class_accuracy", "per_class_accuracy"), ("embeddings",) * 2):
        lines = text(found, key).splitlines()
        cells = [line.strip("| ").split(" | ") for line in [lines[0], *lines[2:]]]
        kept = (tracked / "figures" / f"{name}.csv").read_text().splitlines()
        assert cells == [line.split(",") for line in kept]
    assert "| test/top1 | " in text(found, "summary")
    assert "class_path: alexnet_lightning.AlexNetBN" in text(found, "config")


def test_the_projector_has_both_spaces_of_every_drawing(tracked: Path) -> None:
    from google.protobuf import text_format
    from tensorboard.plugins.projector.projector_config_pb2 import ProjectorConfig

    folder, config = tracked / "tensorboard", ProjectorConfig()
    text_format.Parse((folder / "projector_config.pbtxt").read_text(), config)
    names = [each.tensor_name for each in config.embeddings]
    assert names == [f"{name}:{step:05d}" for step in (6, 12) for name in SPACES]
    for each in config.embeddings:
        vectors = np.loadtxt(folder / each.tensor_path, delimiter="\t")
        classes = (folder / each.metadata_path).read_text().split()
        assert len(vectors) == len(classes) == 60
        assert set(classes) == set("0123456789")
    kept = np.genfromtxt(
        tracked / "figures" / "embeddings.csv", delimiter=",", skip_header=1, usecols=(2, 3)
    )
    assert np.allclose(vectors[:, :2], kept[-60:], atol=1e-6), "the axes are those of the figure"


def test_a_resumed_run_goes_on_in_its_folder(resumed: Path) -> None:
    steps = [step for key, step in scalars(resumed) if key == "lr"]
    assert len(steps) == len(set(steps)) == 18
    assert not list((resumed / "tensorboard").glob("version_*"))


def test_a_bar_in_a_name_is_no_column() -> None:
    assert markdown([["a|b", None, 1]]) == "| a\\|b |  | 1 |"
