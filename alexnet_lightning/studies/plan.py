"""What a study's YAML says: variants, seeds, questions and what the sources print."""

import math
import re
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from alexnet_lightning.cli.config_files import check_yaml
from alexnet_lightning.cli.messages import as_user_error
from alexnet_lightning.studies.metrics import Kind, kind_of
from alexnet_lightning.studies.search import Sweep, check_sweep
from alexnet_lightning.system.errors import UserError


@dataclass(frozen=True)
class Variant:
    """One side of a comparison."""

    label: str = ""  # its name in the report; by default its key
    printed: str = ""  # the error that its source has for it, and for what protocol
    published: float | None = None  # the accuracy that its source has, 0 to 1: see `published.py`
    target: float | None = None  # accuracy, 0 to 1, that its mean is to pass: see `targets.py`
    config: list[str] = field(default_factory=list)  # configurations in place of the study's base
    overrides: dict[str, Any] = field(default_factory=dict)  # flags of `fit`, after the study's
    tune: dict[str, list[Any]] | None = None  # its grid in place of the study's; {}: not tuned


@dataclass(frozen=True)
class Question:
    """What two variants are compared for, and what its source says."""

    ask: str  # the question, in words
    of: str  # the variant in question
    against: str  # the variant that it is compared with, seed by seed
    metric: str = "test/top1"  # a figure of runs.csv, or the time to a level of a curve
    against_metric: str = ""  # another metric for `against`, as of a second embedding space
    primary: bool = False  # declared before the runs; any other contrast is exploratory
    margin: float | None = None  # equivalent within it, in the metric's unit; accuracies: 1 point
    source: str = ""  # what the source says, with its printed figure
    protocol: str = ""  # how the source's protocol differs from ours
    finding: str = ""  # our conclusion, in words; the figures come from the runs

    @property
    def kind(self) -> Kind:
        """Unit and direction of the metric."""
        return kind_of(self.metric)

    @property
    def equivalence(self) -> float | None:
        """The margin, or the one of its kind; None where there is none to test."""
        return self.kind.margin if self.margin is None else self.margin

    @property
    def within(self) -> str:
        """The margin in words: "within ± 1 point"."""
        one = self.equivalence == 1 and self.kind.unit != "s"
        unit = self.kind.unit.removesuffix("s") if one else self.kind.unit
        return f"within ± {self.equivalence:g} {unit}"

    @property
    def sides(self) -> list[tuple[str, str]]:
        """Variant and metric of both sides."""
        return [(self.of, self.metric), (self.against, self.against_metric or self.metric)]

    @property
    def compared(self) -> str:
        """The metric, or both."""
        return " against ".join(dict.fromkeys(metric for _, metric in self.sides))


@dataclass(frozen=True)
class Tune:
    """Settings that each variant gets its own value of, before the runs of the claim."""

    grid: dict[str, list[Any]]  # flags of `fit` and the values to try; of several all combinations
    seeds: list[int]  # for the trials alone, none of the study's
    metric: str = "val/top1"  # of validation or training, averaged over the seeds: best is taken
    overrides: dict[str, Any] = field(default_factory=dict)  # flags of `fit` for the trials alone


@dataclass(frozen=True)
class FullSize:
    """The same study at full size, for a GPU; base and overrides replace the study's."""

    base: list[str]
    overrides: dict[str, Any] = field(default_factory=dict)
    variants: dict[str, Variant] = field(default_factory=dict)  # their config and more overrides


@dataclass(frozen=True)
class Study:
    """Variants that differ in what is asked about, each trained with every seed."""

    title: str  # what the study is about
    base: list[str]  # configurations that all variants start from
    variants: dict[str, Variant]  # by name, which is the folder of their runs
    seeds: list[int]  # for `seed_everything`, at least one; two or more give intervals
    overrides: dict[str, Any] = field(default_factory=dict)  # flags of `fit`, for all variants
    questions: list[Question] = field(default_factory=list)  # which are compared, and why
    # Metrics and levels: the report tells after how many epochs each run reaches them.
    reach: dict[str, list[float]] = field(default_factory=dict)
    # Further tests of every run's tested weights by name: flags of `evaluate`, as of other images.
    also_test: dict[str, dict[str, Any]] = field(default_factory=dict)
    tune: Tune | None = None  # what to choose per variant before the claim, on validation
    levels: dict[str, float] = field(default_factory=dict)  # accuracies, 0 to 1: lines in figures
    embeddings: list[str] = field(default_factory=list)  # variants whose first seed's plots to show
    notes: str = ""  # what a reader should know of the sizes and the protocol
    full: FullSize | None = None  # the study at full size, for `--full`
    sweep: Sweep = field(default_factory=Sweep)  # how W&B goes through it, for `--sweep`

    def label(self, variant: str) -> str:
        """Return a variant's name for readers."""
        return self.variants[variant].label or variant

    def sides(self, question: Question) -> str:
        """Return the sides of a question for readers: "A against B"; "A" for two metrics of it."""
        return " against ".join(dict.fromkeys(self.label(name) for name, _ in question.sides))


def read_study(path: Path, full: bool = False) -> Study:
    """Return the study of a YAML file with the arguments of `Study`, at full size if asked."""
    from jsonargparse import ArgumentParser

    content = check_yaml(path)
    check_keys(path, content)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Study)
    try:
        study = Study(**parser.instantiate(parser.parse_object(content)))
        check_study(study)
        return at_full_size(study) if full else study
    except Exception as error:
        raise UserError(f"{path}: {as_user_error(error)}") from error


def check_keys(path: Path, content: dict[str, Any]) -> None:
    """Raise a UserError for an experiment, or for a key that no study has."""
    if {"model", "data", "trainer"} & content.keys():
        raise UserError(f"{path} is an experiment, no study: give it to fit")
    full = content.get("full")
    parts: list[tuple[str, type, Any]] = [("", Study, content), ("full.", FullSize, full)]
    parts.append(("tune.", Tune, content.get("tune")))
    questions = content.get("questions")
    for each in questions if isinstance(questions, list) else ():
        parts.append(("questions.", Question, each))
    for where, holder in (("", content), ("full.", full)):
        variants = holder.get("variants") if isinstance(holder, dict) else None
        for name, part in variants.items() if isinstance(variants, dict) else ():
            parts.append((f"{where}variants.{name}.", Variant, part))
    for where, kind, part in parts:
        known = [each.name for each in fields(kind)]
        for key in part if isinstance(part, dict) else ():
            if key not in known:
                close = get_close_matches(str(key), known, n=1)
                hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
                raise UserError(f"{path}: {where}{key}: no such key; {hint}")


def at_full_size(study: Study) -> Study:
    """Return the study at full size: the rates are the sources', so nothing is tuned."""
    full = study.full
    if full is None:
        raise UserError("full: this study has no full size; run it without --full")
    variants = {name: replace(each, tune=None) for name, each in study.variants.items()}
    for name, change in full.variants.items():
        config = change.config or variants[name].config
        overrides = variants[name].overrides | change.overrides
        variants[name] = replace(variants[name], config=config, overrides=overrides)
    return replace(
        study, base=full.base, overrides=full.overrides, variants=variants, tune=None, full=None
    )


def check_study(study: Study) -> None:
    """Raise a UserError if the parts of a study contradict each other."""
    if not study.variants:
        raise UserError("variants: name at least one")
    for name in study.variants:
        if Path(name).name != name or name.startswith("."):
            raise UserError(f"variants: {name!r} becomes a folder: give a plain name")
    if not study.seeds or len(set(study.seeds)) < len(study.seeds) or min(study.seeds) < 0:
        raise UserError(f"seeds: {study.seeds}: give one or more numbers >= 0, each once")
    for name in study.also_test:
        if not re.fullmatch(r"[\w-]+", name):
            raise UserError(f"also_test: {name!r}: give a name of letters, digits, _ and -")
    for question in study.questions:
        if len({kind_of(metric) for _, metric in question.sides}) > 1:
            raise UserError(f"questions: {question.ask}: the metrics have different units")
        if question.margin is not None and not 0 < question.margin < math.inf:
            raise UserError(f"questions: {question.ask}: margin {question.margin}: give one > 0")
    if study.tune:
        check_tune(study, study.tune)
    elif tuned := [name for name, each in study.variants.items() if each.tune]:
        raise UserError(f"variants.{tuned[0]}.tune: give the study's tune too, with its seeds")
    for name, accuracy in study.levels.items():
        if not 0 <= accuracy <= 1:
            raise UserError(f"levels: {name}: {accuracy}: give an accuracy from 0 to 1")
    for name, each in study.variants.items():
        for key, value in (("published", each.published), ("target", each.target)):
            if value is not None and not 0 <= value <= 1:
                raise UserError(f"variants.{name}.{key}: {value}: give an accuracy from 0 to 1")
    check_sweep(study.sweep)
    named = [("questions", name) for each in study.questions for name in (each.of, each.against)]
    named += [("embeddings", name) for name in study.embeddings]
    named += [("full.variants", name) for name in (study.full.variants if study.full else ())]
    for key, name in named:
        if name not in study.variants:
            raise UserError(f"{key}: no variant {name}; there are {', '.join(study.variants)}")


def check_tune(study: Study, tune: Tune) -> None:
    """Raise a UserError if trials could choose on what the claim is tested on."""
    if shared := sorted({*tune.seeds} & {*study.seeds}):
        raise UserError(f"tune.seeds: {shared} are seeds of the claim too: give others")
    if not tune.seeds or len(set(tune.seeds)) < len(tune.seeds) or min(tune.seeds) < 0:
        raise UserError(f"tune.seeds: {tune.seeds}: give one or more numbers >= 0, each once")
    kind_of(tune.metric)
    if not re.match(r"(val|last_val|train)/", tune.metric):
        raise UserError(
            f"tune.metric: {tune.metric}: give one of validation, as val/top1, or of training, as "
            "train/loss"
        )
    for grid in (tune.grid, *(each.tune or {} for each in study.variants.values())):
        for key, values in grid.items():
            if len(values) < 2:
                raise UserError(f"tune: {key}: {values}: give two values or more to choose from")
