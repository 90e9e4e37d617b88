"""The demo's page; Streamlit runs it from the top whenever a widget changes."""

import json
import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st
import yaml
from torch import Tensor

from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.explanations import neighbours as among
from alexnet_lightning.explanations.images import ShownImages, brief, run_data, show
from alexnet_lightning.explanations.layers import grad_cam, overlay
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
    """One visitor at a time: Grad-CAM adds hooks to networks that all visitors share."""
    return threading.Lock()


@st.cache_resource(show_spinner="Loading the network …")
def predictor(network: Network) -> Predictor:
    return Predictor.load(network.run, network.which)


def data(network: Network) -> ImageDataModule | str:
    """Return the network's data set, or the reason why it cannot be shown."""
    recipe = yaml.safe_load(RunFolder(network.run).config.read_text()).get("data")
    try:
        trained_on = predictor(network).trained_on
    except UserError as error:
        return str(error)
    return data_like(json.dumps([recipe, trained_on and trained_on.stored()]), network)


@st.cache_resource(show_spinner="Opening the data set …")
def data_like(recipe: str, _network: Network) -> ImageDataModule | str:
    """Return the data set of a recipe, shared by all with it; Streamlit ignores `_network`."""
    try:
        return run_data(RunFolder(_network.run), False, predictor(_network).trained_on)
    except (UserError, OSError) as error:
        return str(error)


@st.cache_resource(show_spinner="Embedding training images …")
def neighbours(network: Network, _data: ImageDataModule) -> among.Neighbours:
    return among.Neighbours(predictor(network), _data.splits["train"])


@st.cache_resource(show_spinner="Embedding validation images …")
def planes(network: Network, _data: ImageDataModule) -> among.Planes:
    return among.Planes(predictor(network), _data.splits["val"])


def page(runs: list[Path]) -> None:
    st.set_page_config(page_title="alexnet_lightning", layout="wide")
    with st.sidebar:
        st.title("What does it see?")
        every = [
            Network(run, which)
            for which in ("best", "last")
            for run in runs
            if (RunFolder(run).checkpoints / f"{which}.ckpt").is_file()
        ]
        options: Any = {"format_func": str, "max_selections": MOST}
        networks: list[Network] = st.multiselect("Networks", every, every[:2], **options)
        if not networks:
            st.stop()
        image = chosen_image(networks[0])
    if image is None:
        st.info("Upload an image.")
        st.stop()
    with lock():
        for column, network in zip(st.columns(len(networks)), networks, strict=True):
            with column:
                report(network, image)


def chosen_image(network: Network) -> bytes | Tensor | None:
    """Ask for a file, or one of the test images of a network's data set, uint8 (C, S, S)."""
    upload = st.file_uploader("Your image")
    if upload is not None:
        return upload.getvalue()
    found = data(network)
    if isinstance(found, str):
        st.caption(f"No samples: {found}")
        return None
    samples = ShownImages.of_split(found, "test", SAMPLES)
    numbers = range(len(samples.titles))
    number = st.radio("or a test image", numbers, format_func=samples.titles.__getitem__)
    return samples.images[number]


def report(network: Network, image: bytes | Tensor) -> None:
    st.subheader(str(network))
    try:
        wanted = predictor(network).preprocessing
        if isinstance(image, bytes):
            image = wanted.decode(image)
        elif image.shape != (wanted.channels, wanted.size, wanted.size):
            raise UserError("this network was trained on another data set: upload an image")
    except UserError as error:
        st.error(str(error))
        return
    show_classes(predictor(network), image)
    found = data(network)
    if isinstance(found, str):
        st.caption(f"Without the data set there are no neighbours and planes: {found}")
        return
    shown = ShownImages(image[None], ["this image"])
    st.pyplot(among.draw_neighbours(neighbours(network, found), shown))
    st.markdown("**Among validation images**, in both embeddings")
    st.pyplot(among.draw_planes(planes(network, found), image))


def show_classes(network: Predictor, image: Tensor) -> None:
    """Show the most probable classes, and the regions that raise the first."""
    (found,) = network.top(image[None])
    left, right = st.columns(2)
    with left:
        for name, value in zip(*found, strict=True):
            st.progress(value, f"{name} – {value:.1%}")
    first = network.class_names.index(found.classes[0])
    (heat,) = grad_cam(network.model, network.inputs(image[None])[:, 0], [first])
    (view,) = network.preprocessing.centre(image[None])
    with new_figure(3.2, 1.9) as figure:
        plain, over = figure.subplots(1, 2)
        show(plain, view, "network's view")
        overlay(over, view, heat, f"regions for {brief(found.classes[0])}")
    right.pyplot(figure)


if __name__ == "__main__":
    page([Path(name) for name in sys.argv[1:]])
