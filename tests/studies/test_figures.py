"""What a study's figures show besides the runs."""

from dataclasses import replace

from alexnet_lightning.plots.style import new_figure
from alexnet_lightning.studies.figures import ends_of_epochs, plot_levels
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.rows import Evidence


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
    assert ends_of_epochs(Evidence(runs, curve, []), "a") == {1: [20.0, 30.0], 2: [60.0, 60.0]}
