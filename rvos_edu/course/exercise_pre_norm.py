"""Exercise 04.4: an encoder layer with the norm in front of each sub-layer instead of behind it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rvos_edu.course.checking import Exercise
from rvos_edu.course.expect import expect_close

E_04_4 = Exercise("04.4", "an encoder layer with the norm in front")


def _norms() -> tuple[nn.Module, nn.Module]:
    random = torch.Generator().manual_seed(3)
    norms = nn.LayerNorm(4), nn.LayerNorm(4)
    for norm in norms:
        norm.weight.data = torch.rand(4, generator=random) + 0.5
    return norms


def _zero(*inputs: Tensor) -> Tensor:
    return torch.zeros_like(inputs[0])


def _values(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Attention that hands every token its own value."""
    return 2 * value


def _asked(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    return query + 3 * key


def _double(x: Tensor) -> Tensor:
    return 2 * x


def _tokens() -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(4)
    x, positions = torch.randn(2, 1, 3, 4, generator=random)
    return 3 * x + 1, positions


@E_04_4.stage("sub-layers that return zero leave the tokens as they are")
def _untouched(answer: Any) -> None:
    x, positions = _tokens()
    norm1, norm2 = _norms()
    expect_close(
        answer(x.clone(), positions.clone(), _zero, _zero, norm1, norm2),
        x,
        hint="With nothing to add, what comes out is what came in.",
        mistakes={
            "A norm sits on the path of the tokens themselves: that is post-norm.": norm2(norm1(x)),
            "The last norm sits behind the sum.": norm2(x),
            "You added the sub-layer to the normalised tokens; add it to the tokens as they came in.": norm1(
                x
            ),
            "Without a residual nothing is left of the tokens.": torch.zeros_like(x),
        },
    )


@E_04_4.stage("attention reads normalised tokens, values without positions")
def _reads(answer: Any) -> None:
    x, positions = _tokens()
    norm1, norm2 = _norms()
    expect_close(
        answer(x.clone(), positions.clone(), _values, _zero, norm1, norm2),
        x + 2 * norm1(x),
        hint="What are the values that attention gets here?",
        mistakes={
            "Attention gets tokens that were not normalised.": x + 2 * x,
            "The positions went into the values too.": x + 2 * (norm1(x) + positions),
        },
    )


@E_04_4.stage("queries and keys carry the positions")
def _positions(answer: Any) -> None:
    x, positions = _tokens()
    norm1, norm2 = _norms()
    n = norm1(x)
    expect_close(
        answer(x.clone(), positions.clone(), _asked, _zero, norm1, norm2),
        x + 4 * (n + positions),
        hint="Which two of the three inputs of attention carry positions, and are they added before or after "
        "the norm?",
        mistakes={
            "No positions were added to queries and keys.": x + 4 * n,
            "Positions are added to the queries only.": x + 4 * n + positions,
            "Positions were added before the norm, which then rescales them.": x + 4 * norm1(x + positions),
        },
    )


@E_04_4.stage("the feed-forward block has its own norm")
def _second(answer: Any) -> None:
    x, positions = _tokens()
    norm1, norm2 = _norms()
    middle = x + 2 * norm1(x)
    expect_close(
        answer(x.clone(), positions.clone(), _values, _double, norm1, norm2),
        middle + 2 * norm2(middle),
        hint="The second half has the same form as the first, with the other norm.",
        mistakes={
            "Both halves use the first norm.": middle + 2 * norm1(middle),
            "The feed-forward block reads the layer's input, not what attention made of it.": middle
            + 2 * norm2(x),
            "The feed-forward block reads tokens that were not normalised.": 3 * middle,
            "Nothing of the attention's result is left beside the feed-forward block.": x + 2 * norm2(middle),
        },
    )
