"""What the page knows of the network."""

import base64
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from alexnet_lightning.explanations.lesson.site import Samples, about, content_of
from alexnet_lightning.inference.choices import Source
from alexnet_lightning.inference.predictor import Predictor


def kernels_of(predictor: Predictor) -> Tensor:
    """The kernels in the page, (K, k, k, 3)."""
    kernels = content_of(predictor, [], Samples())["kernels"]
    content = bytearray(base64.b64decode(kernels["pixels"]))
    shape = (kernels["count"], kernels["side"], kernels["side"], 3)
    return torch.frombuffer(content, dtype=torch.uint8).view(shape)


def test_kernels_are_those_of_the_network(predictor_of: Callable[..., Predictor]) -> None:
    predictor = predictor_of()
    weight = predictor.model.network.features.conv1.weight
    peaks = weight.abs().amax((1, 2, 3), keepdim=True)
    expected = 127.5 * (1 + weight / peaks)
    assert (kernels_of(predictor).permute(0, 3, 1, 2) - expected).abs().max() <= 0.51


def test_kernels_of_gray_images_are_gray(predictor_of: Callable[..., Predictor]) -> None:
    kernels = kernels_of(predictor_of(channels=1))
    assert torch.equal(kernels[..., 0], kernels[..., 1])
    assert torch.equal(kernels[..., 0], kernels[..., 2])
    assert kernels.float().std() > 10


def test_of_a_checkpoint_file_no_accuracy_is_told(network_file: Callable[..., Path]) -> None:
    source = Source.find(network_file())
    told = about(Predictor.load(source), source)
    assert told.keys() == {"variant", "parameters"}
