"""Grad-CAM: the regions of an image that raise the logit of a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from alexnet_lightning.explanations.images import ShownImages, brief, percent, show
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.networks.base import Network
from alexnet_lightning.networks.inspect import evaluating
from alexnet_lightning.plots.style import new_figure
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.classifier import ImageClassifier

if TYPE_CHECKING:
    from captum.attr import LayerGradCam
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

CHUNK = 32  # images per forward and backward pass
CLASSES = 3  # the most probable ones


def grad_cam(model: ImageClassifier, images: Tensor, classes: Sequence[int] | Tensor) -> Tensor:
    """Return how much each position raises a class's logit, float32 (N, T, T), 0 to 1 per image.

    relu(Σ_c w_c · A_c), with A_c the output maps of the backbone and w_c the mean over positions of
    the logit's gradient with respect to A_c (Selvaraju et al. 2017, arXiv:1610.02391), enlarged
    bilinearly and divided by its maximum. Zero if nothing raises the logit.

    Args:
        model: of any variant, in any mode, which is kept.
        images: the network's input (N, C, T, T).
        classes: indices (N,), each from 0 to K - 1.

    Raises:
        UserError: captum is missing, or the backbone ends without maps, as a vision transformer.
    """
    targets = torch.as_tensor(classes, device=images.device)
    with evaluating(model):
        parts = [
            coarse_cam(model.network, *chunk)
            for chunk in zip(images.split(CHUNK), targets.split(CHUNK), strict=True)
        ]
    maps = F.interpolate(torch.cat(parts), images.shape[-2:], mode="bilinear")[:, 0]
    peaks = maps.amax(dim=(1, 2), keepdim=True)
    return (maps / peaks.where(peaks > 0, 1.0)).cpu()


def coarse_cam(network: Network, images: Tensor, classes: Tensor) -> Tensor:
    """Return Grad-CAM (N, 1, H, W) at the size of the backbone's output maps."""
    try:
        from captum.attr import LayerGradCam
    except ImportError:
        raise UserError("Grad-CAM needs captum: pip install alexnet-lightning[use]") from None
    layer, of_input = network.backbone_end()
    # Not network itself: a compiled one would be recompiled for the hooks.
    method: LayerGradCam = LayerGradCam(network.forward, layer)
    attributions = method.attribute(
        images.detach().requires_grad_(),  # even if the backbone is frozen
        target=classes,
        attribute_to_layer_input=of_input,
        relu_attributions=True,
    )
    assert isinstance(attributions, Tensor)
    if attributions.ndim != 4:
        raise UserError("Grad-CAM needs maps at the end of the backbone, and this network has none")
    return attributions.detach().float()


def draw_grad_cam(predictor: Predictor, shown: ShownImages) -> Figure:
    """Return a figure with a row per image: the network's view, and Grad-CAM of its top classes."""
    views = predictor.preprocessing.centre(shown.images)
    inputs = predictor.inputs(shown.images)[:, 0]
    names = predictor.class_names
    values, classes = predictor.probabilities(shown.images).topk(min(CLASSES, len(names)))
    heat = [grad_cam(predictor.model, inputs, column) for column in classes.unbind(1)]
    with new_figure(1.9 * (1 + len(heat)), 2 * len(views) + 0.5) as figure:
        grid = figure.subplots(len(views), 1 + len(heat), squeeze=False)
        for row, line in enumerate(grid):
            show(line[0], views[row], brief(shown.titles[row]))
            found = zip(line[1:], heat, classes[row].tolist(), values[row].tolist(), strict=True)
            for axes, maps, index, value in found:
                overlay(axes, views[row], maps[row], percent(names[index], value))
        figure.suptitle("Regions that raise the most probable classes (Grad-CAM)")
    return figure


def overlay(axes: Axes, image: Tensor, heat: Tensor, caption: str) -> None:
    """Draw an image (C, T, T) of 0-255 with a map (T, T) of 0-1 over it."""
    show(axes, image, caption)
    axes.imshow(heat.numpy(), cmap="inferno", vmin=0, vmax=1, alpha=0.6)
