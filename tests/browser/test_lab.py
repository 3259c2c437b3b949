"""Notebooks 00, 08 and 10 in JupyterLab in Chromium: run them, move sliders, type, see another picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.lab import OpenNotebook, chromium_path, lab_server

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder: Path = tmp_path_factory.mktemp("lab")
    with lab_server(folder) as found:
        yield found


@pytest.fixture
def page() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=["--no-sandbox"])
        yield browser.new_page(viewport={"width": 1300, "height": 1000})
        browser.close()


def test_welcome_finds_the_object_of_a_typed_sentence(page: Any, address: str) -> None:
    notebook = OpenNotebook(page, address, "00_welcome.ipynb")
    notebook.run_all()
    explorer = notebook.widget("Find it")
    before = explorer.pixels()
    notebook.picture("1-before")
    explorer.type("the object on the left")
    explorer.wait_for_another(before)
    notebook.picture("2-another-sentence")
    explorer.type("a zebra crossing a street full of quokkas " * 30)
    page.get_by_text("tokens").last.wait_for()  # the error is said above the picture, which stays
    notebook.picture("3-too-long")
