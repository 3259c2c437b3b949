"""Notebooks 00, 08 and 10 in JupyterLab in Chromium: run them, move sliders, type, see another picture."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.lab import OpenNotebook, chromium_path, lab_server

pytestmark = pytest.mark.browser
FRAME, QUERY = 0, 1  # sliders of the voting explorer


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


def test_voting_explorer_follows_its_sliders_and_its_switch(page: Any, address: str) -> None:
    notebook = OpenNotebook(page, address, "08_voting.ipynb")
    notebook.run_all()
    explorer = notebook.widget("TSVS")
    notebook.picture("1-before")
    for step, move in enumerate(
        (
            lambda: explorer.press(FRAME),
            lambda: explorer.press(QUERY, "ArrowLeft"),
            lambda: explorer.press(QUERY, "ArrowRight"),
            lambda: explorer.area.get_by_role("button", name="off").click(),
        ),
        start=2,
    ):
        before = explorer.pixels()
        move()
        explorer.wait_for_another(before)
        notebook.picture(f"{step}-moved")


def test_both_explorers_of_the_lab_answer(page: Any, address: str) -> None:
    notebook = OpenNotebook(page, address, "10_visual_lab.ipynb")
    notebook.run_all()
    for name, text in (("voting", "TSVS"), ("attention", "head")):
        explorer = notebook.widget(text)
        notebook.picture(f"{name}-1-before")
        before = explorer.pixels()
        explorer.press(explorer.visible_sliders() - 1)  # query of the vote, frame of the attention
        explorer.wait_for_another(before)
        notebook.picture(f"{name}-2-moved")
    before = explorer.pixels()
    explorer.area.locator("select").first.select_option(index=1)  # what a word reads
    explorer.wait_for_another(before)
    notebook.picture("attention-3-word")
