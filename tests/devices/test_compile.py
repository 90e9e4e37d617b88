"""torch.compile sees each network as one graph: no return to Python between its layers."""

import pytest
import torch
from torch import _dynamo
from torch._dynamo.testing import CompileCounter

from alexnet_lightning.models import AlexNet, AlexNetModern
from alexnet_lightning.networks.layers import LocalResponseNorm
from alexnet_lightning.training.classifier import ImageClassifier
from tests.models.test_models import VARIANTS, build

# torch's own, when it traces an autograd.Function; the second one is of torch 2.11.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf"),
    pytest.mark.filterwarnings("ignore:.*Function'> should not be instantiated"),
]
QUICK = (AlexNet, AlexNetModern)  # with local response and batch normalization
KINDS = [
    pytest.param(kind, id=kind.__name__, marks=[] if kind in QUICK else [pytest.mark.slow])
    for kind in VARIANTS
]


@pytest.mark.parametrize("variant", KINDS)
def test_a_network_is_one_graph(variant: type[ImageClassifier]) -> None:
    network = build(variant).network
    _dynamo.reset()
    explained = _dynamo.explain(network)(torch.randn(2, 3, 32, 32))
    assert explained.graph_count == 1, explained.break_reasons
    assert explained.graph_break_count == 0


def test_local_response_norm_has_the_same_gradient_when_compiled() -> None:
    maps = torch.randn(2, 8, 4, 4, requires_grad=True)
    layer = LocalResponseNorm(8, alpha=1.0)
    (expected,) = torch.autograd.grad(layer(maps).square().sum(), maps)
    _dynamo.reset()
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    (ours,) = torch.autograd.grad(compiled(maps).square().sum(), maps)
    torch.testing.assert_close(ours, expected)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.__name__)
def test_a_second_step_and_a_second_batch_size_compile_nothing_more(
    variant: type[ImageClassifier],
) -> None:
    network = build(variant).network
    _dynamo.reset()
    counter = CompileCounter()
    step = torch.compile(network, backend=counter)
    for size in (8, 8, 7, 6, 5):  # the last batch of an epoch is smaller, and sizes become symbolic
        step(torch.randn(size, 3, 32, 32))
    assert counter.frame_count <= 2
