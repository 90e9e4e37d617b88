"""What the same seed means on a GPU, as far as the CPU can tell."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from alexnet_lightning.callbacks.step_seed import StepSeed
from alexnet_lightning.models import AlexNet
from alexnet_lightning.training.classifier import ImageClassifier
from tests.models.test_mishkin import CHOICES
from tests.models.test_models import VARIANTS, build

# Without a deterministic kernel on CUDA, of those that a network for images may need: torch's list
# in the documentation of `torch.use_deterministic_algorithms`.
REFUSED = {
    "_adaptive_avg_pool2d_backward",
    "adaptive_max_pool2d_backward",
    "avg_pool3d_backward",
    "cumsum",
    "fractional_max_pool2d_backward",
    "grid_sampler_2d_backward",
    "histc",
    "nll_loss2d_forward",
    "reflection_pad2d_backward",
    "upsample_bicubic2d_backward",
    "upsample_bilinear2d_backward",
}


class Operations(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.overloadpacket.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(
    ("variant", "choice"),
    [*((variant, {}) for variant in VARIANTS), *((AlexNet, choice) for choice in CHOICES)],
    ids=str,
)
def test_every_variant_trains_with_deterministic_algorithms(
    variant: type[ImageClassifier], choice: dict[str, Any]
) -> None:
    network = build(variant, **choice).network
    with FakeTensorMode(allow_non_fake_inputs=True), Operations() as operations:
        F.cross_entropy(network(torch.empty(4, 3, 32, 32)), torch.arange(4)).backward()
    assert "_log_softmax_backward_data" in operations.names, "else nothing was seen"
    assert not operations.names & REFUSED


def test_the_seed_of_a_step_reaches_the_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    """So their generators need no place in a checkpoint."""
    seeds: list[int] = []
    monkeypatch.setattr("torch.cuda.manual_seed_all", seeds.append)

    class Trainer:
        current_epoch, global_rank = 2, 0

    begin: Callable[..., None] = StepSeed(3).on_train_batch_start
    for batch in (0, 1, 0):
        begin(Trainer, None, None, batch)
        assert torch.initial_seed() == seeds[-1]
    assert seeds[0] == seeds[2] != seeds[1]
