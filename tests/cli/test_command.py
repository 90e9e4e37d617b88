"""What all commands leave unsaid."""

import logging

from alexnet_lightning.fit import fit


def test_lightning_says_nothing_that_is_plain(
    outcome, quick_config, in_tmp, monkeypatch, caplog
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setattr(logging.getLogger("lightning"), "handlers", [caplog.handler])
    schedule = ["--model.lr_scheduler", "OneCycleLR", "--model.lr_scheduler.max_lr", "0.003"]
    status, _, _ = outcome(fit, "--config", quick_config, "--trainer.max_epochs", 1, *schedule)
    assert status == 0
    said = [record.getMessage() for record in caplog.records]
    assert any("max_epochs" in line for line in said)  # it is heard at all
    for words in ("Tip:", "Seed set to", "Loading `train_dataloader`"):
        assert not any(words in line for line in said)
    print(said)
