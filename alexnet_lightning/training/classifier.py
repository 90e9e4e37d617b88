"""The step that every architecture shares, in training, validation and test."""

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer

from alexnet_lightning.data.transforms.views import SIX
from alexnet_lightning.networks.base import Network
from alexnet_lightning.networks.init import Init, initialise
from alexnet_lightning.networks.inspect import evaluating
from alexnet_lightning.networks.layers import Whitening
from alexnet_lightning.system import mode
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.notices import quieten
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.module import (
    LightningModule,
    LRSchedulerCallable,
    OptimizerCallable,
)
from alexnet_lightning.training.optimization import (
    Interval,
    build_optimizer,
    build_schedule,
    check_schedule,
    check_step,
    clips_mixed,
    is_finished,
    keep_lr_factors,
    needs_total_steps,
)

if TYPE_CHECKING:
    from alexnet_lightning.training.metrics import StageMetrics
    from alexnet_lightning.training.pretrained import Pretrained

Batch = tuple[Tensor, Tensor]


quieten()  # here, where every variant passes, so that one's own Trainer is quiet as well


class ImageClassifier(LightningModule, ABC):
    """A network for images, trained by cross entropy and judged by top-k accuracy.

    Variants are final subclasses that build one network; what can be composed is an argument here.

    Args:
        network: maps images (N, C, H, W) to logits (N, num_classes).
        num_classes: number of classes, at least 2.
        optimizer: `class_path` and `init_args` of any torch optimizer, or of `MuonSGD`; needed to
            train.
        lr_scheduler: the same of `Plateau`, or of any torch schedule.
        lr_interval: whether the schedule counts epochs or steps. A plateau counts validations, and
            one over a fixed budget (OneCycleLR) counts the steps of the run, whatever this says.
        top_k: accuracies to log, as `val/top1`; each from 1 to `num_classes` - 1; by default 1, and
            5 where there are more classes than that.
        bias_lr_factor: learning rate of biases and norms over that of weights; 2 in 2012.
        decay_biases: whether weight decay reaches biases and norms; false in 2012.
        backbone_lr_factor: learning rate of the backbone over that of the head, > 0.
        layer_options: options of the optimizer for the weights of some layers, by the layer's name,
            as {classifier: {weight_decay: 0.03}}; the last that fits counts. A name that ends with
            .bias is of that layer's bias. The option `epochs` is in how many epochs, from the
            first on, they are trained; they stay as they are then. `WarmupCosine`,
            `WarmupLinear` and `WarmupPolynomial` come to their end in that time.
        init: initialization, see `networks.init`; "paper" and "code_2012" need
            `data.pixel_max` 255.
        label_smoothing: part of the target spread evenly over all classes in training, 0 to 1.
        hardest: part of each training batch that the step is computed from, above 0 to 1: the
            images with the greatest loss, by a forward pass more. Training figures are of these.
            Source: Jiang et al., "Accelerating Deep Learning by Focusing on the Biggest Losers",
            2019, who choose at random by the loss.
        compile: whether torch compiles the network; the checkpoint's names stay as they are.

    Raises:
        UserError: a k, the smoothing or the part is out of range.
    """

    @abstractmethod
    def __init__(
        self,
        network: Network,
        num_classes: int,
        optimizer: OptimizerCallable | None = None,
        lr_scheduler: LRSchedulerCallable | None = None,
        lr_interval: Interval = "epoch",
        top_k: Sequence[int] | None = None,
        bias_lr_factor: float = 1.0,
        decay_biases: bool = True,
        backbone_lr_factor: float = 1.0,
        layer_options: Mapping[str, Mapping[str, float]] | None = None,
        init: Init = "default",
        label_smoothing: float = 0.0,
        hardest: float = 1.0,
        compile: bool = False,  # noqa: A002  # the word that users of torch know
    ) -> None:
        super().__init__()
        for name, value in (("optimizer", optimizer), ("lr_scheduler", lr_scheduler)):
            if value is not None and not callable(value):
                raise UserError(
                    f"model.{name} is {value!r}: give a function that makes one, as "
                    "functools.partial(torch.optim.Adam, lr=1e-3)"
                )
        if not 0 <= label_smoothing <= 1:
            raise UserError(f"model.label_smoothing is {label_smoothing}: give a number in [0, 1]")
        if not 0 < hardest <= 1:
            raise UserError(f"model.hardest is {hardest}: give a number above 0 to 1")
        # Optimiser and schedule are no plain values; the run's config.yaml has them.
        self.save_hyperparameters(ignore=["network", "optimizer", "lr_scheduler"], logger=False)
        if top_k is None:
            top_k = (1, 5) if num_classes > 5 else (1,)
        for k in top_k:
            if not 1 <= k < num_classes:
                raise UserError(
                    f"model.top_k: top-{k} says nothing about {num_classes} classes; "
                    f"give numbers from 1 to {num_classes - 1}"
                )
        if self.hparams:  # else this process only predicts, with weights that are loaded
            side = self.hparams.get("image_size", 32)
            initialise(network, init, (self.hparams.get("in_channels", 3), side, side))
        # The layout that convolutions are fastest in, on CPU and on tensor cores.
        self.network = network.to(memory_format=torch.channels_last)
        if compile:
            self.network.compile()
        self.optimizer = optimizer
        self._found_lr = False
        self.pretrained: Pretrained | None = None  # the run whose weights this model has
        self.lr_scheduler = lr_scheduler
        self.lr_interval: Interval = lr_interval
        self.bias_lr_factor = bias_lr_factor
        self.decay_biases = decay_biases
        self.backbone_lr_factor = backbone_lr_factor
        self.layer_options = layer_options
        self.label_smoothing = label_smoothing
        self.hardest = hardest
        if mode.may_train:  # torchmetrics takes as long to import as Lightning
            from alexnet_lightning.training.metrics import StageMetrics

            self.train_metrics = StageMetrics("train", num_classes, top_k)
            self.val_metrics = StageMetrics("val", num_classes, top_k)
            self.test_metrics = StageMetrics("test", num_classes, top_k)

    @classmethod
    def from_folder(cls, folder: str | Path) -> Self:
        """Return a trained network of this class, on the CPU and in evaluation mode.

        Args:
            folder: one that `export --format hub` has written, or a run folder, whose best
                checkpoint is taken.

        Raises:
            UserError: there is none, it is of another class, or it does not fit this version.
        """
        from alexnet_lightning.training.hub_folder import from_folder

        return from_folder(cls, folder)

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, num_classes) of preprocessed images (N, C, H, W)."""
        return self.network(images)

    def embed(self, images: Tensor) -> dict[str, Tensor]:
        """Return the rows "features" (N, D) and "penultimate" (N, D'); see `Network.embed`."""
        return self.network.embed(images)

    @property
    def backbone(self) -> nn.Module:
        """The layers that Lightning's BackboneFinetuning freezes and trains later."""
        return nn.ModuleList(self.network.backbone_layers())

    @property
    def lr(self) -> float | None:
        """The optimizer's learning rate, which Lightning's LearningRateFinder sets."""
        return getattr(self.optimizer, "keywords", {}).get("lr")

    @lr.setter
    def lr(self, rate: float) -> None:
        assert self.optimizer is not None  # it found the rate
        found: dict[str, Any] = {"lr": rate}
        self.optimizer = partial(self.optimizer, **found)
        self._found_lr = True

    def setup(self, stage: str) -> None:
        trainer: Any = self.trainer
        if self.pretrained is not None and stage == "fit" and trainer.ckpt_path is None:
            # Some data sets know their classes only now.
            self.pretrained.keep_last_layer(self, trainer.datamodule.class_names)

    def on_fit_start(self) -> None:
        trainer: Any = self.trainer
        if self._found_lr:  # now, so that the groups' factors and the schedule follow it
            trainer.strategy.setup_optimizers(trainer)
        # A checkpoint has them, of its own machine or data.
        if trainer.ckpt_path is None and self.pretrained is None:
            for layer in self.network.modules():
                if isinstance(layer, Whitening):
                    # A sample that fixes the moments of 12-value patches.
                    layer.fit(trainer.datamodule.sample("train", 5000)[0].to(self.device))
        self.train_metrics.reset()
        from alexnet_lightning.training.averaging import count_on_host

        count_on_host(trainer)

    def on_train_start(self) -> None:
        # An epoch shorter than the interval would never log its rate.
        trainer: Any = self.trainer
        trainer.log_every_n_steps = min(trainer.log_every_n_steps, trainer.num_training_batches)
        if is_finished(trainer):  # resumed from its end
            trainer.should_stop = True

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        # At every batch, as a run may be resumed within an epoch. No gradient is computed for them,
        # except where other processes wait for it.
        for parameter in self._ended():
            parameter.requires_grad_(self.trainer.world_size > 1)

    def on_before_optimizer_step(self, optimizer: Optimizer) -> None:
        for parameter in self._ended():
            parameter.grad = None  # so that optimizers leave it as it is

    def _ended(self) -> list[nn.Parameter]:
        """Return the parameters whose `epochs` are over; see `layer_options`."""
        trainer: Any = self.trainer
        return [
            parameter
            for optimizer in trainer.optimizers
            for group in optimizer.param_groups
            if trainer.current_epoch >= group.get("epochs", math.inf)
            for parameter in group["params"]
        ]

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        trainer: Any = self.trainer
        if self.hardest < 1:
            batch = self._hardest_of(batch)
        loss = self._step(batch, self.train_metrics)["loss"]
        every = trainer.log_every_n_steps
        steps_now = trainer.is_last_batch or (batch_idx + 1) % trainer.accumulate_grad_batches == 0
        if steps_now and every and (trainer.global_step + 1) % every == 0:
            self._log_step(loss.item())
        return loss

    def _hardest_of(self, batch: Batch) -> Batch:
        """Return the images of a batch with the greatest loss, in their order."""
        images, targets = batch
        with torch.no_grad(), evaluating(self.network):
            losses = F.cross_entropy(full(self(images)), targets, reduction="none")
        count = math.ceil(self.hardest * len(images))
        kept = losses.topk(count).indices.sort().values
        return images[kept], targets[kept]

    def _log_step(self, loss: float) -> None:
        """Tell loggers and progress bar of the step under way."""
        trainer: Any = self.trainer
        rate = float(trainer.optimizers[0].param_groups[0]["lr"])
        figures = {"epoch": trainer.current_epoch, "lr": rate, "train/loss_step": loss}
        # To the loggers directly: `log` takes 0.45 ms a value, with what later steps read again.
        for logger in trainer.loggers:
            logger.log_metrics(figures, step=trainer.global_step)
        if trainer.progress_bar_callback is not None:
            self.log("train/loss_step", loss, prog_bar=True, logger=False)

    def validation_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        return self._step(batch, self.val_metrics)

    def test_step(self, batch: Batch, batch_idx: int) -> dict[str, Tensor]:
        return self._step(batch, self.test_metrics)

    def predict_step(self, batch: Batch | Tensor, batch_idx: int) -> Tensor:
        """Return probabilities (N, num_classes) of images, whose labels are not looked at."""
        images = batch if isinstance(batch, Tensor) else batch[0]
        return self.over_views(images if images.ndim == 5 else images[:, None]).exp()

    def _step(self, batch: Batch, metrics: "StageMetrics") -> dict[str, Tensor]:
        """Return loss (), logits (N, K), labels (N,); targets are (N,) or probabilities (N, K)."""
        images, targets = batch
        logits = full(self(images)) if images.ndim == 4 else self.over_views(images)
        smoothing = self.label_smoothing if metrics is self.train_metrics else 0.0
        labels = targets
        if targets.ndim == 2:
            labels, targets = targets.argmax(dim=1), targets.to(logits.dtype)
        loss = F.cross_entropy(logits, targets, label_smoothing=smoothing)
        metrics.update(loss, logits, labels)
        return {"loss": loss, "logits": logits, "targets": labels}

    def over_views(self, images: Tensor) -> Tensor:
        """Return the logarithm of the probabilities' mean over views: (N, V, C, H, W) to (N, K).

        Six views are the weighted mean of their logits, as that of `views.SIX`.

        Source: Krizhevsky et al. 2012, section 4.1, who average the softmax of ten views; of the
        six, airbench94_muon.py.
        """
        views = torch.stack([full(self(view)) for view in images.unbind(dim=1)])
        if len(views) == len(SIX):
            return torch.einsum("v,vnk->nk", views.new_tensor(SIX), views).log_softmax(dim=-1)
        return views.log_softmax(dim=-1).logsumexp(dim=0) - math.log(len(views))

    def on_validation_epoch_start(self) -> None:
        self.val_metrics.reset()

    def on_test_epoch_start(self) -> None:
        self.test_metrics.reset()

    def on_train_end(self) -> None:
        for parameter in self._ended():  # another training may begin
            parameter.requires_grad_(True)

    def on_train_epoch_end(self) -> None:
        self._log_epoch(self.train_metrics)

    def on_validation_epoch_end(self) -> None:
        self._log_epoch(self.val_metrics)
        limit = self.trainer.limit_val_batches
        of_some = isinstance(limit, int) or limit < 1
        if of_some or self.trainer.state.fn == "validate":  # by `evaluate`
            self.log("val/images", self.val_metrics.images)

    def on_test_epoch_end(self) -> None:
        self._log_epoch(self.test_metrics)
        self.log("test/images", self.test_metrics.images)

    def _log_epoch(self, metrics: "StageMetrics") -> None:
        metrics.count()
        # As objects: Lightning computes them over all processes, then resets them. Once an epoch:
        # to log them at each step as well costs more than to update them.
        self.log(f"{metrics.stage}/loss", metrics.loss, prog_bar=True)
        self.log_dict(metrics.accuracies, prog_bar=metrics.stage == "val")

    def check_recipe(self) -> None:
        """Build optimizer and schedule; UserError if one of them refuses its arguments."""
        try:
            optimizer = self._build_optimizer()
            assert self.optimizer is not None  # it would have said so
            check_step(self.optimizer)
        except (RuntimeError, TypeError, ValueError) as error:
            raise UserError(f"model.optimizer: {one_line(error)}") from error
        if self.lr_scheduler is None:
            return
        budget: dict[str, Any] = {}
        if needs_total_steps(self.lr_scheduler):
            budget["total_steps"] = 2
        try:
            check_schedule(self.lr_scheduler(optimizer, **budget))
        except Exception as error:  # torch's classes refuse values by errors of many kinds
            raise UserError(f"model.lr_scheduler: {one_line(error)}") from error

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["variant"] = type(self).__name__
        data: Any = self.trainer.datamodule  # type: ignore[attr-defined]
        if data is not None:
            checkpoint["preprocessing"] = data.preprocessing()
            checkpoint["data"] = data.identity.stored()

    def configure_optimizers(self) -> Any:
        optimizer = self._build_optimizer()
        if self.lr_scheduler is None:
            return optimizer
        schedule = build_schedule(self.lr_scheduler, optimizer, self.lr_interval, self.trainer)
        return {"optimizer": optimizer, "lr_scheduler": schedule}

    def lr_scheduler_step(self, scheduler: Any, metric: Any) -> None:
        super().lr_scheduler_step(scheduler, metric)
        keep_lr_factors(scheduler)
        if is_finished(self.trainer):
            self.trainer.should_stop = True

    def _build_optimizer(self) -> Optimizer:
        if self.optimizer is None:
            raise UserError(
                "model.optimizer: none is given; name one, "
                "as in --model.optimizer Adam --model.optimizer.lr 0.001"
            )
        return build_optimizer(
            self.optimizer,
            self,
            self.bias_lr_factor,
            self.decay_biases,
            self.backbone_lr_factor,
            self.layer_options,
            one_kernel=self._trainer is None or not clips_mixed(self._trainer),
        )


def full(logits: Tensor) -> Tensor:
    """Return logits in float32 at least, in which losses and probabilities are computed."""
    return logits.to(torch.promote_types(logits.dtype, torch.float32))
