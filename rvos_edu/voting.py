"""Which mask sequence is the referred one: the temporal segment voting scheme (MTTR, section 3.7 and D.2)."""

from __future__ import annotations

from torch import Tensor


def reference_probabilities(reference_logits: Tensor) -> Tensor:
    """Probability of "referred" of every query in every frame: [..., 2] logits -> float32 [...]."""
    return reference_logits.float().softmax(-1)[..., 0]


def temporal_segment_vote(reference_logits: Tensor) -> tuple[Tensor, Tensor]:
    """All frames vote together for one query (TSVS).

    Args:
        reference_logits: [B, A, N, 2], index 0 = referred.

    Returns:
        the chosen queries int64 [B], and the votes float32 [B, N]: sum over frames of the
        probability of "referred".

    Raises:
        ValueError: if the shape is another.
    """
    _check(reference_logits)
    votes = reference_probabilities(reference_logits).sum(1)
    return votes.argmax(-1), votes


def per_frame_choice(reference_logits: Tensor) -> Tensor:
    """Without voting: each frame chooses its most probable query (section D.2).

    Args:
        reference_logits: [B, A, N, 2].

    Returns:
        int64 [B, A].

    Raises:
        ValueError: if the shape is another.
    """
    _check(reference_logits)
    return reference_probabilities(reference_logits).argmax(-1)


def _check(reference_logits: Tensor) -> None:
    if reference_logits.ndim != 4 or reference_logits.shape[-1] != 2 or 0 in reference_logits.shape:
        raise ValueError(f"reference_logits must be [B, A, N, 2], got {tuple(reference_logits.shape)}")
