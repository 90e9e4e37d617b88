"""Projections and separability scores of spaces with known answers, and their figure."""

import pytest
import torch
from sklearn.metrics import silhouette_score

from alexnet_lightning.plots.embeddings import (
    Projection,
    embeddings_figure,
    most_frequent,
    project,
    separability,
)


def clusters(images: int, distance: float) -> tuple[torch.Tensor, torch.Tensor]:
    """Four classes in eight dimensions, their centers `distance` from the origin."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(images) % 4
    centers = distance * torch.eye(4, 8)
    return centers[labels] + torch.randn(images, 8, generator=generator), labels


def test_the_projection_of_a_plane_keeps_its_distances_and_variances():
    generator = torch.Generator().manual_seed(0)
    plane = torch.randn(50, 2, generator=generator) * torch.tensor([3.0, 1.0])
    turn = torch.linalg.qr(torch.randn(6, 6, generator=generator)).Q[:2]
    found = project(plane @ turn + 5)
    variances = torch.linalg.eigvalsh(plane.T.cov())
    torch.testing.assert_close(torch.pdist(found.coordinates), torch.pdist(plane))
    assert found.explained == pytest.approx((variances.flip(0) / variances.sum()).tolist())
    assert found.dimensions == 6


def test_signs_follow_the_previous_projection():
    space, _ = clusters(40, 3.0)
    first = project(space).coordinates
    for signs in ([1, 1], [-1, 1], [1, -1], [-1, -1]):
        before = first * torch.tensor(signs)
        torch.testing.assert_close(project(space + 0.01, before).coordinates, before)
    of_another_sample = torch.ones(7, 2)
    assert torch.equal(project(space, of_another_sample).coordinates, first)


def test_more_components_keep_the_distances_of_the_space():
    space = torch.randn(20, 7)
    first = project(space)
    found = project(space, -first.coordinates)
    assert torch.equal(found.components[:, :2], -first.coordinates), "the same axes"
    torch.testing.assert_close(
        torch.cdist(found.components, found.components), torch.cdist(space, space)
    )
    assert project(torch.randn(60, 70)).components.shape == (60, 50)


@pytest.mark.parametrize("rounding", [0.0, 1e-7])
def test_a_constant_space_has_no_variance_and_finite_scores(rounding):
    generator = torch.Generator().manual_seed(0)
    space = 3 + rounding * torch.randn(20, 5, generator=generator)
    found = project(space)
    scores = separability(space, torch.arange(20) % 2)
    assert found.explained == (0, 0) and not found.coordinates.any()
    assert scores["silhouette"] == 0 and 0 <= scores["knn5"] <= 1


def test_one_dimension_gets_an_empty_second_axis():
    found = project(torch.arange(5.0)[:, None])
    assert found.explained == (1, 0) and not found.coordinates[:, 1].any()


def test_very_large_embeddings_do_not_overflow():
    space, labels = clusters(40, 3.0)
    small, large = project(space), project(space * 1e25)
    assert large.explained == pytest.approx(small.explained)
    assert separability(space * 1e25, labels) == pytest.approx(separability(space, labels))


def test_classes_far_apart_are_separable_and_equal_ones_are_not():
    apart, together = separability(*clusters(200, 20.0)), separability(*clusters(200, 0.0))
    assert apart["knn5"] == 1 and apart["silhouette"] > 0.8
    assert together["knn5"] == pytest.approx(0.25, abs=0.1)
    assert together["silhouette"] == pytest.approx(0, abs=0.05)


def test_silhouette_is_that_of_the_whole_space():
    space, labels = clusters(60, 2.0)
    expected = silhouette_score(space.double().numpy(), labels.numpy())
    assert separability(space, labels)["silhouette"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([0, 0, 0, 0], []),  # one class
        ([0, 1, 2, 3], []),  # one image per class
        ([0, 0, 0, 1], ["silhouette"]),  # one image in the second class
        ([0, 0, 1, 1], ["knn5", "silhouette"]),
        ([2, 2, 2, 2, 5, 5, 5, 1], ["knn5", "silhouette"]),
    ],
    ids=str,
)
def test_a_small_sample_has_fewer_scores(labels, scores):
    space = 10 * torch.tensor(labels)[:, None] + torch.arange(len(labels))[:, None] / 10
    found = separability(space, torch.tensor(labels))
    assert sorted(found) == scores
    assert all(-1 <= score <= 1 for score in found.values())


def test_less_frequent_classes_share_a_line_of_the_legend():
    labels = torch.tensor([0, 1, 1, 2, 2])
    planes = {
        name: Projection(torch.randn(5, 2), (0.5, 0.25), 12, torch.zeros(5, 12))
        for name in ("features", "penultimate")
    }
    scores = {"features": {"knn5": 0.5, "silhouette": 0.25}, "penultimate": {}}
    names = ["airplane", "automobile", "$bird"]
    figure = embeddings_figure(planes, scores, labels, names, "title", max_classes=2)
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["less frequent classes (1)", "automobile", "$bird"]
    assert figure.axes[0].get_xlabel() == "PC 1 (50.0% of variance)"
    assert figure.axes[0].get_title().endswith("5-NN accuracy 50.0%, silhouette 0.25")


def test_most_frequent_prefers_the_lower_label_on_a_tie():
    assert most_frequent(torch.tensor([4, 4, 3, 1, 1, 0]), 3) == [0, 1, 4]
    assert most_frequent(torch.tensor([4, 4, 3]), 3) == [3, 4]
