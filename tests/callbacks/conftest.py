"""A classifier and data of a few numbers, with the public face that the callbacks know."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.loggers import WandbLogger
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet_lightning.training.metrics_csv import MetricsCSV

CLASSES = ["airplane", "automobile", "bird"]


class Batches:
    """Eight images at a time; no DataLoader, for Lightning warns of one without workers."""

    def __init__(self, images: Tensor, labels: Tensor) -> None:
        self.pairs = list(zip(images.split(8), labels.split(8), strict=True))

    def __len__(self) -> int:
        return len(self.pairs)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        return iter(self.pairs)


class TinyData(LightningDataModule):
    """Three clusters that lie apart."""

    class_names = CLASSES
    num_classes = len(CLASSES)

    def __init__(self, train: int = 24, val: int = 30) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.centres = torch.randn(3, 1, 4, 4, generator=generator)
        self.splits = {"train": self._draw(train, generator), "val": self._draw(val, generator)}

    def _draw(self, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        labels = torch.arange(count) % 3
        noise = torch.randn(count, 1, 4, 4, generator=generator)
        return self.centres[labels] + 0.3 * noise, labels

    def train_dataloader(self) -> Batches:
        return Batches(*self.splits["train"])

    def val_dataloader(self) -> Batches:
        return Batches(*self.splits["val"])

    def test_dataloader(self) -> Batches:
        return Batches(*self.splits["val"])

    def sample(self, split: str, count: int) -> tuple[Tensor, Tensor]:
        torch.rand(1)  # a careless data set: the callbacks must keep training clear of this
        images, labels = self.splits[split]
        return images[:count], labels[:count]


class TinyClassifier(LightningModule):
    """A trunk with batch norm and dropout, so that a mode or a draw out of place is seen."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Flatten(), nn.Linear(16, 12), nn.BatchNorm1d(12))
        self.frozen = nn.BatchNorm1d(12)
        self.hidden = nn.Sequential(nn.ReLU(), nn.Dropout(0.5), nn.Linear(12, 6))
        self.last = nn.Linear(6, 3)

    def on_train_epoch_start(self) -> None:
        self.frozen.eval()

    def embed(self, images: Tensor) -> dict[str, Tensor]:
        features = self.frozen(self.features(images))
        return {"features": features, "penultimate": self.hidden(features)}

    def _step(self, batch: tuple[Tensor, Tensor], stage: str) -> dict[str, Tensor]:
        images, targets = batch
        logits = self.last(self.embed(images)["penultimate"])
        loss = F.cross_entropy(logits, targets)
        top1 = (logits.argmax(1) == targets).float().mean()
        top2 = (logits.topk(2).indices == targets[:, None]).any(1).float().mean()
        values = {f"{stage}/loss": loss, f"{stage}/top1": top1, f"{stage}/top2": top2}
        self.log_dict(values, on_step=False, on_epoch=True, batch_size=len(images))
        return {"loss": loss, "logits": logits, "targets": targets}

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> Tensor:
        return self._step(batch, "train")["loss"]

    def validation_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> dict[str, Tensor]:
        return self._step(batch, "val")

    def test_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> dict[str, Tensor]:
        return self._step(batch, "test")

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


class WandbRecord(WandbLogger):
    """Keeps what a W&B logger is handed; the real one is tried with the whole command."""

    def __init__(self) -> None:
        super().__init__()
        self.images: dict[str, list[str]] = {}
        self.tables: dict[str, tuple[list[str], list[list[Any]]]] = {}

    @property
    def experiment(self) -> Any:
        return None

    def log_metrics(self, *args: Any, **kwargs: Any) -> None: ...

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None: ...

    def log_graph(self, *args: Any, **kwargs: Any) -> None: ...

    def save(self) -> None: ...

    def finalize(self, status: str) -> None: ...

    def log_image(self, key: str, images: list[Any], step: Any = None, **kwargs: Any) -> None:
        self.images.setdefault(key, []).extend(images)

    def log_table(self, key: str, columns: Any = None, data: Any = None, **kwargs: Any) -> None:
        self.tables[key] = (columns, data)


@pytest.fixture
def wandb_record() -> WandbRecord:
    return WandbRecord()


@pytest.fixture
def make_trainer(tmp_path: Path, wandb_record: WandbRecord) -> Callable[..., Trainer]:
    """A quiet CPU trainer of three epochs with MetricsCSV, other arguments as given."""

    def make(**arguments: Any) -> Trainer:
        defaults = {
            "max_epochs": 3,
            "accelerator": "cpu",
            "default_root_dir": tmp_path,
            "logger": [MetricsCSV(tmp_path), wandb_record],
            "log_every_n_steps": 1,
            "num_sanity_val_steps": 1,
            "enable_checkpointing": False,
            "enable_progress_bar": False,
            "enable_model_summary": False,
        }
        return Trainer(**{**defaults, **arguments})

    return make


@pytest.fixture
def model() -> TinyClassifier:
    torch.manual_seed(0)
    return TinyClassifier()


@pytest.fixture
def data() -> TinyData:
    return TinyData()
