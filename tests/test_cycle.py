"""Relational and point-wise losses: published numbers, by hand, invariances, gradients, small batches."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rvos_edu.cycle import pointwise_loss, relational_angle_loss, relational_distance_loss
from tests.parity import read, read_json

Loss = Callable[[Tensor, Tensor], Tensor]
RELATIONAL: dict[str, Loss] = {"distance": relational_distance_loss, "angle": relational_angle_loss}
ALL: dict[str, Loss] = {**RELATIONAL, "pairwise": pointwise_loss}
RIGHT = torch.tensor([[0.0, 0], [3, 0], [0, 4]])  # sides 3, 4, 5
EQUAL = torch.tensor([[0.0, 0], [1, 0], [0.5, math.sqrt(3) / 2]])  # sides 1, 1, 1
few = settings(deadline=None, max_examples=20)


@pytest.mark.parametrize("name", ALL)
def test_published_losses_and_gradients(name: str) -> None:
    arrays = read("r2vos_cycle_losses")
    student = arrays["in.student"].requires_grad_()
    teacher = arrays["in.teacher"].requires_grad_()
    loss = ALL[name](student, teacher)
    loss.backward()
    torch.testing.assert_close(loss, arrays[f"out.{name}"], rtol=1e-5, atol=1e-6)
    assert student.grad is not None and teacher.grad is None
    scale = float(arrays[f"grad.{name}.student"].abs().max())
    torch.testing.assert_close(student.grad, arrays[f"grad.{name}.student"], rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("name", RELATIONAL)
def test_published_losses_of_few_rows(name: str) -> None:
    """The published distance of one row is NaN; ours is 0."""
    arrays, expected = read("r2vos_cycle_losses"), read_json("r2vos_losses")
    student, teacher = arrays["in.student"], arrays["in.teacher"]
    assert [float(RELATIONAL[name](student[:n], teacher[:n])) for n in (1, 2)] == [0, 0]
    assert expected["with_2_rows"][name] == pytest.approx(0, abs=1e-12)
    three = float(RELATIONAL[name](student[:3], teacher[:3]))
    assert three == pytest.approx(expected["with_3_rows"][name], rel=1e-5)


def test_distance_by_hand() -> None:
    """3/4, 4/4, 5/4 of the mean against 1: two pairs, both ways, cost (1/4)^2 / 2; 9 entries."""
    loss = relational_distance_loss(RIGHT, EQUAL)
    assert float(loss) == pytest.approx(2 * 2 * (1 / 4) ** 2 / 2 / 9)


def test_angle_by_hand() -> None:
    """Cosines 0, 3/5, 4/5 against 1/2 three times, each twice among 27 entries."""
    loss = relational_angle_loss(RIGHT, EQUAL)
    assert float(loss) == pytest.approx(2 * (0.5**2 + 0.1**2 + 0.3**2) / 2 / 27, rel=1e-5)


def test_pointwise_by_hand() -> None:
    assert float(pointwise_loss(RIGHT, torch.zeros(3, 2))) == pytest.approx((0 + 3 + 4) / 3)
    assert float(pointwise_loss(torch.zeros(0, 4), torch.zeros(0, 4))) == 0


@few
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_moving_turning_scaling_and_reordering_the_cloud_changes_nothing(seed: int, scale: float) -> None:
    generator = torch.Generator().manual_seed(seed)
    teacher, student, matrix = (torch.randn(n, 4, generator=generator) for n in (5, 5, 4))
    turn = torch.linalg.qr(matrix).Q
    order = torch.randperm(5, generator=generator)
    for loss in RELATIONAL.values():
        assert float(loss(scale * teacher @ turn + 3, teacher)) == pytest.approx(0, abs=1e-6)
        expected = float(loss(student, teacher))
        assert float(loss(scale * student @ turn - 1, teacher)) == pytest.approx(expected, abs=1e-5)
        assert float(loss(student[order], teacher[order])) == pytest.approx(expected, abs=1e-6)
        assert expected > 0
    assert float(pointwise_loss(teacher + 3, teacher)) == pytest.approx(6)  # sqrt(4 * 3^2)


@pytest.mark.parametrize("name", ALL)
def test_gradients_equal_finite_differences(name: str) -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(2, 5, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: ALL[name](x, teacher), student.requires_grad_())


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("rows", [0, 1, 2, 3, 5])
@pytest.mark.parametrize("collapsed", ["student", "teacher", "both", "two rows"])
def test_values_and_gradients_are_finite(name: str, rows: int, collapsed: str) -> None:
    torch.manual_seed(0)
    student, teacher = torch.randn(2, rows, 4)
    if collapsed in ("student", "both"):
        student = torch.ones(rows, 4)
    if collapsed in ("teacher", "both"):
        teacher = torch.ones(rows, 4)
    if collapsed == "two rows":
        student[1:2] = student[:1]
    loss = ALL[name](student.requires_grad_(), teacher)
    loss.backward()
    assert student.grad is not None
    assert loss.isfinite() and (student.grad.abs() < 10).all()  # NaN and infinity are not
    if name in RELATIONAL and rows < 3:
        assert loss.item() == 0 and not student.grad.any()


@pytest.mark.parametrize("name", ALL)
def test_a_broken_student_shows(name: str) -> None:
    student, teacher = torch.randn(2, 4, 3)
    student[1, 2] = math.nan
    assert ALL[name](student, teacher).isnan()


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("shapes", [((3, 4), (2, 4)), ((3, 4), (3, 5)), ((4,), (4,))])
def test_bad_input(name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"must both be \[R, D\]"):
        ALL[name](torch.zeros(shapes[0]), torch.zeros(shapes[1]))
