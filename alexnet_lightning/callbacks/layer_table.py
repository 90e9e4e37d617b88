"""The network's layers, one per line, before training starts."""

from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer

from alexnet_lightning.networks.inspect import shapes
from alexnet_lightning.networks.layer_table import in_few_lines, layer_table


class LayerTable(Callback):
    """Print name, output, parameters and multiply-adds of every layer that is not elementwise.

    The data module says which images to expect, by `in_channels` and `image_size`.
    """

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        # Here and not at the start of the fit, where a strategy may have split the network.
        if stage != "fit" or not trainer.is_global_zero:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        network: Any = pl_module.network
        facts = shapes(network, data.in_channels, data.image_size)
        print(layer_table(in_few_lines(facts), sum(p.numel() for p in network.parameters())))
