"""What is each idea in and after AlexNet worth? A reference laboratory in PyTorch Lightning."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alexnet_lightning.data.base import (
        ImageDataModule as ImageDataModule,
    )
    from alexnet_lightning.data.sets.cifar import (
        CIFAR10DataModule as CIFAR10DataModule,
    )
    from alexnet_lightning.data.sets.cifar import (
        CIFAR100DataModule as CIFAR100DataModule,
    )
    from alexnet_lightning.data.sets.digits import (
        DigitsDataModule as DigitsDataModule,
    )
    from alexnet_lightning.data.sets.image_folder import (
        ImageFolderDataModule as ImageFolderDataModule,
    )
    from alexnet_lightning.data.sets.imagenet import (
        ImageNetDataModule as ImageNetDataModule,
    )
    from alexnet_lightning.data.sets.stanford_dogs import (
        StanfordDogsDataModule as StanfordDogsDataModule,
    )
    from alexnet_lightning.data.sets.tiny_imagenet import (
        TinyImageNetDataModule as TinyImageNetDataModule,
    )
    from alexnet_lightning.data.transforms.colour import (
        PCANoise as PCANoise,
    )
    from alexnet_lightning.data.transforms.crops import (
        Flip as Flip,
    )
    from alexnet_lightning.data.transforms.crops import (
        Identity as Identity,
    )
    from alexnet_lightning.data.transforms.crops import (
        PadCropAlternatingFlip as PadCropAlternatingFlip,
    )
    from alexnet_lightning.data.transforms.crops import (
        PadCropFlip as PadCropFlip,
    )
    from alexnet_lightning.data.transforms.crops import (
        Transform as Transform,
    )
    from alexnet_lightning.data.transforms.resizing import (
        ProgressiveResize as ProgressiveResize,
    )
    from alexnet_lightning.data.transforms.resizing import (
        RandomResizedCropFlip as RandomResizedCropFlip,
    )
    from alexnet_lightning.data.transforms.resizing import (
        ResizeCropFlip as ResizeCropFlip,
    )
    from alexnet_lightning.data.transforms.targets import (
        CutMix as CutMix,
    )
    from alexnet_lightning.data.transforms.targets import (
        MixUp as MixUp,
    )
    from alexnet_lightning.data.transforms.targets import (
        OneHot as OneHot,
    )
    from alexnet_lightning.evaluate import (
        evaluate as evaluate,
    )
    from alexnet_lightning.fit import (
        fit as fit,
    )
    from alexnet_lightning.inference.predictor import (
        Prediction as Prediction,
    )
    from alexnet_lightning.inference.predictor import (
        Predictor as Predictor,
    )
    from alexnet_lightning.models.alexnet import (
        AlexNet as AlexNet,
    )
    from alexnet_lightning.models.alexnet import (
        AlexNet2012 as AlexNet2012,
    )
    from alexnet_lightning.models.alexnet import (
        AlexNetBN as AlexNetBN,
    )
    from alexnet_lightning.models.alexnet import (
        AlexNetBNSkip as AlexNetBNSkip,
    )
    from alexnet_lightning.models.alexnet import (
        AlexNetSkip as AlexNetSkip,
    )
    from alexnet_lightning.models.alexnet import (
        AlexNetSkipScaled as AlexNetSkipScaled,
    )
    from alexnet_lightning.models.create import (
        create_model as create_model,
    )
    from alexnet_lightning.models.create import (
        list_models as list_models,
    )
    from alexnet_lightning.models.double_conv import (
        DoubleConvAlexNet as DoubleConvAlexNet,
    )
    from alexnet_lightning.models.double_conv import (
        DoubleConvBNAlexNet as DoubleConvBNAlexNet,
    )
    from alexnet_lightning.models.four_layer import (
        FourLayerNet as FourLayerNet,
    )
    from alexnet_lightning.models.modern import (
        AlexNetModern as AlexNetModern,
    )
    from alexnet_lightning.models.one_weird_trick import (
        AlexNetOWT as AlexNetOWT,
    )
    from alexnet_lightning.models.torchvision import (
        TorchvisionClassifier as TorchvisionClassifier,
    )
    from alexnet_lightning.predict import (
        predict as predict,
    )
    from alexnet_lightning.system.errors import (
        UserError as UserError,
    )
    from alexnet_lightning.training.classifier import (
        ImageClassifier as ImageClassifier,
    )
    from alexnet_lightning.training.muon import (
        MuonSGD as MuonSGD,
    )
    from alexnet_lightning.training.run_folder import (
        RunFolder as RunFolder,
    )
    from alexnet_lightning.training.schedules import (
        Plateau as Plateau,
    )
    from alexnet_lightning.training.schedules import (
        WarmupCosine as WarmupCosine,
    )

__version__ = "0.1.0"

VARIANTS = {
    "AlexNet": "models.alexnet",
    "AlexNet2012": "models.alexnet",
    "AlexNetBN": "models.alexnet",
    "AlexNetBNSkip": "models.alexnet",
    "AlexNetModern": "models.modern",
    "AlexNetOWT": "models.one_weird_trick",
    "AlexNetSkip": "models.alexnet",
    "AlexNetSkipScaled": "models.alexnet",
    "DoubleConvAlexNet": "models.double_conv",
    "DoubleConvBNAlexNet": "models.double_conv",
    "FourLayerNet": "models.four_layer",
    "TorchvisionClassifier": "models.torchvision",
}
DATA_SETS = {
    "CIFAR10DataModule": "data.sets.cifar",
    "CIFAR100DataModule": "data.sets.cifar",
    "DigitsDataModule": "data.sets.digits",
    "ImageFolderDataModule": "data.sets.image_folder",
    "ImageNetDataModule": "data.sets.imagenet",
    "StanfordDogsDataModule": "data.sets.stanford_dogs",
    "TinyImageNetDataModule": "data.sets.tiny_imagenet",
}
COMMANDS = ("fit", "evaluate", "predict")  # the functions, not the modules of their names
PUBLIC = {
    **VARIANTS,
    **DATA_SETS,
    **{name: name for name in COMMANDS},
    "list_models": "models.create",
    "create_model": "models.create",
    "ImageClassifier": "training.classifier",
    "ImageDataModule": "data.base",
    "MuonSGD": "training.muon",
    "Plateau": "training.schedules",
    "WarmupCosine": "training.schedules",
    "Predictor": "inference.predictor",
    "Prediction": "inference.predictor",
    "RunFolder": "training.run_folder",
    "UserError": "system.errors",
    "Flip": "data.transforms.crops",
    "Identity": "data.transforms.crops",
    "PadCropAlternatingFlip": "data.transforms.crops",
    "PadCropFlip": "data.transforms.crops",
    "Transform": "data.transforms.crops",
    "ProgressiveResize": "data.transforms.resizing",
    "RandomResizedCropFlip": "data.transforms.resizing",
    "ResizeCropFlip": "data.transforms.resizing",
    "PCANoise": "data.transforms.colour",
    "CutMix": "data.transforms.targets",
    "MixUp": "data.transforms.targets",
    "OneHot": "data.transforms.targets",
}
__all__ = [*PUBLIC]


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: the package itself does not load torch."""
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{PUBLIC[name]}"), name)
    setattr(sys.modules[__name__], name, value)
    return value


class _Package(ModuleType):
    """The package: `alexnet_lightning.fit` is the function, also once its module is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in COMMANDS and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
