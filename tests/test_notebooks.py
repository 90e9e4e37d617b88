"""The notebooks: what they show is kept, and they run from anywhere."""

import json
import re
from pathlib import Path

import nbformat
import pytest
import torch
from nbformat import NotebookNode

from alexnet_lightning.explanations.images import ShownImages, run_data
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.training.run_folder import RunFolder

FOLDER = Path(__file__).parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(notebook: NotebookNode) -> list[list[str]]:
    """The kinds of a cell's outputs, cell by cell."""
    return [[output.output_type for output in cell.outputs] for cell in cells(notebook)]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_kept_outputs_are_whole_small_and_of_no_ones_machine(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert path.stat().st_size < 500_000
    counts = [cell.execution_count for cell in cells(notebook)]
    assert counts == list(range(1, len(counts) + 1)), "not executed from top to bottom"
    assert any("image/png" in o.get("data", {}) for c in cells(notebook) for o in c.outputs)
    assert not re.findall(r"/(?:home|root|tmp|usr|Users|work|opt)/\S+", path.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_shows_what_is_kept(path: Path, execute) -> None:
    kept = nbformat.read(path, as_version=4)
    assert shown(execute(kept, path.name)) == shown(kept)


@pytest.mark.slow
def test_the_notebook_predicts_what_the_predictor_does(
    trained_run: Path, execute, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUN_DIR", str(trained_run))
    notebook = nbformat.read(FOLDER / "4_predictions.ipynb", as_version=4)
    line = "import json; print(json.dumps([list(one) for one in predictions]))"
    notebook.cells.append(nbformat.v4.new_code_cell(line))
    found = json.loads(execute(notebook, "4.ipynb").cells[-1].outputs[0].text)
    predictor = Predictor.load(trained_run)
    pictures = ShownImages.of_split(run_data(RunFolder(trained_run)), "test", 10)
    expected = predictor.top(pictures.images, 3)
    assert len(found) == len(set(pictures.titles)) == 10
    for (classes, probabilities), one in zip(found, expected, strict=True):
        assert classes == one.classes
        assert torch.allclose(
            torch.tensor(probabilities), torch.tensor(one.probabilities), atol=1e-6
        )


@pytest.mark.slow
def test_a_cell_that_fails_leaves_the_file_as_it_was(tmp_path: Path, execute) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        execute(notebook, "broken.ipynb")
    assert nbformat.read(tmp_path / "broken.ipynb", as_version=4).cells[0].outputs == []
    assert not list(tmp_path.glob("*.part"))
