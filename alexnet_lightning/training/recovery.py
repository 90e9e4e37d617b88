"""A run resumes after any interruption as if there had been none."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loops.loop import _Loop
from lightning.pytorch.trainer.states import RunningStage

from alexnet_lightning.system import signals
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.checkpoints import rotate
from alexnet_lightning.training.divergence import DivergedError
from alexnet_lightning.training.frozen import freeze_parts, frozen_parts
from alexnet_lightning.training.metrics_csv import MetricsCSV
from alexnet_lightning.training.optimization import needs_total_steps
from alexnet_lightning.training.rank_zero import say
from alexnet_lightning.training.run_folder import LAST


class Recovery(Checkpoint):
    """Keep all that a run needs to resume, to the bit, in `checkpoints/last.ckpt`.

    At the end of every epoch, at the intervals below, on SIGINT, SIGTERM and SIGUSR1 after the step
    under way, and on an exception between two steps. With `accumulate_grad_batches` it waits for
    the optimizer's step, since accumulated gradients are not kept.

    Args:
        folder: of the checkpoints.
        metrics: metrics.csv, whose rows are part of every checkpoint.
        every_n_steps: optimizer steps between two checkpoints, >= 1; null for none within epochs.
        every_n_minutes: minutes between two checkpoints, > 0; null for none within epochs.
        keep: how many are kept, >= 1: last.ckpt, last-1.ckpt before it, and so on.
    """

    def __init__(
        self,
        folder: Path,
        metrics: MetricsCSV,
        every_n_steps: int | None = None,
        every_n_minutes: float | None = 10.0,
        keep: int = 2,
    ) -> None:
        if every_n_minutes is not None and not every_n_minutes > 0:
            raise UserError(f"recovery.every_n_minutes is {every_n_minutes}: give a number > 0")
        for name, value in (("every_n_steps", every_n_steps), ("keep", keep)):
            if value is not None and value < 1:
                raise UserError(f"recovery.{name} is {value}: give a number >= 1")
        self.every_n_steps = every_n_steps
        self.every_n_minutes = every_n_minutes
        self.keep = keep
        self.folder = folder
        self.metrics = metrics
        self.seconds_before = 0.0
        # Called once on rank zero: an earlier run's configuration is its own until then.
        self.on_first_save: Callable[[], None] = lambda: None
        self._trainer: Trainer | None = None
        self._saves = 0
        self._resumed = False
        self._in_epoch = False
        self._ended_at: int | None = None  # step that ended the run within an epoch
        self._metrics: list[dict[str, Any]] | None = None
        self._set_by_callbacks: dict[str, Any] | None = None

    @property
    def seconds(self) -> float:
        """Wall time of the training, with what was before a resume."""
        ended = self._ended or time.monotonic()
        return self.seconds_before + ended - self._started

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        self._trainer = trainer
        if stage == "fit":
            self._started = self._saved = time.monotonic()
            self._ended: float | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        # Now, in place of Lightning's handler, which talks to the other processes within a signal.
        signals.listen(*signals.STOP, signals.REQUEUE)
        # Of as many processes as there were; of fewer or more now, each image counts once still.
        if mine := (self._metrics or [])[trainer.global_rank :: trainer.world_size]:
            pl_module.train_metrics.restore(mine)  # type: ignore[operator, union-attr]
        if self._set_by_callbacks:  # at the start of an epoch, which does not come again within it
            freeze_parts(pl_module, self._set_by_callbacks["frozen"])
            trainer.accumulate_grad_batches = self._set_by_callbacks["accumulate_grad_batches"]

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if trainer.is_last_batch or (batch_idx + 1) % trainer.accumulate_grad_batches:
            return
        stop, due = self._agreed(trainer)
        ends_now = trainer.global_step == trainer.max_steps or (  # its steps or its time are over
            trainer.should_stop and trainer.fit_loop._can_stop_early
        )
        if ends_now:
            self._ended_at = trainer.global_step
        if stop or due or ends_now:
            self._in_epoch = True
            self.save(trainer)
            self._in_epoch = False
        if stop:
            raise signals.Stopped(stop)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if self._ended_at == trainer.global_step:
            self._add_best(trainer)
            return  # kept within the epoch: with more steps or time it goes on there, to the bit
        # Into metrics.csv now: Lightning tells the loggers of them after this checkpoint.
        found = trainer.callback_metrics.items()
        figures = {name: value.item() for name, value in found if name.startswith("train/")}
        figures.pop("train/loss_step", None)
        row = {"epoch": trainer.current_epoch, **figures}
        self.metrics.log_metrics(row, step=trainer.global_step - 1)
        self.save(trainer)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        stop, _ = self._agreed(trainer)
        if stop and trainer.global_step:
            raise signals.Stopped(stop)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        signals.forget()
        self._ended = time.monotonic()

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not (self._saves or self._resumed):  # a training of no steps
            self.save(trainer)
        if self._ended is None:  # killed after the last step: Lightning leaves its end out
            for callback in trainer.callbacks:  # type: ignore[attr-defined]
                callback.on_train_end(trainer, pl_module)

    def on_exception(self, trainer: Trainer, _: Any, exception: BaseException) -> None:
        progress = trainer.fit_loop.epoch_loop.batch_progress
        between_steps = progress.current.ready == progress.current.completed > 0
        if (
            isinstance(exception, Exception)
            and not isinstance(exception, DivergedError)
            and trainer.state.stage == RunningStage.TRAINING
            and trainer.world_size == 1  # the other processes would not come to this line
            and between_steps
            and not progress.is_last_batch
            and progress.current.completed % trainer.accumulate_grad_batches == 0
        ):
            self._in_epoch = True
            self.save(trainer)
        signals.forget()

    def on_save_checkpoint(self, trainer: Trainer, _: Any, checkpoint: dict[str, Any]) -> None:
        checkpoint["max_epochs"] = trainer.max_epochs
        checkpoint["world_size"] = trainer.world_size

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        if cut_short(checkpoint):
            trainer.fit_loop.setup_data()
            finish_epoch(checkpoint["loops"]["fit_loop"], int(trainer.num_training_batches))
        elif progress(checkpoint)["ready"] == progress(checkpoint)["processed"]:
            begin_an_epoch(trainer)
        check_steps(trainer, pl_module, checkpoint)
        processes = checkpoint.get("world_size", trainer.world_size)
        if processes != trainer.world_size:
            say(f"resumed by {trainer.world_size} processes, begun by {processes}: other batches")
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            state = checkpoint["callbacks"].get(callback.state_key, {})
            if isinstance(callback, EarlyStopping) and state:
                state["patience"] = callback.patience  # which its state would overrule
        # The run folder may have been moved, or named by another path.
        states = {key: s for key, s in checkpoint["callbacks"].items() if "best_model_path" in s}
        before = next(s["dirpath"] for key, s in states.items() if key.startswith("BestCheckpoint"))
        for state in states.values():
            if Path(state["dirpath"]).is_relative_to(before):  # else it lies outside
                folder = self.folder / Path(state["dirpath"]).relative_to(before)
                state["dirpath"] = str(folder)
                for name in ("best_model_path", "kth_best_model_path", "last_model_path"):
                    state[name] = str(folder / Path(state[name]).name) if state[name] else ""
                models = state["best_k_models"].items()
                state["best_k_models"] = {str(folder / Path(p).name): s for p, s in models}

    def _agreed(self, trainer: Trainer) -> tuple[signals.signal.Signals | None, bool]:
        """Return the signal that any rank got, and whether a checkpoint is due; alike on all."""
        by_time = self.every_n_minutes is not None and (
            time.monotonic() - self._saved > 60 * self.every_n_minutes
        )
        by_step = self.every_n_steps is not None and trainer.global_step % self.every_n_steps == 0
        asked = torch.tensor([int(signals.received or 0), int(by_time or by_step)])
        if trainer.world_size > 1:
            asked = trainer.strategy.reduce(asked.to(trainer.strategy.root_device), reduce_op="max")
        signum, due = asked.tolist()
        return signals.signal.Signals(signum) if signum else None, bool(due)

    def save(self, trainer: Trainer) -> None:
        """Write last.ckpt; the one before becomes last-1.ckpt, and so on."""
        if trainer.is_global_zero:
            rotate(self.folder, self.keep)
        trainer.save_checkpoint(self.folder / LAST, weights_only=False)
        if trainer.is_global_zero and not self._saves:
            self.on_first_save()
        self._saves += 1
        self._saved = time.monotonic()

    def _add_best(self, trainer: Trainer) -> None:
        """Let last.ckpt know the best checkpoint of the validation with which a run ends early."""
        if not trainer.is_global_zero:
            return
        path = self.folder / LAST
        content = torch.load(path, weights_only=True)
        for callback in trainer.checkpoint_callbacks:
            if isinstance(callback, ModelCheckpoint):
                content["callbacks"][callback.state_key] = callback.state_dict()
        content["callbacks"][self.state_key]["rows"] = self.metrics.rows
        trainer.strategy.checkpoint_io.save_checkpoint(content, path)

    def state_dict(self) -> dict[str, Any]:
        trainer = self._trainer
        assert trainer is not None
        rows = [dict(row) for row in self.metrics.rows]
        metrics = self._states(trainer) if self._in_epoch else None
        set_by_callbacks = {
            "frozen": frozen_parts(trainer.lightning_module),
            "accumulate_grad_batches": trainer.accumulate_grad_batches,
        }
        return {
            "rows": rows,
            "seconds": self.seconds,
            "train_metrics": metrics,
            "set_by_callbacks": set_by_callbacks,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.metrics.rows = state_dict["rows"]
        self.seconds_before = state_dict["seconds"]
        self._metrics = state_dict["train_metrics"]
        self._set_by_callbacks = state_dict.get("set_by_callbacks")  # earlier versions kept none
        self._resumed = True

    def _states(self, trainer: Trainer) -> list[dict[str, Any]]:
        """Return what the metrics of this epoch have counted so far, by process."""
        mine = trainer.lightning_module.train_metrics.state()  # type: ignore[operator, union-attr]
        if trainer.world_size == 1:
            return [mine]
        states: list[Any] = [None] * trainer.world_size
        torch.distributed.all_gather_object(states, mine)
        return states


def progress(checkpoint: dict[str, Any]) -> dict[str, int]:
    """Return how many epochs were begun ("ready") and trained ("processed")."""
    counts: dict[str, int] = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]
    return counts


def cut_short(checkpoint: dict[str, Any]) -> bool:
    """Tell whether an epoch was validated and counted as done before its last batch."""
    epochs = progress(checkpoint)
    batches = checkpoint["loops"]["fit_loop"]["epoch_loop.batch_progress"]
    ended = epochs["ready"] == epochs["processed"] > 0
    return bool(ended and not batches["is_last_batch"])


def finish_epoch(loop: dict[str, Any], batches: int) -> None:
    """Count an epoch that ended early, in a fit loop's state, as one of all `batches`.

    Lightning would skip as many batches of the next as this one had.
    """
    progress = loop["epoch_loop.batch_progress"]
    progress["is_last_batch"] = True
    progress["current"] = dict.fromkeys(progress["current"], batches)


def begin_an_epoch(trainer: Trainer) -> None:
    """Let the training begin an epoch once the loops have read their state from a checkpoint.

    With `max_steps`, Lightning 2.6 takes each checkpoint for one within an epoch, and would end an
    epoch that has ended a second time, without a batch.
    """
    loop = trainer.fit_loop
    read = loop.load_state_dict

    def load(*state: Any) -> None:
        read(*state)
        _Loop.restarting.fset(loop, False)  # type: ignore[attr-defined]

    loop.load_state_dict = load  # type: ignore[assignment, method-assign]


def check_steps(trainer: Trainer, module: LightningModule, checkpoint: dict[str, Any]) -> None:
    """Raise a UserError if a schedule was laid out over another number of steps than there are."""
    schedule: Any = module.lr_scheduler
    if schedule is None or not needs_total_steps(schedule):
        return
    now = trainer.estimated_stepping_batches
    for state in checkpoint["lr_schedulers"]:
        before = state.get("total_steps", now)
        if before != now:
            raise UserError(
                f"model.lr_scheduler was laid out over {before} steps, and with this number of "
                f"processes, images and epochs there are {now}; resume the run as it was begun, or "
                "start a new one"
            )
