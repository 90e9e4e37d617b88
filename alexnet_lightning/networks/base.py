"""The shape that every AlexNet has: convolutions, then fully connected layers."""

from torch import Tensor, nn


class ConvNet(nn.Module):
    """A trunk (`features`) and what reads it (`classifier`), with two places to look at.

    Args:
        features: images (N, C, H, W) to maps (N, C', H', W').
        classifier: flattened maps to logits (N, K); its last layer is the linear one.
        avgpool: what happens to the maps before they are flattened; nothing by default.
    """

    def __init__(
        self, features: nn.Sequential, classifier: nn.Sequential, avgpool: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = avgpool or nn.Identity()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(images)).flatten(1))

    def embed(self, images: Tensor) -> dict[str, Tensor]:
        """Return both embedding spaces of write-up 0, a row an image.

        "features" (N, D) is the trunk's output, "penultimate" (N, D') the input of the last layer.
        """
        maps = self.features(images)
        penultimate = self.classifier[:-1](self.avgpool(maps).flatten(1))
        return {"features": maps.flatten(1), "penultimate": penultimate}
