"""The shape that every AlexNet has: convolutions, then fully connected layers."""

from torch import Tensor, nn


class ConvNet(nn.Module):
    """A trunk (`features`) and what reads it (`classifier`), with two places to look at.

    Args:
        features: images (N, C, H, W) to maps.
        classifier: flattened maps to logits (N, K); its last layer is the linear one.
    """

    def __init__(self, features: nn.Sequential, classifier: nn.Sequential) -> None:
        super().__init__()
        self.features = features
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.features(images).flatten(1))

    def embed(self, images: Tensor) -> dict[str, Tensor]:
        """Return both embedding spaces of write-up 0, a row an image.

        "features" (N, D) is the trunk's output, "penultimate" (N, D') the input of the last layer.
        """
        features = self.features(images).flatten(1)
        return {"features": features, "penultimate": self.classifier[:-1](features)}
