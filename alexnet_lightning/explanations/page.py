"""The demo's page, which Streamlit runs from its top whenever something on it is changed."""

import json
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import streamlit as st
import torch
import yaml
from torch import Tensor

from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.explanations.grad_cam import grad_cam
from alexnet_lightning.explanations.images import Pictures, run_data, show
from alexnet_lightning.explanations.neighbours import Neighbours
from alexnet_lightning.explanations.planes import Planes, draw_planes
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.plots.style import new_figure
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder

SAMPLES = 10
MOST = 3  # networks side by side


class Network(NamedTuple):
    """A checkpoint of a run."""

    run: Path
    which: str

    def __str__(self) -> str:
        return f"{self.which} of {RunFolder(self.run.resolve()).name}"


@st.cache_resource
def lock() -> threading.Lock:
    """One visitor at a time: Grad-CAM hooks into networks that all visitors share."""
    return threading.Lock()


@st.cache_resource(show_spinner="Loading the network …")
def predictor(network: Network) -> Predictor:
    return Predictor.load(network.run, network.which)


def data(run: Path) -> ImageDataModule | str:
    """Return the run's data set, or why it cannot be had."""
    config = yaml.safe_load(RunFolder(run).config.read_text())
    return data_like(json.dumps(config.get("data")), run)


@st.cache_resource(show_spinner="Opening the data set …")
def data_like(recipe: str, _run: Path) -> ImageDataModule | str:
    """Return the data set of a recipe, once for all runs that have it; Streamlit skips `_run`."""
    try:
        return run_data(RunFolder(_run), download=False)
    except (UserError, OSError) as error:
        return str(error)


@st.cache_resource(show_spinner="Embedding training images …")
def neighbours(network: Network) -> Neighbours:
    return Neighbours(predictor(network), opened(network).splits["train"])


@st.cache_resource(show_spinner="Embedding validation images …")
def planes(network: Network) -> Planes:
    return Planes(predictor(network), opened(network).splits["val"])


def opened(network: Network) -> ImageDataModule:
    found = data(network.run)
    assert not isinstance(found, str)
    return found


def page(runs: list[Path]) -> None:
    """Show what networks make of a picture."""
    st.set_page_config(page_title="alexnet_lightning", layout="wide")
    with st.sidebar:
        st.title("What does it see?")
        networks = chosen_networks(runs)
        if not networks:
            st.stop()
        picture = chosen_picture(networks[0])
    if picture is None:
        st.info("Upload a picture.")
        st.stop()
    with lock():
        for column, network in zip(st.columns(len(networks)), networks, strict=True):
            with column:
                report(network, picture)


def chosen_networks(runs: list[Path]) -> list[Network]:
    """Ask for the networks that are shown side by side."""
    every = [
        Network(run, which)
        for which in ("best", "last")
        for run in runs
        if (RunFolder(run).checkpoints / f"{which}.ckpt").is_file()
    ]
    chosen: list[Network] = st.multiselect(
        "Networks", every, every[:2], format_func=str, max_selections=MOST
    )
    return chosen


def chosen_picture(network: Network) -> bytes | Tensor | None:
    """Ask for a file, or one of the test images of a network's data set, uint8 (C, S, S)."""
    upload = st.file_uploader("Your picture")
    if upload is not None:
        return upload.getvalue()
    found = data(network.run)
    if isinstance(found, str):
        st.caption(f"No samples: {found}")
        return None
    samples = Pictures.of_split(found, "test", SAMPLES)
    number = st.radio(
        "or a test image", range(len(samples.titles)), format_func=samples.titles.__getitem__
    )
    return samples.images[number]


def report(network: Network, picture: bytes | Tensor) -> None:
    """Show what a network says of a picture, and why."""
    st.subheader(str(network))
    try:
        image = as_stored(predictor(network), picture)
    except UserError as error:
        st.error(str(error))
        return
    show_classes(predictor(network), image)
    found = data(network.run)
    if isinstance(found, str):
        st.caption(f"Without the data set there are no neighbours and planes: {found}")
        return
    show_neighbours(neighbours(network), image)
    st.markdown("**Among validation images**, in both embeddings")
    st.pyplot(draw_planes(planes(network), image))


def as_stored(network: Predictor, picture: bytes | Tensor) -> Tensor:
    """Return a picture as a network's data set stores it, uint8 (C, S, S).

    Raises:
        UserError: the file is no image, or the image is of another data set.
    """
    wanted = network.preprocessing
    if isinstance(picture, bytes):
        return wanted.decode(picture)
    if picture.shape != (wanted.channels, wanted.size, wanted.size):
        raise UserError("this network is of another data set: upload a picture")
    return picture


def show_classes(network: Predictor, image: Tensor) -> None:
    """Show the most probable classes, and which places speak for the first."""
    (said,) = network.top(image[None])
    left, right = st.columns(2)
    with left:
        for name, share in zip(*said, strict=True):
            st.progress(share, f"{name} – {share:.1%}")
    inputs = network.preprocessing.views(image[None], "centre")[:, 0].to(network.device)
    first = network.class_names.index(said.classes[0])
    heat = grad_cam(network.model, inputs, torch.tensor([first]))[0]
    (seen,) = network.preprocessing.centre(image[None])
    with new_figure(3.2, 1.9) as figure:
        plain, over = figure.subplots(1, 2)
        show(plain, seen, "what it sees")
        show(over, seen, f"what speaks for {said.classes[0]}")
        over.imshow(heat.numpy(), cmap="inferno", vmin=0, vmax=1, alpha=0.6)
    right.pyplot(figure)


def show_neighbours(found: Neighbours, image: Tensor) -> None:
    """Show the training images that a network finds most like a picture."""
    st.markdown(f"**Nearest of {len(found.images):,} training images**, by penultimate features")
    (places,) = found.nearest(image[None])[1]
    pixels, labels = found.images[places]
    with new_figure(5.6, 1.25) as figure:
        row = figure.subplots(1, len(pixels), squeeze=False)[0]
        for axes, pixel, label in zip(row, pixels, labels.tolist(), strict=True):
            show(axes, pixel, found.predictor.class_names[label])
    st.pyplot(figure)


if __name__ == "__main__":
    page([Path(name) for name in sys.argv[1:]])
