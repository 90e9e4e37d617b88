"""What may change when a run is resumed; docs/train.md shows the same table."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import yaml

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.optimization import needs_total_steps
from alexnet_lightning.training.rank_zero import say
from alexnet_lightning.training.run_folder import RunFolder


class Row(NamedTuple):
    """What a change of these keys, and of all below them, means for a run that is resumed.

    "exact": the result is that of a run begun so; "said": allowed, and one line says what differs;
    "refused": a new run is needed. `why` is the reason.
    """

    keys: tuple[str, ...]
    verdict: Literal["exact", "said", "refused"]
    why: str


# The first row that has a key counts; keys that no row has do not reach the training.
TABLE = (
    Row(
        ("trainer.max_epochs", "trainer.max_steps"),
        "exact",
        "the run gets longer; refused if its schedule is laid out over its length",
    ),
    Row(
        ("trainer.max_time", "trainer.min_epochs", "trainer.min_steps"),
        "exact",
        "the run gets longer",
    ),
    Row(
        ("data.root", "data.cache", "data.storage", "data.workers"),
        "exact",
        "the images are the same",
    ),
    Row(
        (
            "trainer.logger",
            "trainer.log_every_n_steps",
            "trainer.enable_progress_bar",
            "trainer.enable_model_summary",
            "trainer.profiler",
            "trainer.detect_anomaly",
            "trainer.num_sanity_val_steps",
            "trainer.limit_test_batches",
            "recovery",
            "embedding_pca",
            "test",
            "allow_divergence",
            "log_best",
        ),
        "exact",
        "they only look on",
    ),
    Row(
        (
            "trainer.accelerator",
            "trainer.devices",
            "trainer.num_nodes",
            "trainer.strategy",
            "trainer.plugins",
            "trainer.sync_batchnorm",
        ),
        "said",
        "another number of processes trains on other batches; refused if a schedule laid out over "
        "the steps would get another number of them",
    ),
    Row(
        (
            "trainer.precision",
            "tf32",
            "trainer.deterministic",
            "trainer.benchmark",
            "model.compile",
        ),
        "said",
        "numbers are rounded in another way from there on",
    ),
    Row(
        ("trainer.gradient_clip_val", "trainer.gradient_clip_algorithm"),
        "said",
        "the steps are others from there on",
    ),
    Row(
        (
            "checkpoint",
            "trainer.check_val_every_n_epoch",
            "trainer.val_check_interval",
            "trainer.limit_val_batches",
        ),
        "said",
        "the best checkpoint is chosen in another way from there on",
    ),
    Row(
        ("trainer.callbacks",),
        "said",
        "a callback that is new knows nothing of what was before; refused for weight averaging and "
        "for a schedule of accumulation",
    ),
    Row(("pretrained",), "exact", "the checkpoint has the weights"),
    Row(("name", "runs_dir"), "refused", "a resumed run stays in its folder"),
    Row(
        ("seed_everything", "data.seed"),
        "refused",
        "everything random, the split too, comes from the seed",
    ),
    Row(
        ("data.batch_size", "trainer.accumulate_grad_batches", "trainer.limit_train_batches"),
        "refused",
        "an epoch has other steps then, and the schedule another length",
    ),
    Row(("data",), "refused", "the images, their order or the network's input would be others"),
    Row(
        ("model.optimizer", "model.lr_scheduler", "model.lr_interval"),
        "refused",
        "the checkpoint has their settings and their state",
    ),
    Row(("model",), "refused", "the checkpoint's weights are those of another model"),
    Row(("trainer",), "refused", "what it does to a run that has begun is not known"),
)
# Their state is a second set of weights, or decides when the optimizer steps.
BOUND = ("EMAWeightAveraging", "WeightAveraging", "GradientAccumulationScheduler")


def check_changes(run: RunFolder, cli: ExperimentCLI) -> None:
    """Say what differs from the run's own configuration; UserError if it cannot be resumed so."""
    before, now = settings(cli, run.config), settings(cli)
    if said := judged(run.path, before, now, laid_out_schedule(cli)):
        say(f"{run.path}: {'; '.join(said)}")


def judged(
    run: Path, before: Mapping[str, Any], now: Mapping[str, Any], schedule: str | None
) -> list[str]:
    """Return what is to be said of the changes between two configurations, by dotted key.

    `schedule` is the name of one that is laid out over the run's length. UserError for the first
    change that is refused.
    """
    said = []
    for key in sorted({*before, *now}):
        old, new, row = before.get(key), now.get(key), row_of(key)
        if old == new or row is None:
            continue
        verdict, why = row.verdict, row.why
        if row is TABLE[0] and schedule:
            verdict, why = "refused", f"its {schedule} is laid out over the run's length"
        elif key == "trainer.callbacks" and bound(old) != bound(new):
            verdict, why = "refused", "its state is a part of the training"
        if verdict == "refused":
            raise UserError(
                f"{key} is {shown(old)} in {run} and cannot become {shown(new)} on resuming: "
                f"{why}; leave it out, or start a new run"
            )
        if verdict == "said":
            said.append(f"{key} was {shown(old)} and is {shown(new)}: {why.split('; refused')[0]}")
    return said


def row_of(key: str) -> Row | None:
    """Return the row of the table that a key belongs to."""
    for row in TABLE:
        if any(f"{key}.".startswith(f"{own}.") for own in row.keys):
            return row
    return None


def laid_out_schedule(cli: ExperimentCLI) -> str | None:
    """Return the name of a schedule that is laid out over the run's length; None without one."""
    make = cli.model.lr_scheduler
    if make is None or not needs_total_steps(make):
        return None
    return str(cli.config.model.init_args.lr_scheduler.class_path.rsplit(".", 1)[-1])


def bound(callbacks: Any) -> list[Any]:
    """Return the callbacks that cannot come, go or change within a run."""
    listed = callbacks if isinstance(callbacks, list) else [callbacks]
    return [
        each
        for each in listed
        if isinstance(each, Mapping) and each["class_path"].rsplit(".", 1)[-1] in BOUND
    ]


def settings(cli: ExperimentCLI, config: Path | None = None) -> dict[str, Any]:
    """Return the values of a configuration by dotted key: of a file, or of the command line."""
    resolved = cli.as_yaml(cli.parsed(["--config", str(config)])) if config else cli.resolved
    return dict(leaves(yaml.safe_load(resolved)))


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted keys as flags have them, and their values; a class by its name alone."""
    if not isinstance(value, Mapping):
        yield key, value
        return
    for name, inner in value.items():
        if name == "class_path":  # classes may have moved between the two
            yield key, inner.rsplit(".", 1)[-1]
        elif name in ("init_args", "dict_kwargs"):
            yield from leaves(inner, key)
        else:
            yield from leaves(inner, f"{key}.{name}" if key else name)


def shown(value: Any) -> str:
    """Return a value as YAML has it, on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000).strip()
    return text.removesuffix("\n...")
