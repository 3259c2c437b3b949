"""The self-contained page: what is given is shown as it is, pictures lie inside the file."""

from __future__ import annotations

import base64
import io
import re
from pathlib import Path

import numpy as np
from PIL import Image

from rvos_edu.viz.page import Page
from rvos_edu.viz.style import new_figure


def test_text_is_never_read_as_html(tmp_path: Path) -> None:
    page = Page("<script>alert(1)</script>", "a & b")
    page.heading("<b>", level=3)
    page.text("x < y")
    page.points(["<i>one</i>"])
    page.numbers([("<1>", "<2>")])
    page.table(["<th>"], [["<td>"], ["sum"]], total=1)
    page.picture(np.zeros((2, 3, 3), np.uint8), '"quoted" <caption>')
    page.write(tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    for tag in ("<script", "<i>", "<1>", "<2>", "<caption>", '"quoted"'):
        assert tag not in text
    assert "a &amp; b" in text and "x &lt; y" in text and "<h3>&lt;b&gt;</h3>" in text
    assert '<tr class="total"><td>sum</td></tr>' in text


def test_pictures_lie_inside_the_file() -> None:
    page = Page("title")
    pixels = np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8)
    page.picture(pixels, enlarge=3)
    page.figure(new_figure(1.0))
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', page.html())
    assert len(found) == 2 and 'width="18"' in page.html()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(base64.b64decode(found[0])))), pixels)
