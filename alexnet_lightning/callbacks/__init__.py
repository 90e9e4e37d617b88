"""Lightning Callbacks that draw and measure a run; they never change training."""

from alexnet_lightning.callbacks.confusion import ConfusionMatrix as ConfusionMatrix
from alexnet_lightning.callbacks.curves import LearningCurves as LearningCurves
from alexnet_lightning.callbacks.embedding_pca import EmbeddingPCA as EmbeddingPCA
from alexnet_lightning.callbacks.epoch_estimate import EpochEstimate as EpochEstimate
from alexnet_lightning.callbacks.epoch_lines import EpochLines as EpochLines
from alexnet_lightning.callbacks.layers import LayerStatistics as LayerStatistics
from alexnet_lightning.callbacks.layers import LayerTable as LayerTable
from alexnet_lightning.callbacks.operations import OperationCount as OperationCount
from alexnet_lightning.callbacks.throughput import MatrixRate as MatrixRate
from alexnet_lightning.callbacks.throughput import Throughput as Throughput
