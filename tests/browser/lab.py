"""JupyterLab and Chromium for tests: start a server on a copy of the notebooks, run one, move its widgets.

Pictures of what was seen are kept in runs/browser.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rvos_edu.course.execute import NOTEBOOKS

PICTURES = NOTEBOOKS.parent / "runs" / "browser"
SETTINGS = {  # every cell stays in the page, no news pop-up
    "@jupyterlab/notebook-extension/tracker.jupyterlab-settings": '{"windowingMode": "none"}',
    "@jupyterlab/apputils-extension/notification.jupyterlab-settings": '{"fetchNews": "false"}',
}
MINUTE = 60_000  # milliseconds, as Playwright counts


@contextmanager
def lab_server(folder: Path) -> Iterator[str]:
    """Address of a JupyterLab on a copy of the notebooks in `folder`, for this machine only."""
    notebooks = folder / "notebooks"
    shutil.copytree(NOTEBOOKS, notebooks, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    for name, text in SETTINGS.items():
        path = folder / "settings" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", f"--port={port}", "--allow-root"]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={notebooks}"]
    environment = {
        **os.environ,
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "RVOS_EDU_NOTEBOOKS": "short",
    }
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(command, env=environment, stdout=log, stderr=subprocess.STDOUT)
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, server, folder / "server.log")
        yield address
    finally:
        server.terminate()
        server.wait(timeout=30)


def _wait_for(address: str, server: subprocess.Popen, log: Path) -> None:
    for _ in range(240):
        if server.poll() is not None:
            break
        try:
            urllib.request.urlopen(f"{address}/api/status", timeout=5)
            return
        except OSError:
            time.sleep(0.5)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def chromium_path() -> str | None:
    """A Chromium of this machine; None: the one that Playwright brings (`playwright install chromium`)."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    return next((path for name in names if (path := shutil.which(name))), None)


class OpenNotebook:
    """A notebook in a browser page, run from top to bottom.

    Args:
        page: of Playwright.
        address: of the server.
        name: file name.
    """

    def __init__(self, page: Any, address: str, name: str) -> None:
        self.page = page
        self.stem = Path(name).stem
        page.goto(f"{address}/lab/tree/{name}?reset", timeout=2 * MINUTE)
        page.locator(".jp-Notebook .jp-CodeCell").first.wait_for(timeout=2 * MINUTE)

    def run_all(self, minutes: float = 15) -> None:
        """Restart the kernel, run all cells by the menu, wait until each has its number; fail on an error."""
        page = self.page
        page.get_by_text(re.compile(r"Python 3.* \| Idle")).first.wait_for(timeout=2 * MINUTE)
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_text("Restart Kernel and Run All Cells…", exact=True).click()
        page.locator(".jp-Dialog button.jp-mod-accept").click()
        cells = page.locator(".jp-Notebook .jp-CodeCell .jp-InputPrompt")
        total = cells.count()
        deadline = time.time() + 60 * minutes
        started = False
        while time.time() < deadline:
            prompts = cells.all_inner_texts()
            started = started or any("*" in prompt or not re.search(r"\d", prompt) for prompt in prompts)
            if started and all(re.fullmatch(r"\[\d+\]:", prompt.strip()) for prompt in prompts):
                break
            time.sleep(0.3)
        else:
            raise AssertionError(f"{self.stem}: {total} cells, still running: {prompts}")
        errors = page.locator("[data-mime-type='application/vnd.jupyter.error']")
        assert not errors.count(), errors.first.inner_text()

    def widget(self, text: str) -> Explorer:
        """The widget area that holds `text`."""
        area = self.page.locator(".jp-OutputArea-output .widget-vbox, .jp-OutputArea-output .jupyter-widgets")
        return Explorer(self, area.filter(has_text=text).first)

    def picture(self, name: str) -> None:
        """Keep what is on the screen."""
        PICTURES.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(PICTURES / f"{self.stem}-{name}.png"))


class Explorer:
    """One widget of a notebook: its picture, its sliders and fields."""

    def __init__(self, notebook: OpenNotebook, area: Any) -> None:
        area.wait_for(timeout=MINUTE)
        area.scroll_into_view_if_needed()
        self.notebook = notebook
        self.area = area

    def pixels(self) -> str:
        """The address of the picture's bytes, another one for every picture."""
        return str(self.area.locator("img.widget-image").first.get_attribute("src"))

    def wait_for_another(self, before: str, seconds: float = 60) -> float:
        """Wait until the picture is another one; the seconds that it took."""
        started = time.time()
        while self.pixels() == before:
            assert time.time() < started + seconds, f"{self.notebook.stem}: the picture did not change"
            time.sleep(0.02)
        return time.time() - started

    def press(self, slider: int, key: str = "ArrowRight") -> None:
        """Move a slider by a key, as a person does with the keyboard."""
        self._sliders().nth(slider).focus()
        self.notebook.page.keyboard.press(key)

    def visible_sliders(self) -> int:
        """How many sliders the widget shows at present."""
        return int(self._sliders().count())

    def _sliders(self) -> Any:
        return self.area.locator(".noUi-handle:visible")

    def type(self, text: str) -> None:
        """Replace the text of the first field and press Enter."""
        field = self.area.locator("input[type=text]").first
        field.fill(text)
        field.press("Enter")
