"""The attention explorer and its static twin."""

from __future__ import annotations

import numpy as np
import pytest

from rvos_edu.engine.attention import AttentionRecord
from rvos_edu.widgets.attention import READERS, attention_figure, attention_widget

pytest.importorskip("ipywidgets")


@pytest.fixture
def record() -> AttentionRecord:
    """3 encoder layers, 2 of the decoder, 3 frames, 2 heads, a 2x3 map, 4 words, 5 queries."""
    rng = np.random.default_rng(0)

    def weights(*shape: int) -> np.ndarray:
        values = rng.random(shape).astype(np.float32)
        return values / values.sum(-1, keepdims=True)

    return AttentionRecord(
        frames=rng.integers(0, 255, (3, 32, 48, 3), dtype=np.uint8),
        expression="the red square",
        tokens=["<s>", "the", "Ġred", "Ġsquare"],
        grid=(2, 3),
        encoder=weights(3, 3, 2, 10, 10),
        decoder=weights(2, 3, 2, 5, 10),
        probabilities=rng.random((5, 3)).astype(np.float32),
    )


def bars(figure: object) -> list[float]:
    return [patch.get_width() for patch in figure.axes[2].patches]  # type: ignore[attr-defined]


def test_the_figure_draws_the_weights_of_its_reader(record: AttentionRecord) -> None:
    figure = attention_figure(record, "query", 2, layer=0, head=1, frame=1)
    np.testing.assert_allclose(bars(figure), record.decoder[0, 1, 1, 2, 6:], rtol=1e-6)
    assert figure.axes[0].get_title(loc="left") == "frame 1: query 2 reads, decoder layer 0, head 1"
    figure = attention_figure(record, "pixel", (1, 2), frame=2)
    np.testing.assert_allclose(bars(figure), record.encoder[2, 2, :, 5, 6:].mean(0), rtol=1e-6)
    assert figure.axes[0].get_title(loc="left").endswith("pixel (1, 2) reads, encoder layer 2, mean of heads")
    np.testing.assert_allclose(bars(attention_figure(record, "word", 3)), record.word(3).words[0], rtol=1e-6)
    figure = attention_figure(record, "who reads", 2)
    np.testing.assert_allclose(bars(figure), record.readers(2).words[0], rtol=1e-6)
    assert "who reads “red”" in figure.axes[0].get_title(loc="left")


def test_by_default_the_voted_query(record: AttentionRecord) -> None:
    assert f"query {record.voted} reads" in attention_figure(record).axes[0].get_title(loc="left")


@pytest.mark.parametrize("reader", READERS)
def test_the_widget_starts_with_the_static_twin(record: AttentionRecord, reader: str) -> None:
    picture = attention_widget(record, reader).children[-1]
    assert bytes(picture.value) == attention_figure(record, reader).to_jpeg()


def test_every_control_changes_the_picture(record: AttentionRecord) -> None:
    widget = attention_widget(record)
    first, second, picture = widget.children
    kind, query, word, row, column = first.children
    decoder, encoder, head, frame = second.children
    assert head.index == 0 and head.label == "mean of all"  # a value of None would show as empty
    seen = {bytes(picture.value)}

    def moved(control: object, value: object) -> None:
        control.value = value  # type: ignore[attr-defined]
        assert bytes(picture.value) not in seen
        seen.add(bytes(picture.value))

    moved(frame, 2)
    moved(head, 1)
    moved(decoder, 0)
    moved(query, (record.voted + 1) % 5)
    moved(kind, "word")
    moved(word, 3)
    moved(encoder, 0)
    moved(kind, "who reads")
    moved(kind, "pixel")
    moved(row, 0)
    moved(column, 2)
    expected = attention_figure(record, "pixel", (0, 2), layer=0, head=1, frame=2).to_jpeg()
    assert bytes(picture.value) == expected


def test_only_the_fields_of_the_reader_are_shown(record: AttentionRecord) -> None:
    first, second, _ = attention_widget(record, "pixel").children
    shown = [box.layout.display != "none" for box in (*first.children, *second.children)]
    assert shown == [True, False, False, True, True, False, True, True, True]


def test_another_kind_of_reader_is_refused(record: AttentionRecord) -> None:
    for make in (attention_figure, attention_widget):
        with pytest.raises(ValueError, match="reader must be one of query, word, pixel, who reads, got 'x'"):
            make(record, "x")


def test_a_page_without_kernel_says_what_is_missing(record: AttentionRecord) -> None:
    assert "needs a running kernel" in repr(attention_widget(record))
