"""Choose a layer, a head and a reader, and see which pixels and words it reads; and the picture alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rvos_edu.engine.attention import AttentionRecord, QueryAttention
from rvos_edu.viz import Figure
from rvos_edu.viz.attention import tidy_token
from rvos_edu.viz.attention_panel import attention_panel
from rvos_edu.widgets.explorer import explorer

if TYPE_CHECKING:
    from ipywidgets import VBox

READERS = {
    "query": "an object query reads",
    "word": "a word reads",
    "pixel": "a pixel reads",
    "who reads": "who reads a word",
}
MEAN = -1  # in the list of heads; None would be shown as "nothing chosen"
FIELDS = {  # what the widget shows for each
    "query": ("query", "decoder", "head", "frame"),
    "word": ("word", "encoder", "head", "frame"),
    "pixel": ("row", "column", "encoder", "head", "frame"),
    "who reads": ("word", "encoder", "head", "frame"),
}


def attention_figure(
    record: AttentionRecord,
    reader: str = "query",
    which: int | tuple[int, int] | None = None,
    *,
    layer: int = -1,
    head: int | None = None,
    frame: int = 0,
) -> Figure:
    """One reader's attention over the pixels and the words of a frame, the other frames small below.

    Args:
        record: from `attention_record`.
        reader: "query" (decoder), "word", "pixel" (encoder), or "who reads": how much every pixel and
            word reads of one word.
        which: the query; the place of the word in `record.tokens`; (row, column) of the pixel cell.
            Default: the voted query, the second token, the cell in the middle.
        layer: of the decoder for queries, else of the encoder; the last by default.
        head: one head, or None for the mean over heads.
        frame: the frame shown large.

    Raises:
        ValueError: for another kind of reader, or one that does not exist.
    """
    _check_reader(reader)
    choice: Any = default_choice(record, reader) if which is None else which
    read = _read(record, reader, choice, layer, head)
    layers = len(record.decoder if reader == "query" else record.encoder)
    part = "decoder" if reader == "query" else "encoder"
    heads = "mean of heads" if head is None else f"head {head}"
    caption = {
        "query": "query {} reads",
        "word": "“{}” reads",
        "pixel": "pixel {} reads",
        "who reads": "who reads “{}”",
    }[reader].format(tidy_token(record.tokens[choice]) if reader in ("word", "who reads") else choice)
    return attention_panel(
        record.frames,
        read.pixels,
        read.words,
        read.tokens,
        frame=frame,
        cell=choice if reader == "pixel" else None,
        word=choice if reader in ("word", "who reads") else None,
        title=record.expression,
        caption=f"{caption}, {part} layer {layer % layers}, {heads}",
    )


def default_choice(record: AttentionRecord, reader: str) -> int | tuple[int, int]:
    """The reader shown first: the voted query, the first token after the start, the cell in the middle."""
    if reader == "query":
        return record.voted
    return (record.grid[0] // 2, record.grid[1] // 2) if reader == "pixel" else 1


def _read(record: AttentionRecord, reader: str, which: Any, layer: int, head: int | None) -> QueryAttention:
    if reader == "query":
        return record.query(which, layer=layer, head=head)
    if reader == "pixel":
        return record.pixel(*which, layer=layer, head=head)
    look = record.word if reader == "word" else record.readers
    return look(which, layer=layer, head=head)


def attention_widget(record: AttentionRecord, reader: str = "query") -> VBox:
    """Kind of reader, which one, layer, head and frame above the picture of `attention_figure`.

    Raises:
        ValueError: for another kind of reader.
    """
    from ipywidgets import Dropdown, HBox, Image, IntSlider

    _check_reader(reader)
    layers, frames, heads, queries = record.decoder.shape[:4]
    (height, width), depth = record.grid, len(record.encoder)
    row, column = height // 2, width // 2
    tokens = [(f"{i} {tidy_token(token)}", i) for i, token in enumerate(record.tokens)]
    means = [("mean of all", MEAN), *((str(h), h) for h in range(heads))]
    kind = Dropdown(options=[(text, key) for key, text in READERS.items()], value=reader, description="who")
    fields = {
        "query": IntSlider(record.voted, min=0, max=queries - 1, description="query"),
        "word": Dropdown(options=tokens, value=1, description="word"),
        "row": IntSlider(row, min=0, max=height - 1, description="row"),
        "column": IntSlider(column, min=0, max=width - 1, description="column"),
        "decoder": IntSlider(layers - 1, min=0, max=layers - 1, description="layer"),
        "encoder": IntSlider(depth - 1, min=0, max=depth - 1, description="layer"),
        "head": Dropdown(options=means, value=MEAN, description="head"),
        "frame": IntSlider(0, min=0, max=frames - 1, description="frame"),
    }
    picture = Image(format="jpeg", width=810)

    def show(_: object) -> None:
        needed = FIELDS[kind.value]
        for name, field in fields.items():
            field.layout.display = None if name in needed else "none"
        value = {name: field.value for name, field in fields.items()}
        choice = (value["row"], value["column"]) if kind.value == "pixel" else value[needed[0]]
        layer = value["decoder" if kind.value == "query" else "encoder"]
        picture.value = attention_figure(
            record,
            kind.value,
            choice,
            layer=layer,
            head=None if value["head"] == MEAN else value["head"],
            frame=value["frame"],
        ).to_jpeg()

    for control in (kind, *fields.values()):
        control.observe(show, names="value")

    show(None)
    query, word, row_field, column_field, decoder, encoder, head, frame = fields.values()
    first = HBox([kind, query, word, row_field, column_field])
    return explorer([first, HBox([decoder, encoder, head, frame]), picture], twin="attention_figure")


def _check_reader(reader: str) -> None:
    if reader not in READERS:
        raise ValueError(f"reader must be one of {', '.join(READERS)}, got {reader!r}")
