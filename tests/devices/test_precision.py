"""Which numbers are 16 bits wide on a GPU under bf16-mixed, and which must not be.

CUDA's own rules of autocast, on tensors without values, so no GPU is needed. Forward alone: the
backward pass of a torch built for CUDA would ask for the driver.
"""

from collections import defaultdict
from typing import Any

import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torchmetrics import Metric

from alexnet_lightning.data.sets.cifar import CIFAR10DataModule
from alexnet_lightning.models import AlexNet, AlexNet2012, AlexNetBN
from alexnet_lightning.training.classifier import ImageClassifier
from tests.models.test_models import build


class Types(TorchDispatchMode):
    """The types of the tensors that each operation reads."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str, set[torch.dtype]] = defaultdict(set)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if args and isinstance(args[0], Tensor):
            self.of[func.overloadpacket.__name__].add(args[0].dtype)
        return func(*args, **(kwargs or {}))


@pytest.mark.skipif(torch.cuda.is_available(), reason="benchmarks/gpu_acceptance.py tells more")
@pytest.mark.parametrize("variant", [AlexNet, AlexNet2012, AlexNetBN])
def test_products_are_in_bfloat16_and_norms_and_losses_in_float32(
    variant: type[ImageClassifier], monkeypatch: pytest.MonkeyPatch
) -> None:
    # torch would turn autocast off where it finds no GPU.
    monkeypatch.setattr("torch.cuda.amp.common.amp_definitely_not_available", lambda: False)
    monkeypatch.setattr("torch.cuda.is_bf16_supported", lambda *_: True)
    model = build(variant)
    data = CIFAR10DataModule()
    with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad(), Types() as types:
        model.to("cuda")
        images = data.preprocess(torch.empty(8, 3, 32, 32, dtype=torch.uint8, device="cuda"))
        labels = torch.empty(8, dtype=torch.int64, device="cuda")
        types.of.clear()
        with torch.autocast("cuda", torch.bfloat16):
            step = model._step((images, labels), model.train_metrics)
    assert images.dtype == step["logits"].dtype == step["loss"].dtype == torch.float32
    narrow, full = {torch.bfloat16}, {torch.float32}
    assert types.of["convolution"] == types.of["addmm"] == narrow
    assert types.of["_log_softmax"] == types.of["nll_loss_forward"] == full
    if variant is not AlexNetBN:
        assert types.of["rsqrt"] == types.of["square" if "square" in types.of else "pow"] == full
    for metric in model.train_metrics.modules():
        if isinstance(metric, Metric):
            types_of_sums = {value.dtype for value in metric.metric_state.values()}
            assert types_of_sums <= {torch.float32, torch.int64}
