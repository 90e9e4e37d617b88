"""The page's graph: classes of the predictor, maps and Grad-CAM of `explanations.layers`."""

import sys
from pathlib import Path

import pytest
import torch
from onnxruntime import InferenceSession
from torch import Tensor

from alexnet_lightning.explanations.layers import grad_cam, stages
from alexnet_lightning.explanations.lesson import graph
from alexnet_lightning.explanations.lesson.graph import check_graph, shown_stages, write_graph
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.system.errors import UserError

NETWORKS = {
    "color": {},
    "whitened": {"whitening": True, "activation": "gelu", "logit_scale": 1 / 9},
    "large": {"size": "large", "classes": 3},
    "cropped": {"pixels": (40, 36, 32)},
    "gray": {"channels": 1},
}


def outputs(predictor: Predictor, image: Tensor, folder: Path) -> dict[str, Tensor]:
    """What ONNX Runtime makes of an image, uint8 (3, size, size)."""
    path = folder / "graph.onnx"
    write_graph(predictor, shown_stages(predictor), path)
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    values = session.run(None, {"pixels": image.permute(1, 2, 0).contiguous().numpy()})
    names = [each.name.removeprefix("seen.") for each in session.get_outputs()]
    return dict(zip(names, map(torch.from_numpy, values), strict=True))


@pytest.mark.parametrize("options", NETWORKS.values(), ids=NETWORKS)
def test_it_sees_what_the_predictor_and_the_figures_do(options, predictor_of, tmp_path) -> None:
    predictor = predictor_of(**options)
    kept = predictor.preprocessing
    image = torch.randint(256, (3, kept.size, kept.size), dtype=torch.uint8)
    found = outputs(predictor, image, tmp_path)
    decoded = kept.decode(image)[None]
    inputs = predictor.inputs(decoded)[:, 0]

    probabilities, classes = predictor.probabilities(decoded)[0].topk(
        min(5, options.get("classes", 7))
    )
    assert probabilities[0] - probabilities[-1] > 0.01, "a network that tells nothing apart"
    assert found["classes"].tolist() == classes.tolist()
    assert torch.allclose(found["probabilities"], probabilities, atol=1e-5)
    assert torch.equal(found["view"], kept.centre(decoded)[0].float())

    heat = grad_cam(predictor.model, inputs, classes[None])[0]
    assert heat.amax() == 1 and heat.std() > 0.01
    assert torch.allclose(found["heat"], heat, atol=1e-4)

    for name, maps in stages(predictor.model.network, inputs).items():
        positive = maps.clamp_min(0)
        order = positive.mean(dim=(1, 2)).argsort(descending=True)[:12]
        expected = positive[order] / positive[order].max()
        assert torch.allclose(found.pop(name), expected, atol=1e-4), name
    assert found.keys() == {"view", "classes", "probabilities", "heat"}


def test_grad_cam_of_nothing_that_raises_a_class_is_dark(predictor_of, tmp_path) -> None:
    predictor = predictor_of()
    torch.nn.init.constant_(predictor.model.network.classifier.fc.weight, -1)
    found = outputs(predictor, torch.full((3, 32, 32), 200, dtype=torch.uint8), tmp_path)
    assert found["heat"].abs().max() == 0


def test_a_graph_that_computes_something_else_is_refused(predictor_of, tmp_path) -> None:
    predictor, path = predictor_of(), tmp_path / "graph.onnx"
    write_graph(predictor, shown_stages(predictor), path)
    images = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    assert check_graph(predictor, path, images) < 1e-5
    torch.nn.init.zeros_(predictor.model.network.classifier.fc.weight)
    with pytest.raises(UserError, match=r"not written: the probabilities .* differ by 0\.\d+"):
        check_graph(predictor, path, images)


def test_other_networks_are_refused_in_a_line(trained_run, predictor_of, monkeypatch) -> None:
    with pytest.raises(UserError, match="--network: AlexNetBN does not end in global max pooling"):
        shown_stages(Predictor.load(trained_run))
    with pytest.raises(UserError, match=r"sees 4 px and ends in maps of 1 × 1"):
        shown_stages(predictor_of(pixels=(4, 4, 4)))
    monkeypatch.setattr(graph.torch.onnx, "export", None)
    with pytest.raises(UserError, match="--network: AlexNetModern cannot be exported: "):
        write_graph(predictor_of(), [], Path("nowhere"))


def test_a_missing_package_is_named(predictor_of, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(
        UserError, match=r"needs onnxscript: pip install 'alexnet-lightning\[use\]'"
    ):
        write_graph(predictor_of(), [], Path("nowhere"))
