"""The demo's page; Streamlit runs it from the top whenever a widget changes."""

import sys
import threading
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st
import torch
from torch import Tensor

from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.explanations import neighbours as among
from alexnet_lightning.explanations.images import ShownImages, brief, run_data, show
from alexnet_lightning.explanations.layers import NoPositionsError, grad_cam, overlay
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.plots.style import new_figure
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import short
from alexnet_lightning.training.run_folder import RunFolder

SAMPLES = 10
MOST = 3  # networks side by side
SIDE = 96  # pixels of a neighbour


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
    return Predictor.load(network.run, network.which, device=sys.argv[1])


@st.cache_resource(
    show_spinner="Opening the data set …", hash_funcs={Network: lambda network: str(network.run)}
)
def data(network: Network) -> ImageDataModule | str:
    """Return the data set of the network's run, or the reason why it cannot be shown."""
    try:
        return run_data(RunFolder(network.run), False, predictor(network).trained_on)
    except (UserError, OSError) as error:
        return str(error)


@st.cache_resource(show_spinner="Embedding training images …")
def neighbours(network: Network, _data: ImageDataModule) -> among.Neighbours:
    return among.Neighbours(predictor(network), _data.splits["train"])


@st.cache_resource(show_spinner="Embedding images …")
def planes(network: Network, _data: ImageDataModule) -> among.Planes:
    if _data.has_validation:
        return among.Planes(predictor(network), _data.splits["val"])
    return among.Planes(predictor(network), _data.splits["train"], "training")


def page(runs: list[Path]) -> None:
    st.set_page_config(page_title="alexnet_lightning", layout="wide")
    st.sidebar.title("What does it see?")
    every = [
        Network(run, which)
        for which in ("best", "last")
        for run in runs
        if RunFolder(run).file(which).is_file()
    ]
    options: Any = {"format_func": str, "max_selections": MOST}
    # Not in the sidebar: it would cut the names where they begin to differ.
    networks: list[Network] = st.multiselect("Networks", every, every[:2], **options)
    if not networks:
        st.stop()
    with st.sidebar:
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
    show_neighbours(neighbours(network, found), image)
    st.markdown("**Among validation images**, in both embeddings")
    st.pyplot(among.draw_planes(planes(network, found), image))


def show_neighbours(found: among.Neighbours, image: Tensor) -> None:
    """Show the nearest training images as the network sees them, with their classes as text."""
    st.markdown(f"**Nearest of {len(found.images):,} training images**, by penultimate features")
    pixels, labels = found.images[found.nearest(image[None])[1][0]]
    views = found.predictor.preprocessing.centre(pixels)
    times = -(-SIDE // views.shape[-1])  # whole pixels, not blurred by the browser
    large = views.repeat_interleave(times, dim=2).repeat_interleave(times, dim=3).movedim(1, -1)
    names = [short(found.predictor.class_names[label]) for label in labels.tolist()]
    st.image([each.squeeze(-1).numpy() for each in large], names, width=SIDE)


def show_classes(network: Predictor, image: Tensor) -> None:
    """Show the most probable classes, and the regions that raise the first."""
    (found,) = network.top(image[None])
    for name, value in zip(*found, strict=True):
        st.progress(value, f"{name} – {value:.1%}")
    first = torch.tensor([[network.class_names.index(found.classes[0])]])
    (view,) = network.preprocessing.centre(image[None])
    try:
        ((heat,),) = grad_cam(network.model, network.inputs(image[None])[:, 0], first)
    except NoPositionsError as error:
        st.caption(str(error))
        heat = None
    with new_figure(4, 2.4) as figure:
        plain, over = figure.subplots(1, 2)
        show(plain, view, "what the network sees")
        if heat is None:
            over.set_axis_off()
            over.text(0.5, 0.5, "no Grad-CAM here", ha="center", va="center", fontsize=9)
        else:
            colours = overlay(over, view, heat, f"raises {brief(found.classes[0])}")
            figure.colorbar(colours, ax=over, label="of its largest")
    st.pyplot(figure)


if __name__ == "__main__":
    # Streamlit puts the page's folder first, where `images` or `layers` would hide a user's module.
    sys.path[:] = [folder for folder in sys.path if folder != str(Path(__file__).parent)]
    page([Path(name) for name in sys.argv[2:]])
