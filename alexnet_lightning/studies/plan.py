"""What a study's YAML says: variants, seeds, what is asked and what the sources print."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from jsonargparse import ArgumentParser

from alexnet_lightning.cli.config_files import check_yaml
from alexnet_lightning.cli.messages import as_user_error
from alexnet_lightning.system.errors import UserError


@dataclass(frozen=True)
class Variant:
    """One side of a comparison.

    Args:
        label: how the report names it; by default its key.
        printed: what its source prints for it, and for what protocol.
        config: configurations in place of the study's base.
        overrides: flags of `fit` and their values, after the study's.
    """

    label: str = ""
    printed: str = ""
    config: list[str] = field(default_factory=list)
    overrides: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Question:
    """What two variants are compared for, and what its source says.

    Args:
        ask: the question, in words.
        of: the variant in question.
        against: the variant that it is held against, seed by seed.
        metric: accuracy in the rows of runs.csv; compared in points.
        source: what the source says, with its printed figure.
        protocol: in what the source's protocol differs from ours.
        finding: what we make of it, in words; the figures come from the runs.
    """

    ask: str
    of: str
    against: str
    metric: str = "test/top1"
    source: str = ""
    protocol: str = ""
    finding: str = ""


@dataclass(frozen=True)
class FullSize:
    """The same study for those with a GPU.

    Args:
        base: in place of the study's.
        overrides: in place of the study's.
        variants: what changes in some of them: configurations in place of theirs, more overrides.
    """

    base: list[str]
    overrides: dict[str, Any] = field(default_factory=dict)
    variants: dict[str, Variant] = field(default_factory=dict)


@dataclass(frozen=True)
class Study:
    """Variants that differ in what is asked about, each trained with every seed.

    Args:
        title: what the study is about.
        base: configurations that all variants start from.
        variants: by name, which is the folder of their runs.
        seeds: numbers for `seed_everything`, at least one; two or more give intervals.
        overrides: flags of `fit` and their values, for all variants.
        questions: which variants are compared, and why.
        reach: figures of training curves and levels: the report tells after how many epochs each
            run comes to them.
        ladder: whether each variant is the one before it and one idea more.
        levels: accuracies from 0 to 1 that the figures draw a line at, by what they are.
        embeddings: variants whose embedding plots the report shows, of their first seed.
        notes: what a reader should know of the sizes and the protocol.
        full: the study at full size, for `--full`.
    """

    title: str
    base: list[str]
    variants: dict[str, Variant]
    seeds: list[int]
    overrides: dict[str, Any] = field(default_factory=dict)
    questions: list[Question] = field(default_factory=list)
    reach: dict[str, list[float]] = field(default_factory=dict)
    ladder: bool = False
    levels: dict[str, float] = field(default_factory=dict)
    embeddings: list[str] = field(default_factory=list)
    notes: str = ""
    full: FullSize | None = None


def read_study(path: Path, full: bool = False) -> Study:
    """Return the study of a file.

    Args:
        path: a YAML with the arguments of `Study`.
        full: whether to take it at full size.

    Raises:
        UserError: it cannot be read, or its keys and values are not a study's.
    """
    check_yaml(path)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Study)
    try:
        study = Study(**parser.instantiate(parser.parse_object(yaml.safe_load(path.read_text()))))
    except Exception as error:
        raise UserError(f"{path}: {as_user_error(error)}") from error
    check_study(path, study)
    if not full:
        return study
    if study.full is None:
        raise UserError(f"{path}: full: this study has no full size; run it without --full")
    return at_full_size(study, study.full)


def at_full_size(study: Study, full: FullSize) -> Study:
    """Return a study with the configurations and overrides of its full size."""
    variants = dict(study.variants)
    for name, change in full.variants.items():
        variant = variants[name]
        overrides = variant.overrides | change.overrides
        config = change.config or variant.config
        variants[name] = replace(variant, config=config, overrides=overrides)
    return replace(study, base=full.base, overrides=full.overrides, variants=variants, full=None)


def check_study(path: Path, study: Study) -> None:
    """Raise a UserError if the parts of a study do not hold together."""
    if not study.variants:
        raise UserError(f"{path}: variants: name at least one")
    for name in study.variants:
        if Path(name).name != name or name.startswith("."):
            raise UserError(f"{path}: variants: {name!r} becomes a folder: give a plain name")
    if not study.seeds or len(set(study.seeds)) < len(study.seeds) or min(study.seeds) < 0:
        raise UserError(f"{path}: seeds: {study.seeds}: give one or more numbers >= 0, each once")
    for question in study.questions:
        check_names(path, "questions", study, question.of, question.against)
        if "/top" not in question.metric:
            raise UserError(f"{path}: questions: metric {question.metric}: give test/top1 or alike")
    for name, accuracy in study.levels.items():
        if not 0 <= accuracy <= 1:
            raise UserError(f"{path}: levels: {name}: {accuracy}: give an accuracy from 0 to 1")
    check_names(path, "embeddings", study, *study.embeddings)
    if study.full is not None:
        check_names(path, "full.variants", study, *study.full.variants)


def check_names(path: Path, key: str, study: Study, *names: str) -> None:
    """Raise a UserError for a name that no variant has."""
    for name in names:
        if name not in study.variants:
            known = ", ".join(study.variants)
            raise UserError(f"{path}: {key}: no variant {name}; there are {known}")
