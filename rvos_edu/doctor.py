"""`rvos-edu doctor`: what works on this machine, what does not, and how to mend it."""

from __future__ import annotations

import importlib.metadata as metadata
import os
import platform
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from rvos_edu.checksums import ASSETS, LIST_NAME, verify_checksums

PACKAGE = "rvos_edu"
SHOWN = ("torch", "torchvision", "transformers", "timm", "accelerate", "numpy", "av")
ROOM_NEEDED = 1 << 30  # bytes: Moving Shapes at three seeds, and a few runs
IOU_EXPECTED = 0.5  # of the shipped model on the easy clip of the self-test
WIDGETS = "@jupyter-widgets/jupyterlab-manager"


class Status(Enum):
    """How a finding is to be taken; only a problem makes the exit code 1."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True)
class Finding:
    """One line of the report.

    Args:
        status: ok, warning or problem.
        topic: what was looked at.
        seen: what was found.
        mend: how to mend it; empty where nothing is wrong.
    """

    status: Status
    topic: str
    seen: str
    mend: str = ""

    def __str__(self) -> str:
        line = f"{self.status.value:<8} {self.topic:<12} {self.seen}"
        return line + (f"\n{'':<21} -> {self.mend}" if self.mend else "")


Check = Callable[[], Iterator[Finding]]


def run(*, self_test: bool = True, checks: Mapping[str, Check] | None = None) -> int:
    """Print one line per finding.

    Args:
        self_test: also train and segment for about ten seconds.
        checks: what to look at; default: everything.

    Returns:
        1 if there is a problem, else 0.
    """
    chosen = dict(checks if checks is not None else CHECKS)
    if not self_test:
        chosen.pop("self-test", None)
    counts = dict.fromkeys(Status, 0)
    for topic, check in chosen.items():
        for finding in _guarded(topic, check):
            print(finding, flush=True)
            counts[finding.status] += 1
    problems, warnings = counts[Status.PROBLEM], counts[Status.WARNING]
    print(f"\n{counts[Status.OK]} ok, {warnings} warnings, {problems} problems")
    return 1 if problems else 0


def _guarded(topic: str, check: Check) -> Iterator[Finding]:
    """A check that breaks is itself a finding: the doctor always reaches the last line."""
    try:
        yield from check()
    except Exception as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        yield Finding(Status.PROBLEM, topic, reason, "run `make setup` again; if it stays, please report it")


def check_python() -> Iterator[Finding]:
    """The interpreter against the package's own requirement."""
    seen = f"{platform.python_version()} on {platform.platform(terse=True)}, {sys.prefix}"
    needed = SpecifierSet(metadata.metadata(PACKAGE)["Requires-Python"])
    if needed.contains(platform.python_version(), prereleases=True):
        yield Finding(Status.OK, "python", seen)
    else:
        yield Finding(Status.PROBLEM, "python", seen, f"install Python {needed}, `make setup PYTHON=...`")


def check_packages() -> Iterator[Finding]:
    """Installed versions against the requirements in the package's metadata."""
    try:
        lines = metadata.requires(PACKAGE) or []
    except metadata.PackageNotFoundError:
        yield Finding(Status.PROBLEM, "packages", f"{PACKAGE} is not installed", "run `make setup`")
        return
    for group, status in (("", Status.PROBLEM), ("course", Status.WARNING)):
        needed = [Requirement(line) for line in lines]
        needed = [r for r in needed if _belongs(r, group)]
        wrong = {str(r.name) + str(r.specifier): found for r in needed if (found := _mismatch(r))}
        topic = "packages" if not group else f"[{group}]"
        if wrong:
            seen = ", ".join(f"{name}: {found}" for name, found in wrong.items())
            mend = "pip install " + " ".join(f"'{name}'" for name in wrong)
            yield Finding(status, topic, seen, mend)
        else:
            named = (r.name for r in needed if group or r.name in SHOWN)
            shown = ", ".join(f"{name} {metadata.version(name)}" for name in named)
            yield Finding(Status.OK, topic, f"{len(needed)} as required: {shown}")


def _belongs(requirement: Requirement, group: str) -> bool:
    """Whether a requirement is of the core (group "") or of an extra, on this platform."""
    marker = requirement.marker
    if marker is None:
        return group == ""
    core = marker.evaluate({"extra": ""})
    return core if group == "" else (not core and marker.evaluate({"extra": group}))


def _mismatch(requirement: Requirement) -> str:
    """What is wrong with an installed package; empty if nothing is."""
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return "not installed"
    return "" if requirement.specifier.contains(version, prereleases=True) else f"found {version}"


def check_devices() -> Iterator[Finding]:
    """Processors and accelerators."""
    import torch

    yield Finding(Status.OK, "processor", f"{_cores()} cores, {_memory_gib():.0f} GiB of memory")
    if torch.cuda.is_available():
        for index in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(index)
            seen = f"cuda:{index} {about.name}, {about.total_memory / 2**30:.0f} GiB"
            yield Finding(Status.OK, "accelerator", seen)
    elif torch.backends.mps.is_available():
        yield Finding(Status.OK, "accelerator", "mps (Apple)")
    elif shutil.which("nvidia-smi"):
        mend = "install the torch build for your driver: https://pytorch.org/get-started/locally"
        seen = f"a GPU driver, but torch {torch.__version__} cannot use it"
        yield Finding(Status.WARNING, "accelerator", seen, mend)
    else:
        yield Finding(Status.OK, "accelerator", "none; the demo, the tests and the course need none")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _memory_gib() -> float:
    import psutil

    return psutil.virtual_memory().total / 2**30


def check_threads() -> Iterator[Finding]:
    """Threads of torch against the cores of the machine; how waiting threads behave."""
    import torch

    threads, cores = torch.get_num_threads(), _cores()
    policy = os.environ.get("OMP_WAIT_POLICY", "not set")
    seen = f"{threads} on {cores} cores, OMP_WAIT_POLICY {policy}"
    if threads > cores:
        mend = f"export OMP_NUM_THREADS={cores}: more threads only wait"
        yield Finding(Status.WARNING, "threads", seen, mend)
    elif policy.upper() == "ACTIVE":
        mend = "export OMP_WAIT_POLICY=PASSIVE: active waiting slows processes that share cores up to sixfold"
        yield Finding(Status.WARNING, "threads", seen, mend)
    else:
        yield Finding(Status.OK, "threads", seen)


def check_widgets() -> Iterator[Finding]:
    """What JupyterLab needs to draw widgets instead of text."""
    mend = "pip install 'rvos_edu[course]', then restart JupyterLab (only the notebooks need this)"
    versions = {}
    for name in ("jupyterlab", "ipywidgets", "jupyterlab_widgets"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding(Status.WARNING, "widgets", f"{name} is not installed", mend)
            return
    folder = Path(sys.prefix, "share", "jupyter", "labextensions", WIDGETS)
    seen = ", ".join(f"{name} {version}" for name, version in versions.items())
    if (folder / "package.json").is_file():
        yield Finding(Status.OK, "widgets", seen)
    else:
        yield Finding(Status.WARNING, "widgets", f"{seen}, but {folder} lacks the extension", mend)


def check_video() -> Iterator[Finding]:
    """Whether mp4 can be written."""
    from av.codec import codecs_available

    if "libx264" in codecs_available:
        yield Finding(Status.OK, "video", "mp4 can be read and written (H.264)")
    else:
        mend = "pip install --force-reinstall av (its wheels bring H.264)"
        yield Finding(Status.WARNING, "video", "PyAV cannot write H.264: overlays use another codec", mend)


def check_home() -> Iterator[Finding]:
    """Write access and room where generated data lives."""
    from rvos_edu.data.home import home

    folder = home()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            pass
    except OSError as error:
        mend = "export RVOS_EDU_HOME=<a folder you may write to>"
        yield Finding(Status.PROBLEM, "home", f"{folder} cannot be written: {error.strerror}", mend)
        return
    free = shutil.disk_usage(existing).free
    seen = f"{folder}, {free / 2**30:.1f} GiB free"
    if free < ROOM_NEEDED:
        mend = "free some space or export RVOS_EDU_HOME=<a folder on a larger disk>"
        yield Finding(Status.WARNING, "home", seen, mend)
    else:
        yield Finding(Status.OK, "home", seen)


def check_weights() -> Iterator[Finding]:
    """Shipped weights against their checksums."""
    mend = "the installation is damaged: `git checkout -- rvos_edu/assets`, or install the package again"
    if not (ASSETS / LIST_NAME).is_file():
        yield Finding(Status.PROBLEM, "weights", f"{ASSETS / LIST_NAME} is missing", mend)
        return
    report = verify_checksums(ASSETS)
    bad = {"changed": report.changed, "missing": report.missing}
    if any(bad.values()):
        seen = "; ".join(f"{word}: {', '.join(names)}" for word, names in bad.items() if names)
        yield Finding(Status.PROBLEM, "weights", seen, mend)
    elif report.unlisted:
        seen = f"not in {LIST_NAME}: {', '.join(report.unlisted)}"
        yield Finding(Status.WARNING, "weights", seen, "`make checksums`, if you made these weights yourself")
    else:
        size = sum((ASSETS / name).stat().st_size for name in report.good)
        yield Finding(Status.OK, "weights", f"{len(report.good)} files, {size / 1e6:.1f} MB, checksums agree")


def check_training_and_segmenting() -> Iterator[Finding]:
    """One training step of a tiny MTTR, one clip segmented and two sentences judged by the shipped models."""
    from rvos_edu.doctor_self_test import judge_two_sentences, segment_one_clip, train_one_step

    start = time.monotonic()
    loss = train_one_step()
    seen = f"one step of a tiny MTTR, loss {loss:.2f}, {time.monotonic() - start:.1f} s"
    yield Finding(Status.OK, "training", seen)
    start = time.monotonic()
    sentence, overlap = segment_one_clip()
    seen = f"'{sentence}': IoU with the truth {overlap:.2f}, {time.monotonic() - start:.1f} s"
    yield _expected("segmenting", overlap >= IOU_EXPECTED, seen, f"at least {IOU_EXPECTED}")
    start = time.monotonic()
    found = judge_two_sentences()
    seen, good = f"{found}, {time.monotonic() - start:.1f} s", found.right and found.overlap >= IOU_EXPECTED
    yield _expected("judging", good, seen, f"at least {IOU_EXPECTED}, the first kept, the second rejected")


def _expected(topic: str, good: bool, seen: str, expected: str) -> Finding:
    """What a shipped model answered on this machine; it does not depend on chance."""
    if good:
        return Finding(Status.OK, topic, seen)
    mend = f"expected {expected}: this build of torch computes something else, try another"
    return Finding(Status.PROBLEM, topic, seen, mend)


CHECKS: dict[str, Check] = {
    "python": check_python,
    "packages": check_packages,
    "devices": check_devices,
    "threads": check_threads,
    "widgets": check_widgets,
    "video": check_video,
    "home": check_home,
    "weights": check_weights,
    "self-test": check_training_and_segmenting,
}
