"""Pairs of a sentence and a video that it does not describe: the negatives of R2-Youtube-VOS, rebuilt.

The authors of R2-VOS did not keep their set (github.com/lxa9867/QSD, issue 1). This one asks each sentence of
a split about another video: one ring through all videos, which depends on the seed only.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from rvos_edu.data.reading import read_json
from rvos_edu.data.refer_youtube_vos import VideoRecord
from rvos_edu.errors import DataError
from rvos_edu.files import atomic_write

VERSION = 1
KINDS = ("random", "hard")


@dataclass(frozen=True)
class FalsePair:
    """A video and a sentence that does not describe it.

    Args:
        video: the video that is asked.
        text_video: the video whose sentence it is, or (kind "hard") comes from.
        expression_id: of that sentence within `text_video`.
        text: what is asked.
        changed: (attribute, value there, value here) of a hard pair.
        categories_disjoint: whether the two videos share no category of objects; None where unknown, or
            where the truth is proven otherwise.
        place: in the file that it was read from.
    """

    video: str
    text_video: str
    expression_id: str
    text: str
    changed: tuple[str, str, str] | None = None
    categories_disjoint: bool | None = None
    place: int = field(default=0, compare=False)

    @property
    def id(self) -> str:
        """A name that no other pair about `video` has, fit for files."""
        return "-".join((self.text_video, self.expression_id, *(self.changed or ())[::2]))


@dataclass(frozen=True)
class PairList:
    """All false pairs of a split.

    Args:
        kind: "random" (another video's sentence) or "hard" (an own sentence, one attribute changed).
        expressions: number of true sentences of the split.
        replaced: sentences that no pair could be made of; another of the same video has two pairs instead.
        proven, doubt: what is known about the pairs, and what is not, in words.
    """

    split: str
    kind: str
    seed: int
    expressions: int
    replaced: int
    proven: str
    doubt: str
    pairs: list[FalsePair]


def pairs_file(root: str | Path, split: str, *, kind: str = "random", seed: int = 0) -> Path:
    """Where the pairs of a split are stored: `r2_pairs.json` for the random ones of seed 0.

    Raises:
        DataError: for an unknown kind or a negative seed.
    """
    if kind not in KINDS:
        raise DataError(f"unknown kind of pairs {kind!r}; expected one of {', '.join(KINDS)}")
    if seed < 0:
        raise DataError(f"the seed of pairs must be at least 0, got {seed}")
    name = "r2_pairs" + ("" if kind == "random" else f"_{kind}") + (f"_seed{seed}" if seed else "")
    return Path(root) / "meta_expressions" / split / f"{name}.json"


def check_name(path: Path, pairs: PairList) -> None:
    """Raise DataError if a file of pairs has the name of pairs of another split, kind or seed."""
    own = pairs_file("", pairs.split, kind=pairs.kind, seed=pairs.seed)
    if path.parts[-2:] != own.parts[-2:]:
        raise DataError(
            f"{path} holds pairs of split {pairs.split!r}, kind {pairs.kind!r}, seed {pairs.seed}, "
            f"which belong in {own}"
        )


def write_pairs(path: str | Path, pairs: PairList) -> None:
    """Write a list as JSON, whole or not at all; label 1 means "does not fit", as in the published code."""
    about = {key: value for key, value in asdict(pairs).items() if key != "pairs"}
    entries = [_entry(pair, pairs.kind) for pair in pairs.pairs]
    with atomic_write(path) as temporary:
        temporary.write_text(
            json.dumps({"version": VERSION, **about, "pairs": entries}, indent=1) + "\n", encoding="utf-8"
        )


def read_pairs(
    path: str | Path, *, skip: frozenset[str] = frozenset(), bad: dict[str, str] | None = None
) -> PairList:
    """Read what `write_pairs` wrote.

    Args:
        skip: entries that are left out unread, by `entry_key`.
        bad: collects what is wrong with entries, by such keys, instead of raising; the rest is returned.

    Raises:
        DataError: if the file is missing, of another version, or damaged.
    """
    content = read_json(Path(path))
    if not isinstance(content, dict) or content.get("version") != VERSION:
        found = content.get("version") if isinstance(content, dict) else content
        raise DataError(f"{path} must be a list of pairs of version {VERSION}, got version {found!r}")
    try:
        empty = PairList(
            split=str(content["split"]),
            kind=str(content["kind"]),
            seed=int(content["seed"]),
            expressions=int(content["expressions"]),
            replaced=int(content["replaced"]),
            proven=str(content["proven"]),
            doubt=str(content["doubt"]),
            pairs=[],
        )
        entries = list(content["pairs"])
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged: {type(error).__name__} {error}") from error
    places = [place for place in range(len(entries)) if entry_key(path, place) not in skip]
    return replace(
        empty, pairs=[p for i in places if (p := _read_entry(path, i, entries[i], bad)) is not None]
    )


def entry_key(path: str | Path, place: int) -> str:
    """How the entry number `place` of a file is called among what is left out."""
    return f"{Path(path).name} {place}"


def _read_entry(path: str | Path, place: int, entry: Any, bad: dict[str, str] | None) -> FalsePair | None:
    try:
        return replace(_pair(entry), place=place)
    except (KeyError, TypeError, ValueError) as error:
        message = f"{path} is damaged: {type(error).__name__} {error} (pair {place})"
        if bad is None:
            raise DataError(message) from error
        bad[entry_key(path, place)] = message
        return None


def _entry(pair: FalsePair, kind: str) -> dict[str, Any]:
    names = {"video": "video", "text_video": "text_video", "expression_id": "exp_id", "text": "exp"}
    entry = {name: getattr(pair, key) for key, name in names.items()} | {"label": 1, "kind": kind}
    if pair.changed is not None:
        entry["changed"] = list(pair.changed)
    if pair.categories_disjoint is not None:
        entry["categories_disjoint"] = pair.categories_disjoint
    return entry


def _pair(entry: dict[str, Any]) -> FalsePair:
    if entry["label"] != 1:
        raise ValueError(f"a pair has the label {entry['label']!r}, expected 1")
    changed = entry.get("changed")
    if changed is not None:
        attribute, old, new = map(str, changed)
        changed = (attribute, old, new)
    text = " ".join(str(entry["exp"]).lower().split())
    if not text:
        raise ValueError("a sentence is empty")
    return FalsePair(
        video=str(entry["video"]),
        text_video=str(entry["text_video"]),
        expression_id=str(entry["exp_id"]),
        text=text,
        changed=changed,
        categories_disjoint=entry.get("categories_disjoint"),
    )


def ring(videos: Sequence[str], *, split: str, seed: int) -> dict[str, list[str]]:
    """For each video all others, in the order of one shuffled ring that starts behind it.

    The first ones make a derangement: every video is the first of exactly one other.

    Raises:
        DataError: if there are fewer than two videos.
    """
    order = sorted(videos)
    if len(order) < 2:
        raise DataError(f"false pairs need at least two videos, the split {split!r} has {len(order)}")
    random.Random(f"{seed} {split}").shuffle(order)
    return {video: order[i + 1 :] + order[:i] for i, video in enumerate(order)}


def pairs_of_records(
    records: Sequence[VideoRecord], categories: dict[str, frozenset[str]], *, split: str, seed: int
) -> PairList:
    """Ask all sentences of a video about one other video, without a common category where that can be had.

    Args:
        categories: per video the categories of its objects, as far as known.
    """
    asked = _neighbours(records, categories, split=split, seed=seed)
    pairs = [
        FalsePair(
            asked[record.video],
            record.video,
            expression.id,
            expression.text,
            categories_disjoint=_disjoint(categories, record.video, asked[record.video]),
        )
        for record in records
        for expression in record.expressions
    ]
    known = [pair.categories_disjoint for pair in pairs]
    return PairList(
        split=split,
        kind="random",
        seed=seed,
        expressions=len(pairs),
        replaced=0,
        proven=(
            f"Every sentence is asked of another video. In {known.count(True)} of {len(pairs)} pairs the two "
            "videos have no category of annotated objects in common."
        ),
        doubt=(
            f"In {known.count(False)} pairs they share a category and in {known.count(None)} categories are "
            "not known: such a sentence may by chance be true. Objects without annotation may fit anywhere. "
            "Nobody has looked at the pairs. They are not those of the paper, which were not kept."
        ),
        pairs=pairs,
    )


def _neighbours(
    records: Sequence[VideoRecord], categories: dict[str, frozenset[str]], *, split: str, seed: int
) -> dict[str, str]:
    """Which video the sentences of a video are asked about; every video once.

    Where two neighbours of the ring share a category, what they ask is exchanged with another pair, if that
    leaves both without one.
    """
    asked = {
        video: others[0] for video, others in ring([r.video for r in records], split=split, seed=seed).items()
    }
    for video in sorted(asked):
        if _disjoint(categories, video, asked[video]) is False:
            for other in sorted(asked):
                new, given = asked[other], asked[video]
                if (
                    video != new
                    and other != given
                    and all(_disjoint(categories, *pair) for pair in ((video, new), (other, given)))
                ):
                    asked[video], asked[other] = new, given
                    break
    return asked


def _disjoint(categories: dict[str, frozenset[str]], first: str, second: str) -> bool | None:
    if first not in categories or second not in categories:
        return None
    return not categories[first] & categories[second]


def read_categories(root: str | Path, split: str) -> dict[str, frozenset[str]]:
    """Categories of the objects of each video from `<split>/meta.json`; empty without that file.

    Videos of which an object has no category are left out.

    Raises:
        DataError: if the file is damaged.
    """
    path = Path(root) / split / "meta.json"
    if not path.is_file():
        return {}
    content = read_json(path)
    videos = content.get("videos") if isinstance(content, dict) else None
    if not isinstance(videos, dict):
        raise DataError(f'{path} must hold {{"videos": {{id: {{"objects"}}}}}}')
    found = {}
    for video, about in videos.items():
        objects = about.get("objects") if isinstance(about, dict) else None
        if not isinstance(objects, dict) or not all(isinstance(o, dict) for o in objects.values()):
            raise DataError(f"{path}: video {video!r} has no objects")
        names = {o.get("category") for o in objects.values()}
        if names and all(isinstance(name, str) and name for name in names):
            found[video] = frozenset(names)
    return found
