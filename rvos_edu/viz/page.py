"""A self-contained HTML page: headings, text, tables and pictures, styles and images inside the file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from rvos_edu.viz.style import Figure

STYLE = """
:root { --ink: #1d2430; --soft: #5b6575; --line: #dfe3ea; --accent: #2563c9; --wash: #f5f7fa; }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: var(--ink);
       font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 1040px; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 .5rem; letter-spacing: -.01em; }
h2 { font-size: 1.35rem; margin: 2.75rem 0 .75rem; padding-top: 1.25rem; border-top: 1px solid var(--line); }
h3 { font-size: 1.05rem; margin: 1.75rem 0 .4rem; }
p { margin: .5rem 0; max-width: 46rem; }
ul { margin: .75rem 0; padding-left: 1.25rem; }
p.lead { color: var(--soft); font-size: 1.05rem; }
code { background: var(--wash); padding: .1em .35em; border-radius: 4px; font-size: .9em; }
.scroll { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .4rem .9rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; }
th { color: var(--soft); font-weight: 600; font-size: .88rem; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
tr.total td { font-weight: 600; }
.cards { display: flex; flex-wrap: wrap; gap: .75rem; margin: 1.25rem 0; }
.card { background: var(--wash); border-radius: 10px; padding: .8rem 1.1rem; flex: 1 1 12rem; }
.card b { display: block; font-size: 1.6rem; line-height: 1.25; color: var(--accent); }
.card span { color: var(--soft); font-size: .88rem; }
figure { margin: 1.1rem 0; }
figure img { max-width: 100%; height: auto; display: block; border-radius: 4px; }
figure img.pixels { image-rendering: pixelated; }
figcaption { color: var(--soft); font-size: .92rem; margin-top: .4rem; max-width: 46rem; }
"""


class Page:
    """Collects parts in order; every text given is shown as it is, never read as HTML."""

    def __init__(self, title: str, lead: str = "") -> None:
        self.title = title
        self._parts = [f"<h1>{html.escape(title)}</h1>"]
        if lead:
            self._parts.append(f'<p class="lead">{html.escape(lead)}</p>')

    def heading(self, text: str, *, level: int = 2) -> None:
        """A section (level 2) or a part of one (level 3)."""
        self._parts.append(f"<h{level}>{html.escape(text)}</h{level}>")

    def text(self, text: str) -> None:
        """A paragraph."""
        self._parts.append(f"<p>{html.escape(text)}</p>")

    def points(self, lines: Sequence[str]) -> None:
        """A list, one line each."""
        self._parts.append("<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>")

    def numbers(self, cards: Sequence[tuple[str, str]]) -> None:
        """A row of large numbers, each (value, what it is)."""
        inner = "".join(
            f'<div class="card"><b>{html.escape(value)}</b><span>{html.escape(name)}</span></div>'
            for value, name in cards
        )
        self._parts.append(f'<div class="cards">{inner}</div>')

    def table(self, header: Sequence[str], rows: Sequence[Sequence[str]], *, total: int = -1) -> None:
        """A table; row number `total` is printed bold."""
        head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
        body = ""
        for index, row in enumerate(rows):
            cells = "".join(f"<td>{html.escape(cell)}</td>" for cell in row)
            body += f'<tr class="total">{cells}</tr>' if index == total else f"<tr>{cells}</tr>"
        self._parts.append(
            f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'
        )

    def figure(self, figure: Figure, caption: str = "") -> None:
        """A figure of `rvos_edu.viz` as PNG."""
        self._image(figure.to_png(), caption, pixels=False)

    def picture(self, image: np.ndarray, caption: str = "", *, enlarge: int = 1) -> None:
        """uint8 [H, W, 3] as PNG, shown `enlarge` times as large with sharp pixels."""
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, format="png", optimize=True)
        self._image(buffer.getvalue(), caption, pixels=enlarge > 1, width=image.shape[1] * enlarge)

    def html(self) -> str:
        """The whole page."""
        return (
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
            '<meta name="viewport" content="width=device-width, initial-scale=1">'
            f"<title>{html.escape(self.title)}</title><style>{STYLE}</style></head>\n"
            "<body><main>\n" + "\n".join(self._parts) + "\n</main></body></html>\n"
        )

    def write(self, path: Path) -> None:
        """Write the page as one file."""
        path.write_text(self.html(), encoding="utf-8")

    def _image(self, png: bytes, caption: str, *, pixels: bool, width: int | None = None) -> None:
        data = base64.b64encode(png).decode("ascii")
        look = ' class="pixels"' if pixels else ""
        size = "" if width is None else f' width="{width}"'
        note = f"<figcaption>{html.escape(caption)}</figcaption>" if caption else ""
        alt = html.escape(caption, quote=True)
        self._parts.append(
            f'<figure><img{look}{size} alt="{alt}" src="data:image/png;base64,{data}">{note}</figure>'
        )
