"""Precisions, and an optimizer that is fused by default: what was asked for works or is refused."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from alexnet_lightning.evaluate import evaluate
from alexnet_lightning.fit import fit
from tests.strangers.conftest import Case

CLIPPED = "--trainer.fast_dev_run true --trainer.gradient_clip_val 1 --trainer.precision bf16-mixed"
TRIED = "fit --config {quick} --trainer.fast_dev_run true"
SGD = "--model.optimizer SGD --model.optimizer.lr 0.1"
CASES = [
    Case(f"fit --config {{quick}} {CLIPPED}", "", 0),
    Case(f"fit --config {{quick}} {CLIPPED} {SGD}", "", 0),
    Case(
        f"fit --config {{quick}} {CLIPPED} --model.optimizer.fused true",
        r"^error: trainer\.gradient_clip_val: .* leave out --model\.optimizer\.fused$",
    ),
    Case(f"{TRIED} --model.optimizer.foreach true", "", 0),
    Case(
        f"{TRIED} --model.optimizer.foreach true --model.optimizer.fused true",
        r"^error: model\.optimizer: `fused` and `foreach` cannot be `True` together",
    ),
    Case(
        f"{TRIED} --model.optimizer.differentiable true",
        r"^error: model\.optimizer: differentiable",
    ),
    Case(f"{TRIED} --model.optimizer SparseAdam", r"^error: model\.optimizer: SparseAdam does not"),
    *(
        Case(f"{TRIED} --trainer.precision {precision} {SGD}", "", 0)
        for precision in ("bf16-true", "bf16-mixed")
    ),
    Case(f"{TRIED} --trainer.precision 16-true {SGD} --data.targets MixUp", "", 0),
    Case(
        f"{TRIED} --trainer.precision 16-true",
        r"^error: model\.optimizer\.eps is 1e-08, which is 0 in 16-true",
    ),
    Case(
        f"{TRIED} --trainer.precision transformer-engine",
        r'^error: trainer: .* pip install "transformer_engine',
    ),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_trains_or_is_refused_in_one_line(
    case: Case, ends: Callable[..., tuple[str, str]]
) -> None:
    ends(case)


def test_a_run_of_64_bits_is_kept_and_used_in_full(
    quick_config: Path, in_tmp: Path, monkeypatch: pytest.MonkeyPatch, ends: Callable[..., object]
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    figures = fit(quick_config, {"trainer.precision": "64-true", "trainer.max_epochs": 1})
    run = Path(figures["run"])
    weights = torch.load(run / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
    assert {values.dtype for values in weights.values() if values.ndim} == {torch.float64}
    seen = evaluate(run)
    assert seen == {key: json.loads((run / "summary.json").read_text())[key] for key in seen}
    image = run / "figures" / "loss.png"
    ends(Case("predict {run} {image}", "", 0), run=run, image=image)
