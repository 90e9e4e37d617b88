"""What a study's YAML says: variants, seeds, questions and what the sources print."""

from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from alexnet_lightning.cli.config_files import check_yaml
from alexnet_lightning.cli.messages import as_user_error
from alexnet_lightning.studies.search import Sweep, check_sweep
from alexnet_lightning.system.errors import UserError


@dataclass(frozen=True)
class Variant:
    """One side of a comparison."""

    label: str = ""  # its name in the report; by default its key
    printed: str = ""  # the error that its source has for it, and for what protocol
    config: list[str] = field(default_factory=list)  # configurations in place of the study's base
    overrides: dict[str, Any] = field(default_factory=dict)  # flags of `fit`, after the study's


@dataclass(frozen=True)
class Question:
    """What two variants are compared for, and what its source says."""

    ask: str  # the question, in words
    of: str  # the variant in question
    against: str  # the variant that it is compared with, seed by seed
    metric: str = "test/top1"  # accuracy in runs.csv; compared in percentage points
    source: str = ""  # what the source says, with its printed figure
    protocol: str = ""  # how the source's protocol differs from ours
    finding: str = ""  # our conclusion, in words; the figures come from the runs


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
    ladder: bool = False  # whether each variant adds one idea to the one before it
    levels: dict[str, float] = field(default_factory=dict)  # accuracies, 0 to 1: lines in figures
    embeddings: list[str] = field(default_factory=list)  # variants whose first seed's plots to show
    notes: str = ""  # what a reader should know of the sizes and the protocol
    full: FullSize | None = None  # the study at full size, for `--full`
    sweep: Sweep = field(default_factory=Sweep)  # how W&B goes through it, for `--sweep`

    def label(self, variant: str) -> str:
        """Return a variant's name for readers."""
        return self.variants[variant].label or variant


def read_study(path: Path, full: bool = False) -> Study:
    """Return the study of a YAML file with the arguments of `Study`, at full size if asked."""
    from jsonargparse import ArgumentParser

    check_keys(path, check_yaml(path))
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Study)
    try:
        study = Study(**parser.instantiate(parser.parse_object(yaml.safe_load(path.read_text()))))
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
    full = study.full
    if full is None:
        raise UserError("full: this study has no full size; run it without --full")
    variants = dict(study.variants)
    for name, change in full.variants.items():
        config = change.config or variants[name].config
        overrides = variants[name].overrides | change.overrides
        variants[name] = replace(variants[name], config=config, overrides=overrides)
    return replace(study, base=full.base, overrides=full.overrides, variants=variants, full=None)


def check_study(study: Study) -> None:
    """Raise a UserError if the parts of a study contradict each other."""
    if not study.variants:
        raise UserError("variants: name at least one")
    for name in study.variants:
        if Path(name).name != name or name.startswith("."):
            raise UserError(f"variants: {name!r} becomes a folder: give a plain name")
    if not study.seeds or len(set(study.seeds)) < len(study.seeds) or min(study.seeds) < 0:
        raise UserError(f"seeds: {study.seeds}: give one or more numbers >= 0, each once")
    for question in study.questions:
        if "/top" not in question.metric:
            raise UserError(f"questions: metric {question.metric}: give test/top1 or another top-k")
    for name, accuracy in study.levels.items():
        if not 0 <= accuracy <= 1:
            raise UserError(f"levels: {name}: {accuracy}: give an accuracy from 0 to 1")
    check_sweep(study.sweep)
    named = [("questions", name) for each in study.questions for name in (each.of, each.against)]
    named += [("embeddings", name) for name in study.embeddings]
    named += [("full.variants", name) for name in (study.full.variants if study.full else ())]
    for key, name in named:
        if name not in study.variants:
            raise UserError(f"{key}: no variant {name}; there are {', '.join(study.variants)}")
