"""torchvision's AlexNet: equal to torchvision's own, with its weights or those of a file."""

from pathlib import Path
from typing import Any

import pytest
import torch

from alexnet_lightning.models import AlexNetOWT
from alexnet_lightning.models.one_weird_trick import load_weights
from alexnet_lightning.system.errors import UserError
from tests.models.test_models import build


def test_torchvisions_weights_fit_and_give_torchvisions_logits() -> None:
    from torchvision.models import alexnet as reference

    torch.manual_seed(0)
    theirs = reference(weights=None).eval().to(memory_format=torch.channels_last)
    ours = AlexNetOWT(1000, 3, 224).network.eval()
    assert sum(p.numel() for p in ours.parameters()) == 61_100_840
    assert list(ours.state_dict()) == list(theirs.state_dict())
    load_weights(ours, theirs.state_dict())
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))


def test_the_last_layer_is_new_where_the_weights_have_other_classes() -> None:
    donor, ours = AlexNetOWT(7, 3, 224, width=0.1).network, AlexNetOWT(5, 3, 224, width=0.1).network
    head = ours.classifier[-1].weight.clone()
    load_weights(ours, donor.state_dict())
    assert torch.equal(ours.classifier[-1].weight, head)
    assert torch.equal(ours.classifier[1].weight, donor.classifier[1].weight)
    with pytest.raises(RuntimeError, match=r"features\.0\.weight"):
        load_weights(ours, {})


def test_pretrained_weights_come_from_a_file_and_the_backbone_can_be_frozen(tmp_path: Path) -> None:
    donor = build(AlexNetOWT, num_classes=9)
    torch.save(donor.network.state_dict(), tmp_path / "weights.pt")
    model = build(AlexNetOWT, weights=str(tmp_path / "weights.pt"), freeze_backbone=True)
    assert torch.equal(model.network.features[0].weight, donor.network.features[0].weight)
    assert model.network.classifier[-1].out_features == 7
    trained = {name for name, p in model.network.named_parameters() if p.requires_grad}
    assert trained
    assert all(name.startswith("classifier") for name in trained)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: None, r"model.weights: cannot get .*weights.pt .*No such file"),
        (lambda path: path.write_text("words"), r"model.weights: cannot get .*weights.pt"),
        (lambda path: torch.save({}, path), r"model.weights: .*weights.pt does not fit: .*Missing"),
    ],
)
def test_weights_that_cannot_be_read_are_reported_in_one_line(
    tmp_path: Path, make: Any, expected: str
) -> None:
    make(tmp_path / "weights.pt")
    with pytest.raises(UserError, match=expected) as raised:
        build(AlexNetOWT, weights=str(tmp_path / "weights.pt"))
    assert "\n" not in str(raised.value)
