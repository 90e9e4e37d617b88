"""The most confident mistakes come first."""

import torch

from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.explanations.mistakes import draw_mistakes, most_confident

PROBABILITIES = torch.tensor([[0.6, 0.4], [0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.99, 0.01]])
LABELS = torch.tensor([1, 0, 1, 1, 0])


def test_only_mistakes_the_most_confident_first() -> None:
    assert most_confident(PROBABILITIES, LABELS, 9).tolist() == [1, 2, 0]
    assert most_confident(PROBABILITIES, LABELS, 2).tolist() == [1, 2]
    assert most_confident(PROBABILITIES, PROBABILITIES.argmax(1), 2).tolist() == []


def test_the_figure_says_what_each_was_taken_for() -> None:
    pixels = torch.arange(5, dtype=torch.uint8)[:, None, None, None].expand(5, 3, 4, 4)
    figure = draw_mistakes(ImageTensors(pixels, LABELS), PROBABILITIES, ["cat", "dog"])
    drawn = [axes for axes in figure.axes if axes.images]
    captions = [axes.get_xlabel() for axes in drawn]
    assert captions[0] == "dog, 90%\nis cat, 10%"
    assert [int(axes.images[0].get_array().max()) for axes in drawn] == [1, 2, 0]
    assert figure.get_suptitle() == "Most confident of 3 mistakes in 5 test images"


def test_no_mistakes_are_a_figure_too() -> None:
    images = ImageTensors(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]))
    figure = draw_mistakes(images, torch.eye(2), ["cat", "dog"])
    assert figure.get_suptitle() == "Most confident of 0 mistakes in 2 test images"
