"""The same configurations as fit's, of which the data alone is wanted."""

from jsonargparse import Namespace
from lightning.pytorch import Trainer
from lightning.pytorch.cli import LightningArgumentParser

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.cli.messages import as_user_error
from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.training.classifier import ImageClassifier


class DataCLI(ExperimentCLI):
    """A configuration of fit of which the data alone is built; it need not name a model."""

    def add_core_arguments_to_parser(self, parser: LightningArgumentParser) -> None:
        parser.add_lightning_class_args(Trainer, "trainer")
        parser.add_lightning_class_args(
            ImageClassifier, "model", subclass_mode=True, required=False
        )
        parser.add_lightning_class_args(ImageDataModule, "data", subclass_mode=True)

    def instantiate_classes(self) -> None:
        """Build the data alone: a model may have to fetch weights."""
        try:
            built = self.parser.instantiate(Namespace(data=self.config.data))
        except Exception as error:
            raise as_user_error(error) from error
        self.datamodule: ImageDataModule = built.data
