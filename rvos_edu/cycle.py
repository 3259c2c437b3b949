"""How alike reconstructed and original sentences are: the cycle of R2-VOS (supplement, section C).

A batch of sentences is a cloud of R points. The relational losses compare the shapes of two clouds, their
distances and their angles, wherever and however large they are; the point-wise loss compares point by point.
The student is the reconstructed embedding e', the teacher the sentence's own e, which gets no gradient.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

SAME = 1e-12  # squared distance below which two points are the same one: no distance, no direction


def relational_distance_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth L1 between the distances of all pairs, each cloud's divided by their mean.

    psi_ij = |x_i - x_j| / mean of the non-zero distances; mean over all R^2 entries, the diagonal included.
    Fewer than three points give 0: the only distance of two is its own mean.

    Args:
        student: [R, D], reconstructed embeddings e'.
        teacher: [R, D], embeddings e.

    Returns:
        scalar; its gradient is finite, also where points coincide.

    Raises:
        ValueError: if the shapes are others.
    """
    _check(student, teacher)
    if len(student) < 3:
        return (student * 0).sum()
    return F.smooth_l1_loss(_relative_distances(student), _relative_distances(teacher.detach()))


def relational_angle_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Smooth L1 between the angles that all triples span.

    a_ijk = <u_ij, u_ik>, u_ij the unit vector from point i to point j (0 if they are the same one); mean over
    all R^3 entries. Fewer than three points give 0.

    Args:
        student: [R, D], reconstructed embeddings e'.
        teacher: [R, D], embeddings e.

    Returns:
        scalar; its gradient is finite, also where points coincide.

    Raises:
        ValueError: if the shapes are others.
    """
    _check(student, teacher)
    if len(student) < 3:
        return (student * 0).sum()
    return F.smooth_l1_loss(_angles(student), _angles(teacher.detach()))


def pointwise_loss(student: Tensor, teacher: Tensor) -> Tensor:
    """Mean distance |e'_i - e_i|, what the relational losses are compared with; 0 without points.

    Args:
        student: [R, D], reconstructed embeddings e'.
        teacher: [R, D], embeddings e.

    Returns:
        scalar.

    Raises:
        ValueError: if the shapes are others.
    """
    _check(student, teacher)
    return _lengths(student - teacher.detach()).sum() / max(1, len(student))


def _relative_distances(points: Tensor) -> Tensor:
    """[R, D] -> [R, R], zeros if all points are the same one."""
    lengths = _lengths(_differences(points))
    apart = lengths != 0
    mean = lengths.sum() / apart.sum().clamp(min=1)
    return lengths / mean.where(apart.any(), 1)


def _angles(points: Tensor) -> Tensor:
    """[R, D] -> cosines [R, R, R] at the first of the three points."""
    differences = _differences(points)
    lengths = _lengths(differences)[..., None]
    apart = lengths != 0
    directions = (differences / lengths.where(apart, 1)).where(apart, 0)
    return directions @ directions.transpose(1, 2)


def _differences(points: Tensor) -> Tensor:
    """x_j - x_i: [R, D] -> [R, R, D]."""
    return points[None] - points[:, None]


def _lengths(vectors: Tensor) -> Tensor:
    """[..., D] -> [...]; that of a zero vector is 0, and so is its gradient."""
    squares = vectors.square().sum(-1)
    tiny = squares <= SAME  # False for NaN, which must show
    return squares.masked_fill(tiny, 1).sqrt().masked_fill(tiny, 0)


def _check(student: Tensor, teacher: Tensor) -> None:
    if student.ndim != 2 or student.shape != teacher.shape:
        raise ValueError(
            f"student and teacher must both be [R, D], got {tuple(student.shape)} and {tuple(teacher.shape)}"
        )
