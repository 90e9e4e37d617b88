"""Lightning Callbacks that draw and measure a run; they never change training."""

from alexnet_lightning.callbacks.confusion import ConfusionMatrix
from alexnet_lightning.callbacks.curves import LearningCurves
from alexnet_lightning.callbacks.embedding_pca import EmbeddingPCA
from alexnet_lightning.callbacks.epoch_lines import EpochLines
from alexnet_lightning.callbacks.layer_spreads import LayerSpreads
from alexnet_lightning.callbacks.layer_table import LayerTable
from alexnet_lightning.callbacks.throughput import Throughput

__all__ = [
    "ConfusionMatrix",
    "EmbeddingPCA",
    "EpochLines",
    "LayerSpreads",
    "LayerTable",
    "LearningCurves",
    "Throughput",
]
