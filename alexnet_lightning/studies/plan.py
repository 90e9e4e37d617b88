"""What a study's YAML says: variants, seeds, questions and what the sources print."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from alexnet_lightning.cli.config_files import check_yaml
from alexnet_lightning.cli.messages import as_user_error
from alexnet_lightning.system.errors import UserError


@dataclass(frozen=True)
class Variant:
    """One side of a comparison.

    Args:
        label: its name in the report; by default its key.
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
        against: the variant that it is compared with, seed by seed.
        metric: accuracy in runs.csv; compared in percentage points.
        source: what the source says, with its printed figure.
        protocol: how the source's protocol differs from ours.
        finding: our conclusion, in words; the figures come from the runs.
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
    """The same study at full size, for a GPU.

    Args:
        base: in place of the study's.
        overrides: in place of the study's.
        variants: changes to some of them: configurations in place of theirs, more overrides.
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
        reach: metrics and levels: the report tells after how many epochs each run reaches them.
        ladder: whether each variant adds one idea to the one before it.
        levels: accuracies from 0 to 1 that the figures mark with a line, by name.
        embeddings: variants whose embedding plots the report shows, for the first seed.
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

    def label(self, variant: str) -> str:
        """Return a variant's name for readers."""
        return self.variants[variant].label or variant


def read_study(path: Path, full: bool = False) -> Study:
    """Return the study of a YAML file with the arguments of `Study`, at full size if asked.

    Raises:
        UserError: it cannot be read, or its keys and values are not a study's.
    """
    from jsonargparse import ArgumentParser

    check_yaml(path)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Study)
    try:
        study = Study(**parser.instantiate(parser.parse_object(yaml.safe_load(path.read_text()))))
        check_study(study)
        return at_full_size(study) if full else study
    except Exception as error:
        raise UserError(f"{path}: {as_user_error(error)}") from error


def at_full_size(study: Study) -> Study:
    """Return a study with the configurations and overrides of its full size."""
    if study.full is None:
        raise UserError("full: this study has no full size; run it without --full")
    variants = dict(study.variants)
    for name, change in study.full.variants.items():
        config = change.config or variants[name].config
        overrides = variants[name].overrides | change.overrides
        variants[name] = replace(variants[name], config=config, overrides=overrides)
    full = study.full
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
    named = {
        "questions": [name for each in study.questions for name in (each.of, each.against)],
        "embeddings": study.embeddings,
        "full.variants": study.full.variants if study.full else (),
    }
    for key, names in named.items():
        for name in names:
            if name not in study.variants:
                known = ", ".join(study.variants)
                raise UserError(f"{key}: no variant {name}; there are {known}")
