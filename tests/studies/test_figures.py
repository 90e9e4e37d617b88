"""What a study's figures show in addition to the runs."""

import math
from dataclasses import replace
from pathlib import Path

import pytest
from matplotlib.figure import Figure

from alexnet_lightning.plots.style import new_figure
from alexnet_lightning.studies import figures
from alexnet_lightning.studies.document import results
from alexnet_lightning.studies.figures import plot_levels, show_hidden
from alexnet_lightning.studies.levels import ends_of_epochs, values
from alexnet_lightning.studies.plan import Study, Variant
from alexnet_lightning.studies.rows import Evidence
from alexnet_lightning.training.summary import LAST_EPOCH


def test_a_level_is_a_line_at_its_error_with_its_name(plan: Study) -> None:
    study = replace(plan, levels={"one answer for all": 0.25, "ResNet-18": 0.903})
    with new_figure(4, 3) as figure:
        axes = figure.subplots()
        plot_levels(axes, study)
        _, labels = axes.get_legend_handles_labels()
    assert labels == list(study.levels)
    assert [round(line.get_ydata()[0], 9) for line in axes.lines] == [75.0, 9.7]
    assert len({line.get_linestyle() for line in axes.lines}) == 2, "told apart in black and white"


def test_an_epoch_at_half_the_speed_takes_twice_the_time() -> None:
    curve = [
        {"variant": "a", "seed": seed, "epoch": epoch, "val/top1": 0.5, **rate}
        for seed, epoch, rate in (
            (1, 1, {"train/images_per_second": 300.0}),
            (1, 2, {"train/images_per_second": 150.0}),
            (2, 1, {}),
            (2, 2, {"train/images_per_second": 150.0}),
        )
    ]
    runs = [{"variant": "a", "seed": seed, "seconds": 60.0} for seed in (1, 2)]
    found = ends_of_epochs(Evidence(runs, curve, []), "a")
    assert found == {1: {1: 20.0, 2: 60.0}, 2: {1: 30.0, 2: 60.0}}


def test_operations_to_a_level_are_those_of_the_epochs_until_then() -> None:
    run = {"variant": "a", "epochs": 8, "multiply_adds": 118_147_360, "data/train_images": 50_000}
    runs = [run | {"seed": 1}, run | {"seed": 2, "data/train_images": None}, run | {"seed": 3}]
    curve = [
        {"variant": "a", "seed": seed, "epoch": epoch, "val/top1": top1}
        for seed, top1s in ((1, (0.5, 0.9)), (2, (0.5, 0.9)), (3, (0.5, 0.6)))
        for epoch, top1 in enumerate(top1s, 1)
    ]
    found = values(Evidence(runs, curve, []), "a", "operations to val/top1 0.7")
    pflop = 6 * 118_147_360 * 50_000 / 1e15  # of an epoch, two per multiply-add, three passes
    assert found == {1: pytest.approx(1.5 * pflop)}, "2 has no number of images, 3 is never there"


def test_operations_that_were_counted_go_before_those_of_whole_images() -> None:
    run = {"variant": "a", "seed": 1, "epochs": 2, "multiply_adds": 9, "data/train_images": 9}
    curve = [
        {"variant": "a", "seed": 1, "epoch": 1, "val/top1": 0.5, "train/operations": 2e15},
        {"variant": "a", "seed": 1, "epoch": 2, "val/top1": 0.9, "train/operations": 6e15},
    ]
    rows = Evidence([run | {"train/operations": 6e15}], curve, [])
    assert values(rows, "a", "operations to val/top1 0.7") == {1: pytest.approx(4.0)}
    assert values(rows, "a", "operations to val/top1 0.4") == {1: pytest.approx(2.0)}


@pytest.fixture
def drawn(plan: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """The figures of two variants: the second, with label smoothing, is best after one epoch."""
    runs = [
        {"variant": name, "seed": 3, "seconds": 1200.0, "test/top1": 0.7, "classes": 10, **more}
        for name, more in (
            ("plain", {"best_epoch": 4}),
            ("it's wide", {"best_epoch": 1, "soft_targets": "label smoothing 0.1"}),
        )
    ]
    curve = [
        {
            **{"variant": row["variant"], "seed": 3, "epoch": n},
            **{"train/loss": 1 / n, "val/loss": 2 / n, "val/top1": n / 5},
        }
        for row in runs
        for n in range(1, 5)
    ]
    made: dict[str, Figure] = {}
    monkeypatch.setattr(figures, "write_png", lambda figure, path: made.update({path.stem: figure}))
    figures.draw(plan, Evidence(runs, curve, []), [], tmp_path, tmp_path)
    return made


def test_the_tests_star_is_at_the_end_of_the_best_epoch(drawn: dict[str, Figure]) -> None:
    (axes,) = drawn["time"].axes
    stars = [list(line.get_xdata()) for line in axes.lines if line.get_marker() == "*"]
    assert stars == [[20.0], [5.0], []]
    assert axes.get_xlabel() == "training time (min)"


def test_without_a_validation_the_star_is_at_the_end_and_stands_for_the_variant(
    plan: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = {"variant": "plain", "seed": 3, "seconds": 1200.0, "test/top1": 0.7, "best_epoch": 4}
    runs = [run | {"soft_targets": "label smoothing 0.1"}]
    curve = [
        {"variant": "plain", "seed": 3, "epoch": n, "train/loss": 1 / n, "train/top1": n / 5}
        for n in range(1, 5)
    ]
    made: dict[str, Figure] = {}
    monkeypatch.setattr(figures, "write_png", lambda figure, path: made.update({path.stem: figure}))
    captions = figures.draw(plan, Evidence(runs, curve, []), [], tmp_path, tmp_path)
    assert captions["time.png"].startswith("Test error after the last epoch against training time,")
    (axes,) = made["time"].axes
    handles, labels = axes.get_legend_handles_labels()
    assert labels == [plan.label("plain"), "test (last epoch)"]
    assert list(handles[0].get_xdata()) == [20.0]
    assert len(made["curves"].axes) == 1, "no empty panel"


@pytest.mark.parametrize(
    ("monitor", "tested", "words"),
    [
        (LAST_EPOCH, "last epoch", "after the last epoch, whatever its validation"),
        ("val/loss", "best checkpoint", "with the checkpoint of the best validation loss"),
        (None, "best checkpoint", "with the checkpoint of the best validation accuracy"),
    ],
)
def test_a_report_says_what_chose_the_tested_epoch(
    plan: Study,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    monitor: str | None,
    tested: str,
    words: str,
) -> None:
    run = {"variant": "plain", "seed": 3, "seconds": 60.0, "test/top1": 0.7, "val/top1": 0.7}
    chosen = {} if monitor is None else {"chosen_by": monitor}  # older rows do not have it
    evidence = Evidence([run | {"best_epoch": 1, "epochs": 1} | chosen], [], [])
    monkeypatch.setattr(figures, "write_png", lambda figure, path: None)
    captions = figures.draw(plan, evidence, [], tmp_path, tmp_path)
    assert f"test error of the {tested}" in captions["time.png"]
    assert words in results(plan, evidence)[1]


def test_runs_with_and_without_a_validation_have_their_stars(
    plan: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = {"seed": 3, "seconds": 600.0, "test/top1": 0.7, "best_epoch": 2, "epochs": 2}
    names = {"plain": LAST_EPOCH, "it's wide": "val/top1"}
    runs = [run | {"variant": name, "chosen_by": by} for name, by in names.items()]
    curve = [
        {"variant": name, "seed": 3, "epoch": n, "train/top1": 0.6}
        | ({} if name == "plain" else {"val/top1": 0.6})
        for name in names
        for n in (1, 2)
    ]
    made: dict[str, Figure] = {}
    monkeypatch.setattr(figures, "write_png", lambda figure, path: made.update({path.stem: figure}))
    evidence = Evidence(runs, curve, [])
    captions = figures.draw(plan, evidence, [], tmp_path, tmp_path)
    stars = [line for line in made["time"].axes[0].lines if line.get_marker() == "*"]
    assert [list(line.get_xdata()) for line in stars] == [[10.0], [10.0], []]
    assert "test error of the best checkpoint or last epoch" in captions["time.png"]
    words = "with the checkpoint of the best validation accuracy, or after the last epoch where"
    assert words in results(plan, evidence)[1]


def test_losses_of_different_targets_have_panels_of_their_own(drawn: dict[str, Figure]) -> None:
    plain, smoothed, loss, error = drawn["curves"].axes
    titles = [axes.get_title() for axes in (plain, smoothed, loss, error)]
    assert titles == ["without label smoothing", "with label smoothing 0.1", "", ""]
    assert loss.get_ylabel() == "validation loss (nats)"
    assert [list(line.get_ydata()) for line in loss.lines[:2]] == 2 * [[2.0, 1.0, 2 / 3, 0.5]]
    labels = [axes.get_legend_handles_labels()[1] for axes in (plain, smoothed)]
    assert labels == [["plain", "chance, 10 classes"], ["it's wide", "chance, 10 classes"]]
    assert drawn["curves"].get_suptitle() == "A study that's small: n = 1 seed"


def test_chance_is_a_line_in_loss_and_error(drawn: dict[str, Figure]) -> None:
    chance = [
        line.get_ydata()[0]
        for axes in drawn["curves"].axes
        for line in axes.lines
        if str(line.get_label()).startswith("chance")
    ]
    assert chance == [math.log(10), math.log(10), math.log(10), 90.0]


def test_chance_is_left_out_where_it_would_press_the_errors_together(
    plan: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = {"variant": "plain", "seed": 3, "seconds": 1200.0, "best_epoch": 1, "classes": 10}
    curve = [{"variant": "plain", "seed": 3, "epoch": 1, "train/loss": 1.0, "train/top1": 0.9}]
    made: dict[str, Figure] = {}
    monkeypatch.setattr(figures, "write_png", lambda figure, path: made.update({path.stem: figure}))
    for top1, there in ((0.94, False), (0.40, True)):
        figures.draw(plan, Evidence([run | {"test/top1": top1}], curve, []), [], tmp_path, tmp_path)
        labels = made["time"].axes[0].get_legend_handles_labels()[1]
        assert ("chance, 10 classes" in labels) == there


def test_a_curve_on_another_one_is_dashed_and_the_legend_says_so() -> None:
    with new_figure(4, 3) as figure:
        axes = figure.subplots()
        for values in ([1, 2, 3, 4], [1, 2, 3, 4], [4, 3, 2, 1], [1, 2, 3, 4.001]):
            axes.plot(values)
        show_hidden(axes)
    first, second, other, third, note = axes.lines
    dashed = [line.is_dashed() for line in (first, second, other, third)]
    assert dashed == [False, True, False, True]
    assert note.get_label() == "dashes: on another curve"


def test_the_frontier_leaves_out_what_costs_more_and_errs_more(
    plan: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = {"short": (1, 0.8), "wasteful": (3, 0.7), "long": (2, 0.9), "none": (9, None)}
    study = replace(plan, variants={name: Variant(target=0.75) for name in points})
    runs = [
        {"variant": name, "seed": seed, "multiply_adds": 1e6, "data/train_images": 50_000}
        | {"epochs": epochs, **({} if top1 is None else {"test/top1": top1 + seed / 100})}
        for name, (epochs, top1) in points.items()
        for seed in (1, 2)
    ]
    made: list[Figure] = []
    monkeypatch.setattr(figures, "write_png", lambda figure, path: made.append(figure))
    assert figures.draw_frontier(study, Evidence(runs, [], []), tmp_path)
    frontier, *_ = made[0].axes[0].lines
    assert list(frontier.get_xdata()) == pytest.approx([0.3e-3, 0.6e-3])  # 6e6 · 50,000 · epochs
    assert list(frontier.get_ydata()) == pytest.approx([18.5, 8.5])
    without = replace(study, variants={name: Variant() for name in points})
    assert not figures.draw_frontier(without, Evidence(runs, [], []), tmp_path)
