"""The public names and where they lie; __init__.py reads them here. A new one is a line here."""

from alexnet_lightning.data.base import ImageDataModule as ImageDataModule
from alexnet_lightning.data.sets.cifar import CIFAR10DataModule as CIFAR10DataModule
from alexnet_lightning.data.sets.cifar import CIFAR100DataModule as CIFAR100DataModule
from alexnet_lightning.data.sets.digits import DigitsDataModule as DigitsDataModule
from alexnet_lightning.data.sets.image_folder import ImageFolderDataModule as ImageFolderDataModule
from alexnet_lightning.data.sets.imagenet import ImageNetDataModule as ImageNetDataModule
from alexnet_lightning.data.sets.stanford_dogs import (
    StanfordDogsDataModule as StanfordDogsDataModule,
)
from alexnet_lightning.data.sets.tiny_imagenet import (
    TinyImageNetDataModule as TinyImageNetDataModule,
)
from alexnet_lightning.data.transforms.colour import PCANoise as PCANoise
from alexnet_lightning.data.transforms.crops import Flip as Flip
from alexnet_lightning.data.transforms.crops import Identity as Identity
from alexnet_lightning.data.transforms.crops import PadCropAlternatingFlip as PadCropAlternatingFlip
from alexnet_lightning.data.transforms.crops import PadCropFlip as PadCropFlip
from alexnet_lightning.data.transforms.crops import Transform as Transform
from alexnet_lightning.data.transforms.resizing import ProgressiveResize as ProgressiveResize
from alexnet_lightning.data.transforms.resizing import (
    RandomResizedCropFlip as RandomResizedCropFlip,
)
from alexnet_lightning.data.transforms.resizing import ResizeCropFlip as ResizeCropFlip
from alexnet_lightning.data.transforms.targets import CutMix as CutMix
from alexnet_lightning.data.transforms.targets import MixUp as MixUp
from alexnet_lightning.data.transforms.targets import OneHot as OneHot
from alexnet_lightning.evaluate import evaluate as evaluate
from alexnet_lightning.fit import fit as fit
from alexnet_lightning.inference.predictor import Prediction as Prediction
from alexnet_lightning.inference.predictor import Predictor as Predictor
from alexnet_lightning.models.airbench import Airbench94 as Airbench94
from alexnet_lightning.models.alexnet import AlexNet as AlexNet
from alexnet_lightning.models.alexnet import AlexNet2012 as AlexNet2012
from alexnet_lightning.models.alexnet import AlexNetBN as AlexNetBN
from alexnet_lightning.models.alexnet import AlexNetBNSkip as AlexNetBNSkip
from alexnet_lightning.models.alexnet import AlexNetSkip as AlexNetSkip
from alexnet_lightning.models.alexnet import AlexNetSkipScaled as AlexNetSkipScaled
from alexnet_lightning.models.create import create_model as create_model
from alexnet_lightning.models.create import list_models as list_models
from alexnet_lightning.models.cuda_convnet import FourLayerNet as FourLayerNet
from alexnet_lightning.models.cuda_convnet import LocalNet as LocalNet
from alexnet_lightning.models.cuda_convnet import ThreeConvNet as ThreeConvNet
from alexnet_lightning.models.double_conv import DoubleConvAlexNet as DoubleConvAlexNet
from alexnet_lightning.models.double_conv import DoubleConvBNAlexNet as DoubleConvBNAlexNet
from alexnet_lightning.models.modern import AlexNetModern as AlexNetModern
from alexnet_lightning.models.one_weird_trick import AlexNetOWT as AlexNetOWT
from alexnet_lightning.models.torchvision import TorchvisionClassifier as TorchvisionClassifier
from alexnet_lightning.predict import predict as predict
from alexnet_lightning.system.errors import UserError as UserError
from alexnet_lightning.training.classifier import ImageClassifier as ImageClassifier
from alexnet_lightning.training.muon import MuonSGD as MuonSGD
from alexnet_lightning.training.run_folder import RunFolder as RunFolder
from alexnet_lightning.training.schedules import Plateau as Plateau
from alexnet_lightning.training.schedules import WarmupCosine as WarmupCosine
from alexnet_lightning.training.schedules import WarmupLinear as WarmupLinear
from alexnet_lightning.training.schedules import WarmupPolynomial as WarmupPolynomial

__version__: str
VARIANTS: dict[str, str]
DATA_SETS: dict[str, str]
PUBLIC: dict[str, str]
