"""Ref-DAVIS17 from what its owners publish: DAVIS 2017 and four text files, put into the layout that is read.

DAVIS/JPEGImages/480p/<seq>/*.jpg, DAVIS/Annotations_unsupervised/480p/<seq>/*.png, DAVIS/ImageSets/2017/
{train,val}.txt, perhaps DAVIS/davis_semantics.json; Davis17_annot{1,2}{,_full_video}.txt with lines
`<seq> <object> "<sentence>"`, some in UTF-8, some in Latin-1, with a few misspelt sequences.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rvos_edu.data.index import REPORT_NAME, index_key
from rvos_edu.data.reading import check_plain_name, read_json
from rvos_edu.data.refer_youtube_vos import expressions_file, missing_files, read_split
from rvos_edu.errors import DataError
from rvos_edu.files import atomic_dir
from rvos_edu.metrics.davis import VOID

ANNOTATORS = (  # slots: two people, each after the first frame and after the whole video
    "Davis17_annot1",
    "Davis17_annot1_full_video",
    "Davis17_annot2",
    "Davis17_annot2_full_video",
)
FRAMES, MASKS = Path("JPEGImages", "480p"), Path("Annotations_unsupervised", "480p")
TEXT_FOLDER, SEMANTICS, MARKER = "davis_text_annotations", "davis_semantics.json", "ref_davis17.json"
SETS = {"train": "train.txt", "valid": "val.txt"}
MISSPELT = {  # in the text files: what can be meant
    "clasic-car": ("classic-car",),
    "dog-scale": ("dogs-scale", "dogs-scaled"),
    "dogs-scale": ("dogs-scaled",),
    "dogs-scaled": ("dogs-scale",),
    "motor-bike": ("motorbike",),
}
_LINE = re.compile(r"(\S+)\s+(\d+)\s+(.*)")
_QUOTES = frozenset('"\u201c\u201d\u201e\u201f\u00ab\u00bb\x93\x94')  # last: Windows-1252 as Latin-1
_Said = dict[str, dict[int, dict[int, str]]]  # sequence, object, slot
logger = logging.getLogger(__name__)


def convert_ref_davis(davis: str | Path, texts: str | Path, root: str | Path) -> Path:
    """Put the published pieces below `root` in the layout of Refer-YouTube-VOS; nothing of them is changed.

    Frames and masks are hard links, or copies where `root` is on another disk. Written whole or not at all;
    where `root` already holds the conversion of these pieces it is left as it is, that of others is replaced
    (not the report of `prepare` and hidden files). Lines about sequences that ImageSets does not list, and
    objects of train that an annotator leaves out, are left out: see `conversion_notes`.

    Args:
        davis: the folder DAVIS, or the one that holds it.
        texts: the folder of the four text files, or the one that holds `davis_text_annotations`.
        root: the folder to write.

    Raises:
        DataError: if a piece is missing or damaged, a line is empty or says something twice, no line is about
            a sequence, an annotator leaves out an object of valid, or `root` holds something else.
    """
    raw = _Raw.find(Path(davis), Path(texts))
    root = Path(root)
    if root.exists() and not root.is_dir():
        raise DataError(f"{root} is a file: expected the name of a folder")
    marker = root / MARKER
    aside = list(_not_data(root)) if root.is_dir() else []
    if root.is_dir() and set(root.iterdir()) - set(aside) and not marker.is_file():
        raise DataError(f"{root} exists and holds something else; choose another folder or remove it")
    pieces = raw.key()
    if marker.is_file() and _marked(root).get("pieces") == pieces and _complete(root):
        return root
    said, notes = raw.sentences()
    for note in notes:
        logger.warning("ref-davis17: %s", note)
    with atomic_dir(root, durable=False) as temporary:
        for split, sequences in raw.splits.items():
            raw.write(temporary, split, {name: said[name] for name in sequences if said[name]})
        about = {"pieces": pieces, "notes": notes}
        (temporary / MARKER).write_text(json.dumps(about) + "\n", encoding="utf-8")
        for entry in aside:
            copy = shutil.copytree if entry.is_dir() else shutil.copy2
            copy(entry, temporary / entry.name)
    return root


def conversion_notes(root: str | Path) -> list[str]:
    """What `convert_ref_davis` has left out; empty where it did not make `root`."""
    notes = _marked(Path(root)).get("notes")
    return [str(note) for note in notes] if isinstance(notes, list) else []


def _marked(root: Path) -> dict[str, Any]:
    """What the conversion has written about itself."""
    content = read_json(root / MARKER) if (root / MARKER).is_file() else {}
    return content if isinstance(content, dict) else {}


def _not_data(root: Path) -> Iterator[Path]:
    """What comes and goes in the folder of any dataset: the report of `prepare`, hidden files."""
    return (entry for entry in root.iterdir() if entry.name == REPORT_NAME or entry.name.startswith("."))


def _complete(root: Path) -> bool:
    return not any(missing_files(root, split, read_split(root, split)) for split in SETS)


@dataclass(frozen=True)
class _Raw:
    """The published pieces; `splits`: the sequences of each split, sorted."""

    davis: Path
    texts: Path
    splits: dict[str, list[str]]

    @classmethod
    def find(cls, davis: Path, texts: Path) -> _Raw:
        davis = davis if (davis / FRAMES).is_dir() else davis / "DAVIS"
        texts = texts / TEXT_FOLDER if (texts / TEXT_FOLDER).is_dir() else texts
        for folder in (davis / FRAMES, davis / MASKS):
            if not folder.is_dir():
                raise DataError(f"{folder} is missing: expected the folder DAVIS as it is published")
        splits = {split: _names(davis / "ImageSets" / "2017" / name) for split, name in SETS.items()}
        if both := sorted(set(splits["train"]) & set(splits["valid"])):
            raise DataError(
                f"{davis / 'ImageSets' / '2017'} has {both[0]!r} in {' and '.join(SETS.values())}"
            )
        return cls(davis, texts, splits)

    def key(self) -> str:
        """Changes when a piece does."""
        files = [self.texts / f"{name}.txt" for name in ANNOTATORS]
        files += [self.davis / "ImageSets" / "2017" / name for name in SETS.values()]
        files += [self.davis / SEMANTICS] if (self.davis / SEMANTICS).is_file() else []
        parts = [_read_text(path) for path in files]
        for sequence in sorted(name for names in self.splits.values() for name in names):
            for folder in (self.davis / FRAMES / sequence, self.davis / MASKS / sequence):
                parts += sorted(f"{entry.name} {entry.stat().st_size}" for entry in _entries(folder))
        return index_key(*parts)

    def sentences(self) -> tuple[_Said, list[str]]:
        """What is said of each sequence, of every object one sentence per slot; what was left out."""
        known = {name for names in self.splits.values() for name in names}
        said: _Said = {}
        unlisted: dict[str, int] = {}
        for slot, name in enumerate(ANNOTATORS):
            _read_sentences(self.texts / f"{name}.txt", slot, known, said, unlisted)
        notes = [_unlisted_note(self.texts, unlisted)] if unlisted else []
        for sequence in sorted(known):
            if sequence not in said:
                raise DataError(f"{self.texts} says nothing of the sequence {sequence!r}")
            for number, slot in _gaps(said[sequence]).items():
                text = (
                    f"{self.texts / ANNOTATORS[slot]}.txt says nothing of object {number} of {sequence!r}, "
                    "other annotators do"
                )
                if sequence in self.splits["valid"]:  # its score is a mean over all four
                    raise DataError(text)
                del said[sequence][number]
                notes.append(f"{text}: the object is left out")
        return said, notes

    def write(self, root: Path, split: str, said: _Said) -> None:
        """One split: links, sentences, names of the objects."""
        videos: dict[str, Any] = {}
        categories: dict[str, Any] = {}
        semantics = self._semantics()
        for sequence, objects in said.items():
            frames = _stems(self.davis / FRAMES / sequence, ".jpg")
            masks = set(_stems(self.davis / MASKS / sequence, ".png"))
            if missing := [name for name in frames if name not in masks]:
                raise DataError(f"{self.davis / MASKS / sequence / missing[0]}.png is missing")
            _link(self.davis / FRAMES / sequence, root / split / "JPEGImages" / sequence, frames, ".jpg")
            _link(self.davis / MASKS / sequence, root / split / "Annotations" / sequence, frames, ".png")
            expressions = {}
            for k, number in enumerate(sorted(objects)):
                for slot, text in sorted(objects[number].items()):
                    key = str(len(ANNOTATORS) * k + slot)
                    expressions[key] = {"exp": text, "obj_id": str(number)}
            videos[sequence] = {"expressions": expressions, "frames": frames}
            names = semantics.get(sequence, {})
            numbers = map(str, sorted(objects))
            about = {n: {"category": names[n]} if n in names else {} for n in numbers}
            categories[sequence] = {"objects": about}
        path = expressions_file(root, split)
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps({"videos": videos}) + "\n", encoding="utf-8")
        if semantics:
            text = json.dumps({"videos": categories}) + "\n"
            (root / split / "meta.json").write_text(text, encoding="utf-8")

    def _semantics(self) -> dict[str, dict[str, str]]:
        path = self.davis / SEMANTICS
        content = read_json(path) if path.is_file() else {}
        if not isinstance(content, dict) or not all(isinstance(names, dict) for names in content.values()):
            raise DataError(f'{path} must hold {{sequence: {{"1": name}}}}')
        return content


def _gaps(objects: dict[int, dict[int, str]]) -> dict[int, int]:
    """Objects that not all annotators speak of, each with the first slot that does not."""
    slots = range(len(ANNOTATORS))
    return {n: next(s for s in slots if s not in by) for n, by in objects.items() if len(by) < len(slots)}


def _unlisted_note(texts: Path, unlisted: dict[str, int]) -> str:
    return (
        f"{texts} has {sum(unlisted.values())} lines about {len(unlisted)} sequences that ImageSets does not "
        f"list, left out: {', '.join(sorted(unlisted))}"
    )


def _read_sentences(path: Path, slot: int, known: set[str], said: _Said, unlisted: dict[str, int]) -> None:
    """Add the lines of one text file; count those about sequences of other splits (test-dev, ...)."""
    for number, line in enumerate(_read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        where, match = f"{path}, line {number}", _LINE.fullmatch(line.strip())
        if match is None:
            raise DataError(f'{where}: {line.strip()!r}, expected <sequence> <object> "<sentence>"')
        sequence, value, text = _spelt(match[1], known), int(match[2]), _unquoted(match[3])
        if sequence is None:
            unlisted[match[1]] = unlisted.get(match[1], 0) + 1
            continue
        if not 0 < value < VOID:
            raise DataError(f"{where} has the object {value}, expected a number from 1 to {VOID - 1}")
        if not text:
            raise DataError(f"{where} has an empty sentence")
        by_slot = said.setdefault(sequence, {}).setdefault(value, {})
        if slot in by_slot:
            raise DataError(f"{where} is a second sentence about object {value} of {sequence!r}")
        by_slot[slot] = text


def _unquoted(text: str) -> str:
    """Without the quotation marks around it; one of them may be missing."""
    opened, closed = text[:1] in _QUOTES, text[-1:] in _QUOTES
    odd = sum(sign in _QUOTES for sign in text) % 2 == 1
    if opened and (closed or odd):
        text = text[1:]
    if closed and (opened or odd):
        text = text[:-1]
    return text.strip()


def _spelt(name: str, known: set[str]) -> str | None:
    """The sequence that a text file means; None: none."""
    return next((n for n in (name, *MISSPELT.get(name, ())) if n in known), None)


def _names(path: Path) -> list[str]:
    """The sequences that a file lists, sorted."""
    names = _read_text(path).split()
    for name in names:
        check_plain_name(path, "sequence", name)
    if len(set(names)) < len(names):
        raise DataError(f"{path} lists a sequence twice")
    return sorted(names)


def _read_text(path: Path) -> str:
    """UTF-8, or, as the files of the second annotator, Latin-1."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    if not folder.is_dir():
        raise DataError(f"{folder} is missing")
    with os.scandir(folder) as entries:
        return list(entries)


def _stems(folder: Path, suffix: str) -> list[str]:
    """Names of the images of a sequence without suffix, sorted."""
    found = sorted(Path(e.name).stem for e in _entries(folder) if e.name.endswith(suffix))
    if not found:
        raise DataError(f"{folder} holds no {suffix} files")
    return found


def _link(source: Path, target: Path, stems: list[str], suffix: str) -> None:
    """Hard links to files of a folder; copies where the disk cannot link."""
    target.mkdir(parents=True)
    for stem in stems:
        try:
            os.link(source / (stem + suffix), target / (stem + suffix))
        except OSError:
            shutil.copy2(source / (stem + suffix), target / (stem + suffix))
