"""A small study on digits, of whose values some are hard to quote."""

from pathlib import Path

import pytest

from alexnet_lightning.studies.plan import Study, Variant


@pytest.fixture(scope="session")
def plan(quick_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Study:
    more = tmp_path_factory.mktemp("plan") / "more.yaml"
    more.write_text("model: {init_args: {width: 0.1}}\ntrainer: {gradient_clip_val: 1.0}\n")
    sgd = {"class_path": "SGD", "init_args": {"lr": 0.1, "momentum": 0.9}}
    return Study(
        title="A study that's small",
        base=[str(quick_config)],
        variants={
            "plain": Variant(),
            "it's wide": Variant(
                overrides={
                    "model.width": 0.06,
                    "trainer.callbacks+": "LayerStatistics",
                    "model.lr_scheduler": None,
                }
            ),
            "two files": Variant(
                config=[str(quick_config), str(more)],
                overrides={"model": "AlexNetSkip", "model.optimizer.lr": 0.2},
            ),
        },
        seeds=[3, 5],
        overrides={
            "trainer.max_epochs": 1,
            "model.optimizer": sgd,
            "model.label_smoothing": 0.1,
            "data.transform": "Identity",
            "test": False,
        },
    )
