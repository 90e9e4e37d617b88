"""A trained network as a folder for the Hugging Face hub, and its upload."""

import shutil
from pathlib import Path
from typing import Any

import yaml
from torch import Tensor

from alexnet_lightning.inference.choices import Source
from alexnet_lightning.inference.exporters import Checked, compared
from alexnet_lightning.inference.model_card import model_card
from alexnet_lightning.inference.predictor import Predictor, rebuilt
from alexnet_lightning.system.atomic import new_folder
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.hub_folder import read_network, write_network
from alexnet_lightning.training.run_folder import RunFolder

PICTURES = {
    "accuracy by epoch": "figures/accuracy.png",
    "confusion of the test images": "figures/confusion.png",
}


def write_folder(predictor: Predictor, source: Source, path: Path, images: Tensor) -> Checked:
    """Write a network as the hub expects it, and compare what is read back with it on the CPU.

    Args:
        predictor: of `source`.
        source: checkpoint and run, of which configuration, figures and plots are taken.
        path: the folder, which must not be there, or be empty.
        images: to compare on, uint8 (N, C, size, size), N >= 1.

    Raises:
        UserError: the folder is there, or the network that is read back computes something else.
    """
    with new_folder(path) as part:
        write_network(part, source.run.read(str(source.checkpoint)))
        read = read_network(part / RunFolder.WEIGHTS)
        inputs = predictor.inputs(images)[:, 0].contiguous()
        again = rebuilt(read, type(predictor.model)).eval()
        found = compared(again, inputs, predictor.model, inputs)
        about_the_run(part, predictor, source, name_of(source))
    return found


def about_the_run(folder: Path, predictor: Predictor, source: Source, name: str) -> None:
    """Write what is known of a run: its configuration, figures and plots, and the card."""
    run, shared = source.run, RunFolder(folder)
    whole = source.run.file("best").parent == source.checkpoint.parent
    figures = tested(source) if whole else {}
    kept = {name: each for name, each in PICTURES.items() if (run.path / each).is_file()}
    plots = kept if figures else {}
    for each in plots.values():
        (folder / each).parent.mkdir(exist_ok=True)
        shutil.copyfile(run.path / each, folder / each)
    if figures:
        shared.write_summary(figures)
    if whole and run.config.is_file():
        text = without_places(run.config.read_text(encoding="utf-8"))
        shared.config.write_text(text, encoding="utf-8")
    card = model_card(predictor, shared, figures, plots, name)
    (folder / "README.md").write_text(str(card), encoding="utf-8")


def tested(source: Source) -> dict[str, Any]:
    """Return the figures of a run's summary, if it is of this checkpoint; else nothing."""
    figures = source.run.read_summary()
    best = Path(figures.get("best_checkpoint", "")).name
    if source.run.of_hub or best == source.checkpoint.name:
        return {**figures, "best_checkpoint": best}  # its folder is of interest on one machine only
    return {}


def without_places(config: str) -> str:
    """Return a configuration without absolute paths of data and runs, which name a machine's."""
    settings = yaml.safe_load(config)
    for section, key in ((settings, "runs_dir"), (settings["data"].get("init_args", {}), "root")):
        if Path(str(section.get(key, ""))).is_absolute():
            del section[key]
    return yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)


def name_of(source: Source) -> str:
    """Return the name of the run's config; of a file that lies elsewhere, its own."""
    if source.run.of_hub:
        return source.run.path.resolve().name
    ours = source.checkpoint.parent == source.run.checkpoints
    return source.run.path.resolve().parent.name if ours else source.checkpoint.stem


def check_login(repository: str) -> None:
    """Raise a UserError if nothing could be uploaded to this repository of the hub."""
    from huggingface_hub import get_token
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils import validate_repo_id

    try:
        validate_repo_id(repository)
    except HFValidationError as error:
        raise UserError(f"--push: {one_line(error)}") from None
    if repository.count("/") != 1:
        raise UserError(f"--push: {repository}: give USER/NAME")
    if get_token() is None:
        raise UserError("--push: no login to the Hugging Face hub: hf auth login, or set HF_TOKEN")


def push(folder: Path, repository: str) -> str:
    """Upload a folder to a repository, private if it is new; return its address.

    UserError if the hub refuses or is not reached; the folder stays.
    """
    from huggingface_hub import HfApi

    hub = HfApi()
    try:
        address = hub.create_repo(repository, private=True, exist_ok=True)
        hub.upload_folder(repo_id=repository, folder_path=folder)
    except Exception as error:  # of the hub, the network or the transfer: of many classes
        raise UserError(
            f"--push: {one_line(error)}; {folder} is whole: hf upload {repository} {folder}"
        ) from error
    return str(address)
