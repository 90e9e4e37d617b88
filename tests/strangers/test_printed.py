"""Every command that README, docs, configs, notebooks and helps print is one that works.

A command of ours runs by its own main, in a folder where a reader's runs and images are; what
would take more than a second is cut off where its work begins. Of other programs' commands, what
they name has to be there.
"""

import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import tomllib
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from alexnet_lightning import DATA_SETS, VARIANTS
from alexnet_lightning.__main__ import COMMANDS
from alexnet_lightning.cli.command import options_of, parser_of, strictness
from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.predict import output as output_of_predict
from alexnet_lightning.studies.runner import Runner
from tests.strangers.printed import ROOT, printed
from tests.test_configs import final, noise

DATE = "20261122-002844"
# What stands for what a reader fills in; a word of capitals that is not here is a mistake.
STANDS_FOR = {
    "[RUN_DIR …]": "",
    "[--KEY VALUE ...]": "",
    "RUN_DIR": f"runs/digits_bn/{DATE}",
    "DATE": DATE,
    "NAME": "smoke",
    "X": "digits_bn",
    "…": "configs/digits_bn.yaml",
}
NAMED = {"", "digits_bn", "cifar_bn", "cifar_bn_small", "digits", "residual", "smoke"}  # runs
OURS = re.compile(
    r"(?:find .*\| )?(?:PYTHONPATH=\. )?"
    r"(?:python -m alexnet_lightning\.|alexnet-lightning |torchrun .*-m alexnet_lightning\.)"
    r"(\w+)(.*)"
)
COMMANDS_PRINTED = {
    command: place
    for command, place in printed().items()
    # tests/test_configs.py runs a batch of each experiment's own command.
    if not re.fullmatch(r"configs/\w+\.yaml", place)
}


# Flags that only some models take, and a config with such a model.
BASES = {
    "digits_bn": (),
    "cifar_resnet18": ("--model.name",),
    "cifar_airbench94": ("--data.val_images",),
    "dogs5_sgd": ("--model.weights",),
}


@pytest.fixture(scope="module")
def readers_folder(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone of the repository, with runs and images in it."""
    folder = tmp_path_factory.mktemp("reader")
    for name in ("configs", "benchmarks", "train.sbatch", "environment.yml", "Dockerfile"):
        (folder / name).symlink_to(ROOT / name)
    (folder / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "models.md", folder / "docs")
    (folder / "docs" / "values.py").symlink_to(ROOT / "docs" / "values.py")
    for name in filter(None, NAMED):
        shutil.copytree(run, folder / "runs" / name / DATE, ignore=shutil.ignore_patterns("wandb"))
    shutil.copy(ROOT / "results" / "residual" / "study.yaml", folder / "runs" / "residual")
    for study in ("records", "ladder", "initialisation", "residual"):
        (folder / "results" / study).mkdir(parents=True)
        for name in ("study.yaml", "runs.csv"):
            shutil.copy(ROOT / "results" / study / name, folder / "results" / study)
    image = Image.new("RGB", (40, 30), "red")
    places = [
        "cat.jpg",
        "dog.png",
        "mine.png",
        "digit.png",
        "seven.png",
        "photos/a.png",
        "images/b.png",
    ]
    for set_of_images in ("pictures/cat", "pictures/dog", "imagenet/train/a", "imagenet/val/a"):
        places.append(f"data/{set_of_images}/c.png")
    places += ["data/my_images/cat/c.png", "data/my_images/dog/c.png"]
    for place in places:
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        image.save(folder / place)
    page = (ROOT / "docs" / "extending.md").read_text()
    network, data = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)[:2]
    (folder / "my_file.py").write_text(network)
    (folder / "my_data.py").write_text(data)
    return folder


def found_classes(data: ImageDataModule) -> None:
    """Take the place of prepare_data of a set that reads its classes from files."""
    if not hasattr(data, "class_names"):
        data.class_names = list("abcd")


@pytest.fixture(autouse=True)
def cut_off(readers_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What takes long ends where it would begin; images are noise."""
    monkeypatch.chdir(readers_folder)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.syspath_prepend(readers_folder)
    for data in final(ImageDataModule):
        if data.__module__.startswith("alexnet_lightning.") and "digits" not in data.__module__:
            monkeypatch.setattr(data, "load", noise)
            monkeypatch.setattr(data, "prepare_data", found_classes)

    def nothing(*_: object, **__: object) -> list[Path]:
        return []

    def exported(_: object, __: object, ___: object, path: Path, ____: object) -> Sequence[float]:
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
        return 0.0, 1.0

    def started(*_: object, **__: object) -> SimpleNamespace:
        return SimpleNamespace(run=nothing)

    for module, name, stub in (
        ("fit", "train_and_test", lambda *_: {}),
        ("explanations.figures", "write_figures", nothing),
        ("explanations.run_page", "run_page", lambda *_: "a page"),
        ("explanations.lesson.runtime", "read_runtime", nothing),
        ("explanations.lesson.site", "write_site", nothing),
        ("lesson", "new_folder", contextlib.nullcontext),
        ("inference.exporters", "write_checked", exported),
        ("inference.server", "build_server", started),
        ("models.table", "variants_table", lambda: "a table"),
        ("plots.contact_sheet", "draw_contact_sheet", nothing),
        ("report", "study_report", lambda *_: ("title", "text")),
        ("report", "ledger", lambda *_: "a table"),
        ("serve", "stop_on_signals", nothing),
        ("study", "compare", lambda *_: ([], True)),
        ("study", "seeds_needed", lambda *_: "a plan"),
        ("study", "stages", lambda *claim: [claim]),  # without trials, whose runs choose its values
        # All studies' runs are parsed in tests/studies.
        ("study", "check_first", nothing),
        ("study", "check_unchanged", nothing),
        ("study", "resolved", nothing),
    ):
        monkeypatch.setattr(import_module(f"alexnet_lightning.{module}"), name, stub)
    monkeypatch.setattr(Runner, "run_all", nothing)
    monkeypatch.setattr(os, "execv", nothing)
    yield
    for own in ("my_file", "my_data"):
        sys.modules.pop(own, None)


@pytest.mark.parametrize("command", COMMANDS_PRINTED, ids=str)
def test_it_works(
    command: str, outcome: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    place = COMMANDS_PRINTED[command]
    line = filled_in(command)
    if line.startswith("--"):
        check_flags(shlex.split(line))
    elif found := OURS.fullmatch(line):
        name, words = found[1], shlex.split(found[2])
        assert name in COMMANDS, f"{place}: {command}"
        if not words or words[-1] in ("--config", "--data.views"):  # a sentence that names them
            return
        if name in ("fit", "diagnose") and "--help" not in words and "--resume" not in words:
            check_experiment(words)
            return
        monkeypatch.setattr(sys, "stdin", io.StringIO("cat.jpg\n"))
        status, out, err = outcome(import_module(f"alexnet_lightning.{name}").main, *words)
        assert status == 0, f"{place}: {command}\n{out}{err}"
    else:
        check_other(shlex.split(line))


@pytest.mark.parametrize("kind", ["overlays", "sizes"])
def test_every_overlay_and_size_has_a_command(kind: str) -> None:
    said = {"configs/overlays/slurm.yaml"}  # by sbatch
    said |= set(re.findall(r"--config (\S+)", "\n".join(COMMANDS_PRINTED)))
    assert {f"configs/{kind}/{path.name}" for path in ROOT.glob(f"configs/{kind}/*.yaml")} <= said


def filled_in(command: str) -> str:
    """Return a command with a reader's own names in place of ours."""
    for name, stands in STANDS_FOR.items():
        command = re.sub(rf"(?<![\w-]){re.escape(name)}(?![\w-])", stands, command)
    return command.replace("digits.yaml", "configs/digits_bn.yaml")


def check_experiment(words: Sequence[str]) -> None:
    """Parse a command line of `fit`, and build its network without memory for weights."""
    if any(word == "--print_config" or word.startswith("--help=") for word in words):
        with pytest.raises(SystemExit) as stop:
            ExperimentCLI(words)
        assert not stop.value.code
        return
    weights = ["--model.weights=null"] if "dogs5_" in " ".join(words) else []  # no download
    with torch.device("meta"):
        _ = ExperimentCLI([*words, *weights]).model


def check_flags(words: Sequence[str]) -> None:
    """Check that the flags exist."""
    for word in words:
        if word.startswith("--"):
            flag = word.partition("=")[0].removesuffix("+")
            assert flag in known_flags(), f"{flag}: no command has it"


@pytest.mark.parametrize(("config", "of_it"), BASES.items())
def test_fit_takes_the_flags_that_sentences_name(config: str, of_it: tuple[str, ...]) -> None:
    """All at once, which costs as much as one."""
    others = {flag for flags in BASES.values() for flag in flags} - set(of_it)
    words: list[str] = []
    for command in COMMANDS_PRINTED:
        flag, *values = shlex.split(command)
        is_ours = "." in flag or flag == "--tf32"
        takes = flag in of_it if of_it else flag not in others
        filled = values and not any(value.isupper() for value in values)
        if flag.startswith("--") and is_ours and takes and filled:
            words += shlex.split(command)
    assert words
    ExperimentCLI(["--config", f"configs/{config}.yaml", *words])


def known_flags() -> set[str]:
    """Return the flags of all commands, and those of torchrun that the pages name."""
    if not KNOWN:
        parser = ExperimentCLI(["--config", "configs/digits_bn.yaml"]).parser
        KNOWN.update({"--resume", "--max-restarts", *parser._option_string_actions})
        for root, names in (("model", VARIANTS), ("data", DATA_SETS)):
            for name, module in names.items():
                for base in getattr(import_module(module), name).__mro__:
                    parameters = getattr(base.__init__, "__annotations__", {})
                    KNOWN.update(f"--{root}.{key}" for key in parameters)
        for name in set(COMMANDS) - {"fit"}:
            function = getattr(import_module(f"alexnet_lightning.{name}"), name)
            functions = [function, strictness, *([output_of_predict] if name == "predict" else ())]
            KNOWN.update(options_of(parser_of(name, functions, "")))
        KNOWN.update(
            {"--model.optimizer.lr", "--model.optimizer.fused", "--trainer.callbacks.monitor"}
        )
    return KNOWN


KNOWN: set[str] = set()


def check_other(words: Sequence[str]) -> None:
    """Check that what a command of another program names is there."""
    program, *rest = words
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    if program == "make":
        makefile = (ROOT / "Makefile").read_text()
        for word in rest:
            variable, equals, value = word.partition("=")
            wanted = rf"^{variable} \?=" if equals else rf"^{word}:.*##"
            assert re.search(wanted, makefile, re.MULTILINE), word
            if variable == "ARGS":
                check_flags(value.split())
    elif program == "pip":
        assert rest[0] == "install"
        for extra in re.findall(r"\.\[([\w,]+)\]", " ".join(rest)):
            assert project["optional-dependencies"].keys() >= set(extra.split(","))
    elif program == "curl":
        assert re.search(r"http://127\.0\.0\.1:8000/predict(\?k=\d)?$", words[-1])
    elif program == "python":
        assert Path(rest[0]).exists() or rest in (["-m"], ["-m", "alexnet_lightning"])
    elif program == "sbatch":
        script, config = [word for word in rest if not word.startswith("-")]
        assert Path(script).exists()
        check_experiment(["--config", config, "--config", "configs/overlays/slurm.yaml"])
    elif program == "conda":
        assert all(Path(word).exists() for word in rest if word.endswith(".yml"))
    elif "/" in program:
        script = Path(program).read_text()
        assert os.access(program, os.X_OK)
        assert all(f"{word} " in script for word in rest if word.startswith("--"))
    else:
        known = {
            "source": ".venv/bin/activate",
            "docker": "alexnet_lightning",
            "hf": "uoft-cs/cifar",
            "pre-commit": "",
            "tensorboard": "--logdir",
            "mlflow": "server --backend-store-uri",
            "wandb": "sync",
        }
        assert program in known, f"{' '.join(words)}: an unknown command"
        assert known[program] in " ".join(rest)
