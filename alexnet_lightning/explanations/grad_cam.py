"""Grad-CAM: which places of a picture speak for a class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from torch.nn import functional as F

from alexnet_lightning.explanations.images import Pictures, brief, percent, show
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.networks.base import Network
from alexnet_lightning.networks.modes import evaluating
from alexnet_lightning.plots.style import new_figure
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.classifier import ImageClassifier

if TYPE_CHECKING:
    from captum.attr import LayerGradCam
    from matplotlib.figure import Figure

CHUNK = 32  # images per forward and backward pass
CLASSES = 3  # the most probable ones


def grad_cam(model: ImageClassifier, images: Tensor, classes: Sequence[int] | Tensor) -> Tensor:
    """Return how much each place speaks for a class, float32 (N, T, T), from 0 to 1 an image.

    relu(Σ_c w_c · A_c), with A_c the maps that leave the trunk and w_c the mean over the places of
    the logit's gradient with respect to A_c (Selvaraju et al. 2017, arXiv:1610.02391), enlarged
    bilinearly and divided by its maximum. Zero where nothing speaks for the class.

    Args:
        model: of any variant, in any mode, which it keeps.
        images: the network's input (N, C, T, T).
        classes: indices (N,), each from 0 to K - 1.

    Raises:
        UserError: captum is missing, or no maps leave the trunk, as in a vision transformer.
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
    """Return Grad-CAM (N, 1, H, W) as large as the maps that leave the trunk."""
    try:
        from captum.attr import LayerGradCam
    except ImportError:
        raise UserError("Grad-CAM needs captum: pip install alexnet-lightning[use]") from None
    layer, of_input = network.backbone_end()
    # Not network itself: a compiled one would be compiled anew for the hooks.
    method: LayerGradCam = LayerGradCam(network.forward, layer)
    attributions = method.attribute(
        images.detach().requires_grad_(),  # also where the trunk is frozen
        target=classes,
        attribute_to_layer_input=of_input,
        relu_attributions=True,
    )
    assert isinstance(attributions, Tensor)
    if attributions.ndim != 4:
        raise UserError("Grad-CAM needs maps at the end of the trunk, and this network has none")
    return attributions.detach().float()


def draw_grad_cam(predictor: Predictor, pictures: Pictures) -> Figure:
    """Return a figure with a row a picture: what the network sees, and Grad-CAM of its top three.

    Args:
        predictor: the network.
        pictures: to look at.
    """
    seen = predictor.preprocessing.centre(pictures.images)
    inputs = predictor.preprocessing.views(pictures.images, "centre")[:, 0]
    shares, places = predictor.probabilities(pictures.images).topk(
        min(CLASSES, len(predictor.class_names))
    )
    heat = [grad_cam(predictor.model, inputs.to(predictor.device), k) for k in places.unbind(1)]
    with new_figure(1.9 * (1 + len(heat)), 2 * len(seen) + 0.5) as figure:
        grid = figure.subplots(len(seen), 1 + len(heat), squeeze=False)
        for row, line in enumerate(grid):
            show(line[0], seen[row], brief(pictures.titles[row]))
            for axes, maps, place, share in zip(
                line[1:], heat, places[row].tolist(), shares[row].tolist(), strict=True
            ):
                show(axes, seen[row], percent(predictor.class_names[place], share))
                axes.imshow(maps[row].numpy(), cmap="inferno", vmin=0, vmax=1, alpha=0.6)
        figure.suptitle("What speaks for the most probable classes (Grad-CAM)")
    return figure
