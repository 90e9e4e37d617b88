"""From run folders to rows, from rows to tables, from Markdown to a page."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from alexnet_lightning.report import main as report_main
from alexnet_lightning.report import report
from alexnet_lightning.studies import tables
from alexnet_lightning.studies.document import neighbors, page
from alexnet_lightning.studies.grid import check_unchanged, find, grid
from alexnet_lightning.studies.ledger import changes, ledger
from alexnet_lightning.studies.levels import epochs_to, values
from alexnet_lightning.studies.plan import Question, Study
from alexnet_lightning.studies.rows import Evidence, gather, read, write
from alexnet_lightning.system.errors import UserError
from tests.studies.made_up import make_run

TOP1 = {"plain": (0.50, 0.52), "it's wide": (0.60, 0.64)}


@pytest.fixture(scope="module")
def folder(plan: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two variants with both seeds, the third with an unfinished run; tests only read it."""
    folder = tmp_path_factory.mktemp("study")
    for run in grid(plan):
        if run.variant in TOP1:
            top1 = TOP1[run.variant][plan.seeds.index(run.seed)]
            made = make_run(run, folder, {"test/top1": top1}, f"20260101-00000{run.seed}")
            rows = "".join(f"{step},conv1,{step + 1}.5,0.25\n" for step in (0, 100))
            (made / "layer_statistics.csv").write_text("step,layer,forward,backward\n" + rows)
        elif run.seed == 3:
            make_run(run, folder, None, "20260102-000000")
    return folder


@pytest.fixture(scope="module")
def found(plan: Study, folder: Path) -> Evidence:
    return gather([find(run, folder) for run in grid(plan)])


def test_a_finished_run_is_a_row_with_its_seed_figures_and_versions(found: Evidence) -> None:
    assert len(found.runs) == 4
    row = found.runs[0]
    assert (row["variant"], row["seed"], row["test/top1"]) == ("plain", 3, 0.50)
    assert (row["train/top1"], row["last_val/top1"], row["val/penultimate_knn5"]) == (
        0.8,
        0.6,
        0.75,
    )
    assert row["config"].endswith("quick.yaml")
    assert "trainer.max_epochs=1" in row["overrides"]
    assert (row["git_commit"], row["machine"]) == ("abc", "a machine")
    assert found.curve("plain", 3, "val/top1") == {1: 0.5, 2: 0.6}
    whose = {"variant": "plain", "seed": 3}
    layer = {"step": 0, "layer": "conv1", "forward": 1.5, "backward": 0.25}
    assert found.layer_statistics[0] == whose | layer


def test_short_runs_are_told_by_the_step(plan: Study, folder: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(folder, tmp_path / "s"))
    for metrics in folder.glob("*/*/metrics.csv"):
        metrics.write_text("epoch,step,train/loss_step,val/top1\n0,9,2.5,\n0,19,2.0,0.5\n")
    found = gather([find(run, folder) for run in grid(plan)])
    assert found.curve("plain", 5, "train/loss_step", over="step") == {10: 2.5, 20: 2.0}
    assert found.curve("plain", 5, "val/top1") == {1: 0.5}


def test_further_tests_of_a_run_are_columns_of_its_row(
    plan: Study, folder: Path, tmp_path: Path
) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "s"))
    run = grid(plan)[0]
    cell = find(run, copied)
    assert cell.folder is not None
    figures = {"test/top1": 0.25, "test/loss": 2.0, "test/images": 100}
    cell.folder.test_figures("jpeg").write_text(json.dumps(figures))
    found = gather([find(run, copied) for run in grid(plan)])
    assert values(found, "plain", "test jpeg/top1") == {run.seed: 25.0}
    assert values(found, "plain", "test jpeg/loss") == {run.seed: 2.0}
    header, _, line, *_ = tables.results(replace(plan, also_test={"jpeg": {}}), found).splitlines()
    assert "jpeg, top-1 error" in header and " 75.00 % |" in line


def test_rows_survive_their_files(found: Evidence, tmp_path: Path) -> None:
    write(found, tmp_path / "out")
    assert read(tmp_path / "out") == found


def test_the_tables_say_what_the_rows_do(plan: Study, found: Evidence) -> None:
    lines = tables.results(plan, found).splitlines()
    assert lines[0].startswith("| variant | n | test top-1 error |")
    assert lines[2].startswith("| plain | 2 | 49.00 ± 12.71 % | 10.00 ± 0.00 % |")
    assert lines[4].startswith("| two files | 0 | – |")
    assert "error in the source" not in lines[0], "a column that nobody fills is left out"
    assert tables.costs(plan, found).splitlines()[2] == "| plain | 1,234 | 5.0 M | 60 s | 75.0 % |"


def test_differences_are_told_with_their_tests(plan: Study, found: Evidence) -> None:
    loss = {"metric": "val/loss", "primary": True}
    asked = [
        Question("?", "it's wide", "plain"),
        Question("?", "it's wide", "plain", **loss),
        Question("?", "two files", "plain"),
    ]
    header, _, *lines = tables.differences(replace(plan, questions=asked), found).splitlines()
    assert header == (
        "| contrast | metric | declared | n | difference | detectable | p | p of equivalence "
        "| verdict |"
    )
    sides = "it's wide against plain"
    assert lines[0].startswith(f"| {sides} | test/top1 | exploratory | 2 | +11.00 ± 12.71 points |")
    # t = 11 and 10 with one degree of freedom: 1 - 2 arctan(t) / π, and 1/2 + arctan(t) / π.
    assert lines[0].endswith(" | 0.058 | 0.968 | undecided |")
    assert lines[1].startswith(
        f"| {sides} | val/loss | primary | 2 | +0.000 ± 0.000 nats | 0.000 |"
    )
    assert lines[1].endswith("| 1.000 | – | undecided |")
    assert lines[2].startswith("| two files against plain | test/top1 | exploratory | 0 | – |")


def test_the_error_of_a_single_run_has_that_of_its_test_images(found: Evidence) -> None:
    one = replace(found, runs=found.runs[:1])  # right in 50 of 100 images
    assert tables.error(one, "plain", "test/top1") == "50.00 % (SE 5.00)"
    assert tables.error(one, "plain", "val/top1") == "40.00 %"


def test_spreads_are_means_over_the_seeds_by_layer_and_step(plan: Study, found: Evidence) -> None:
    lines = tables.layer_statistics(plan, found, "forward", 100).splitlines()
    assert lines[0] == "| variant | conv1 |"
    assert lines[2] == "| plain | 1.0e+02 |"
    assert lines[4] == "| two files | – |"


@pytest.mark.parametrize(
    ("level", "epochs"), [(0.3, 0.5), (0.4, 0.5), (0.6, 1.0), (0.8, 1.5), (0.81, None)]
)
def test_a_level_is_reached_between_the_middles_of_epochs(
    level: float, epochs: float | None
) -> None:
    assert epochs_to({1: 0.4, 2: 0.8}, level, offset=0.5) == pytest.approx(epochs)


def test_a_validation_belongs_to_the_end_of_its_epoch() -> None:
    assert epochs_to({1: 0.4, 2: 0.8}, 0.6, offset=1.0) == pytest.approx(1.5)


def test_reaching_a_level_is_told_as_a_ratio_to_the_first(plan: Study, found: Evidence) -> None:
    study = replace(plan, reach={"train/top1": [0.6, 0.9]})
    lines = tables.reach(study, found).splitlines()
    assert lines[2].startswith("| train error 40 % | 1.00 ± 0.00 | 1.00 ± 0.00 |")
    assert "1.00 ± 0.00 times" in lines[2]
    assert lines[3].startswith("| train error 10 % | not in 2 | not in 2 |")


def test_the_ledger_has_every_run_by_date_with_what_is_different(plan: Study, folder: Path) -> None:
    lines = ledger(folder, plan.base).splitlines()[2:]
    assert len(lines) == 7, "five runs, and what they are compared with"
    assert [line.split(" | ")[3] for line in lines[:5]] == ["finished"] * 4 + ["unfinished"]
    assert ledger(folder).splitlines()[2].split(" | ")[2] == "AlexNetBN", "without a base to tell"
    wide = next(line for line in lines if "it's wide" in line)
    assert "model.width=0.06" in wide and "trainer.max_epochs=1" in wide
    assert "| 80.00% |" in wide, "training accuracy of the last epoch"
    skip = next(line for line in lines if "two files" in line)
    assert "AlexNetSkip" in skip and "=None" not in skip, "has no such argument"


@pytest.mark.parametrize("name", ["plain", "plain/20260101-000003", "nothing"])
def test_what_is_no_folder_of_runs_is_told_what_is(folder: Path, name: str) -> None:
    (folder / name).mkdir(exist_ok=True)
    with pytest.raises(UserError, match=r"no run here.*; give a run folder, a study, or"):
        ledger(folder / name)


def test_the_ledger_says_which_runs_it_leaves_out(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "study")
    shutil.copytree(folder / "plain", tmp_path / "plain")
    shutil.copytree(folder / "it's wide" / "20260101-000003", tmp_path / "plain" / "2027")
    broken = tmp_path / "odd" / "20270101-000000"
    broken.mkdir(parents=True)
    (broken / "config.yaml").write_text("[")
    text = ledger(tmp_path)
    trials = tmp_path / "study" / "tuning"
    shutil.copytree(folder / "plain", trials / "plain-lr_1")
    assert "in this table" in ledger(tmp_path / "study")
    (tmp_path / "study" / "study.yaml").touch()
    assert "in this table" not in ledger(tmp_path / "study"), "a report tells its trials elsewhere"
    shutil.rmtree(trials)
    study = tmp_path / "study"
    assert f"Not in this table: 5 runs in {study}; `report {study}` shows them." in text
    assert "Not in this table: odd/20270101-000000, whose config.yaml is not one of `fit`." in text
    assert "`model.width=0.06`" in next(line for line in text.splitlines() if "plain 2027" in line)


def test_the_images_of_5_nn_are_those_that_were_embedded(found: Evidence) -> None:
    assert neighbors(found) == "", "no features were embedded"
    rows = [row | {"val/features_knn5": 0.5} for row in found.runs]
    assert " in a sample of the validation images" in neighbors(replace(found, runs=rows))
    rows = [row | {"val/embedded_images": 60 + row["seed"]} for row in rows]
    assert " in a sample of 63 to 65 validation images" in neighbors(replace(found, runs=rows))


def test_a_report_is_made_again_from_its_rows(
    plan: Study, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "s"))
    (copied / "study.yaml").write_text(yaml.safe_dump(asdict(plan), sort_keys=False))
    monkeypatch.setattr("alexnet_lightning.studies.figures.draw", lambda *_: {})
    report(copied, tmp_path / "out")
    text = (tmp_path / "out" / "report.md").read_text()
    report(tmp_path / "out")
    assert (tmp_path / "out" / "report.md").read_text() == text


def test_rows_of_runs_that_are_gone_stay_beside_those_of_new_ones(
    plan: Study, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = Path(shutil.copytree(folder, tmp_path / "s"))
    (copied / "study.yaml").write_text(yaml.safe_dump(asdict(plan), sort_keys=False))
    monkeypatch.setattr("alexnet_lightning.studies.figures.draw", lambda *_: {})
    report(copied)
    rows, text = read(copied), (copied / "report.md").read_text()
    for path in copied.glob("*/20260101-000003"):  # of seed 3
        shutil.rmtree(path)
    cells = [find(run, copied) for run in grid(plan)]
    finished = {cell.run.name for cell in cells if cell.state == "finished"}
    assert finished == {f"{name}-seed{seed}" for name in TOP1 for seed in plan.seeds}
    report(copied)
    assert (read(copied), (copied / "report.md").read_text()) == (rows, text)
    check_unchanged(cells[0], copied)
    changed = replace(cells[0], run=replace(cells[0].run, flags=cells[0].run.flags[:-1]))
    with pytest.raises(UserError, match=r"runs\.csv: the row of plain-seed3 has overrides"):
        check_unchanged(changed, copied)


def test_a_difference_is_what_a_run_sets_not_what_its_classes_lack() -> None:
    base = {"model": {"class_path": "A", "stem": "small", "norm": "lrn"}}
    run = {"model": {"class_path": "B", "norm": None}}
    assert changes(base, run) == "`model.class_path=B` `model.norm=None`"


def test_a_page_holds_all_it_shows(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    text = page(
        "T <1>", "# Hi\n\n![a < b](a.png)\n\n| x | y |\n| :-- | --: |\n| 1 | <b> |\n", tmp_path
    )
    assert 'src="data:image/png;base64,iVBORw=="' in text
    assert "<title>T &lt;1&gt;</title>" in text
    assert '<div class="table"><table>' in text
    assert "&lt;b&gt;" in text and "<b>" not in text
    assert "http" not in text, "needs no network"


def test_a_report_is_written_from_run_folders_alone(
    plan: Study, folder: Path, tmp_path: Path, outcome: Callable[..., tuple[int, str, str]]
) -> None:
    question = Question("Wider?", "it's wide", "plain", source="a book says so")
    study = asdict(replace(plan, questions=[question]))
    copied = Path(shutil.copytree(folder, tmp_path / "s"))
    (copied / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    out = tmp_path / "out"
    status, said, _ = outcome(report_main, copied, "--output", out)
    assert (status, said) == (0, f"4 of 6 runs are finished\n{out / 'report.html'}\n")
    text = (out / "report.md").read_text()
    assert "**Wider?** it's wide against plain: **undecided (+11.00" in text
    assert "The source: a book says so." in text
    assert tables.results(plan, read(out)) in text
    names = {"report.md", "report.html", "study.yaml", "figures"}
    assert {path.name for path in out.iterdir()} == names | {
        "runs.csv",
        "curves.csv",
        "layer_statistics.csv",
    }
    assert (out / "figures" / "curves.png").stat().st_size > 5000


def test_a_folder_of_any_runs_gets_its_ledger(folder: Path, in_tmp: Path) -> None:
    shutil.copytree(folder, "runs/s")  # a name under runs/ is a folder too
    assert report("s", "out") == Path("out/report.html")
    assert "it's wide 20260101-000003" in Path("out/report.md").read_text()
    with pytest.raises(UserError, match="no such folder"):
        report(folder / "nowhere")
