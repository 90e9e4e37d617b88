"""The model card of a trained network: what it is, what it reached on which images, and its limits.

Source of the form: Mitchell et al. 2019, "Model Cards for Model Reporting"; the metadata are those
of the Hugging Face hub (https://huggingface.co/docs/hub/model-cards).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

import alexnet_lightning
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.training.run_folder import RunFolder

if TYPE_CHECKING:
    from huggingface_hub import EvalResult, ModelCard

LIBRARY = "alexnet_lightning"
TASK = "image-classification"
OWN = "imagefolder"  # the hub's word for images in class folders
# Of each data set: its name on the hub, where it is there, the name that people use, its classes.
DATA_SETS = {
    "CIFAR10DataModule": ("uoft-cs/cifar10", "CIFAR-10", 10),
    "CIFAR100DataModule": ("uoft-cs/cifar100", "CIFAR-100", 100),
    "DigitsDataModule": ("digits", "scikit-learn's digits", 10),
    "ImageNetDataModule": ("ILSVRC/imagenet-1k", "ImageNet", 1000),
    "StanfordDogsDataModule": ("stanford_dogs", "Stanford Dogs", 120),
    "TinyImageNetDataModule": ("zh-plus/tiny-imagenet", "Tiny ImageNet", 200),
}
METRICS = {  # of summary.json: type and name on the hub
    "test/top1": ("accuracy", "top-1 accuracy"),
    "test/top5": ("accuracy", "top-5 accuracy"),
    "test/loss": ("cross_entropy", "cross-entropy (nats)"),
}


def model_card(
    predictor: Predictor,
    run: RunFolder,
    figures: Mapping[str, Any],
    plots: Mapping[str, str],
    name: str,
) -> "ModelCard":
    """Return the card of a run's network.

    Args:
        predictor: the trained network.
        run: its folder, whose configuration names the data set.
        figures: summary.json of the run, if it is of this checkpoint; else empty, and the card
            claims nothing.
        plots: figures of the run, as paths from the card's folder, by what they show.
        name: of the model.
    """
    from huggingface_hub import ModelCard, ModelCardData

    on_hub, data = data_set(run, len(predictor.class_names))
    results = eval_results(figures, on_hub, data) if data else []
    about = ModelCardData(
        library_name=LIBRARY,
        pipeline_tag=TASK,
        tags=["alexnet", "pytorch-lightning", TASK],
        datasets=[on_hub] if "/" in on_hub else None,
        model_name=name if results else None,
        eval_results=results or None,
    )
    kept = predictor.preprocessing
    identity = predictor.trained_on
    return ModelCard.from_template(
        about,
        template_path=str(Path(__file__).with_suffix(".md.j2")),
        name=name,
        variant=type(predictor.model).__name__,
        parameters=f"{sum(each.numel() for each in predictor.model.parameters()):,}",
        data=data or "images",
        classes=kept.class_names,
        kept=kept,
        counts=identity.images if identity else {},
        results=[(each.metric_name, each.metric_value) for each in results],
        n=figures.get("test/images"),
        plots=list(plots.items()),
        own=type(predictor.model).__name__ not in alexnet_lightning.VARIANTS,
        figures=figures,
    )


def data_set(run: RunFolder, classes: int) -> tuple[str, str]:
    """Return a run's data set as the hub and as people name it; empty without a configuration.

    Some classes of a data set are not that data set.
    """
    try:
        data = yaml.safe_load(run.config.read_text(encoding="utf-8"))["data"]
        kind = data["class_path"].rpartition(".")[2]
        arguments = data.get("init_args", {})
    except (OSError, KeyError, TypeError, AttributeError, yaml.YAMLError):
        return "", ""  # of a checkpoint file alone
    if kind not in DATA_SETS:
        folder = arguments.get("folder")
        return OWN, f"images in {folder}" if folder else kind
    on_hub, name, every = DATA_SETS[kind]
    return (
        (on_hub, name)
        if classes == every
        else (OWN, f"{classes} of the {every:,} classes of {name}")
    )


def eval_results(figures: Mapping[str, Any], on_hub: str, data: str) -> "list[EvalResult]":
    """Return the metrics of the test images, in the order of the table."""
    from huggingface_hub import EvalResult

    return [
        EvalResult(
            task_type=TASK,
            dataset_type=on_hub,
            dataset_name=data,
            dataset_split="test",
            dataset_args={"test_images": figures.get("test/images")},
            metric_type=kind,
            metric_name=name,
            metric_value=figures[key],
        )
        for key, (kind, name) in METRICS.items()
        if key in figures
    ]
