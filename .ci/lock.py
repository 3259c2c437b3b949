"""Print constraints.txt: the versions installed here of everything that the project pulls in.

make lock    # after the tests passed with the versions installed in .venv
"""

from __future__ import annotations

import importlib.metadata as metadata
import platform

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

PROJECT = "rvos_edu"
EXTRAS = {"course", "dev", "browser"}
# Parts of torch for Linux with CUDA: pinned by torch itself, absent elsewhere.
ONE_PLATFORM = ("nvidia-", "cuda-", "triton")
NOT_OURS = {"pip", "setuptools", PROJECT.replace("_", "-")}  # every environment brings its own


def closure(name: str, extras: set[str], found: dict[str, str], asked: set[tuple[str, str]]) -> None:
    """Add `name` with `extras`, and all that they require here, to `found`: name -> version."""
    for line in metadata.requires(name) or []:
        requirement = Requirement(line)
        marker = requirement.marker
        if marker and not any(marker.evaluate({"extra": extra}) for extra in (extras or {""}) | {""}):
            continue
        key = canonicalize_name(requirement.name)
        wanted = (key, ",".join(sorted(requirement.extras)))
        if key.startswith(ONE_PLATFORM) or key in NOT_OURS or wanted in asked:
            continue
        asked.add(wanted)
        found[key] = Version(metadata.version(key)).public
        closure(key, set(requirement.extras), found, asked)


def main() -> None:
    """Print the lock."""
    found: dict[str, str] = {}
    closure(PROJECT, EXTRAS, found, set())
    python = platform.python_version()
    print(f"# Versions that the tests passed with, on Python {python}. Made by `make lock`.")
    print("# Parts of torch that exist for one platform only (CUDA, triton) are left to torch.")
    for name in sorted(found):
        print(f"{name}=={found[name]}")


if __name__ == "__main__":
    main()
