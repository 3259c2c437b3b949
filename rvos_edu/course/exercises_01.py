"""Exercises of notebook 01: windows, mirrored words, J, P@K, average precision."""

from __future__ import annotations

from typing import Any

import numpy as np

from rvos_edu.course.checking import Exercise, Wrong
from rvos_edu.course.expect import expect, expect_close, expect_shape

E_01_1 = Exercise("01.1", "a window around a labelled frame")
E_01_2 = Exercise("01.2", "words of a mirrored video, any pairs")
E_01_3 = Exercise("01.3", "J with empty frames and void pixels")
E_01_4 = Exercise("01.4", "P@K of the most confident masks")
E_01_5 = Exercise("01.5", "average precision with a pencil")

# 01.1 -------------------------------------------------------------------------------------------------------
COUNT = "Print your window: it should have exactly `window` frames, in order, with the labelled one in place."
BEGINS = "Your window begins at the labelled frame. A model that also sees what came before knows more."
ENDS = "Your window ends at the labelled frame. A model that also sees what comes after knows more."
LONG = "Your window is one frame too long: is the last index inclusive or exclusive?"
EARLY = "The labelled frame is at position 1 of your 4. Even windows have two middles: take the later one."
FIVE = "Your even window has five frames: what is before and what is after cannot be equally many."
MINUS = "Your window holds index -1. Python would silently take the LAST frame of the video."
MOVED = "You moved the window into the video: the labelled frame left its place. Repeat the edge instead."
SHORT = "Your window is shorter at the edge; then clips of one batch differ in length."
PAST = "Your window runs past the end: the last of 40 frames has the index 39."
FORTY = "Your window repeats an index that does not exist: with 40 frames the last index is 39."


@E_01_1.stage("in the middle of a long video, odd window")
def _(answer: Any) -> None:
    mistakes = {BEGINS: [10, 11, 12, 13, 14], ENDS: [6, 7, 8, 9, 10], LONG: [8, 9, 10, 11, 12, 13]}
    expect_close(answer(10, 40, 5), [8, 9, 10, 11, 12], hint=COUNT, mistakes=mistakes)


@E_01_1.stage("even window: no exact middle")
def _(answer: Any) -> None:
    mistakes = {EARLY: [9, 10, 11, 12], FIVE: [8, 9, 10, 11, 12]}
    expect_close(answer(10, 40, 4), [8, 9, 10, 11], hint=COUNT, mistakes=mistakes)


@E_01_1.stage("near the start: there is no frame before frame 0")
def _(answer: Any) -> None:
    mistakes = {MINUS: [-1, 0, 1, 2, 3], MOVED: [0, 1, 2, 3, 4], SHORT: [0, 1, 2, 3]}
    expect_close(answer(1, 40, 5), [0, 0, 1, 2, 3], hint=COUNT, mistakes=mistakes)


@E_01_1.stage("near the end: there is no frame after the last")
def _(answer: Any) -> None:
    mistakes = {PAST: [37, 38, 39, 40, 41], FORTY: [37, 38, 39, 40, 40], MOVED: [35, 36, 37, 38, 39]}
    expect_close(answer(39, 40, 5), [37, 38, 39, 39, 39], hint=COUNT, mistakes=mistakes)


@E_01_1.stage("a video shorter than the window")
def _(answer: Any) -> None:
    expect_close(answer(0, 1, 4), [0, 0, 0, 0], hint="One frame, window 4: which frames can you use at all?")
    expect_close(answer(1, 3, 8), [0, 0, 0, 0, 1, 2, 2, 2], hint="Both edges can be reached at once.")


# 01.2 -------------------------------------------------------------------------------------------------------
VERTICAL = [("up", "down"), ("top", "bottom"), ("upper", "lower")]
SAME = "Nothing changed. Was no word found, or did a second step undo the first?"
ONE_WAY = "One direction works, the other does not: a pair has to be swapped, not only replaced."
ALIKE = "Both words became the same one: they have to change places at the same time."
LETTERS = "You changed letters inside longer words: a cup is not a direction."
BLANKS = "Words next to a comma or a hyphen were missed: cutting at blanks is not enough."
HYPHEN = "The word before the hyphen was missed."
UNUSED = "The pairs that were given were not used."


def _mirrored(answer: Any, text: str, right: str, hint: str, mistakes: dict[str, str] | None = None) -> None:
    got = answer(text, list(VERTICAL))
    expect(isinstance(got, str), f"Expected a sentence (str), got {type(got).__name__}.")
    expect_close(got, right, hint=hint, mistakes=mistakes)


@E_01_2.stage("one word, either way")
def _(answer: Any) -> None:
    up, down = "the star moving up", "the star moving down"
    _mirrored(answer, up, down, "The word for the mirrored video is missing.", {SAME: up})
    _mirrored(answer, down, up, ONE_WAY)


@E_01_2.stage("both words of a pair in one sentence")
def _(answer: Any) -> None:
    got = answer("the star going from top to bottom", list(VERTICAL))
    alike = ("the star going from top to top", "the star going from bottom to bottom")
    expect(got not in alike, ALIKE)
    expect_close(
        got, "the star going from bottom to top", hint="Two words of a pair, one sentence: swap both."
    )


@E_01_2.stage("letters inside another word stay")
def _(answer: Any) -> None:
    text, changed = "a cup that stops near a group", "a cdown that sbottoms near a grodown"
    hint = "This sentence has no direction in it and should stay as it is."
    _mirrored(answer, text, text, hint, {LETTERS: changed})


@E_01_2.stage("a comma or a hyphen ends a word too")
def _(answer: Any) -> None:
    text, right = "up, then down, on the upper-left side", "down, then up, on the lower-left side"
    mistakes = {BLANKS: text, HYPHEN: "down, then up, on the upper-left side"}
    _mirrored(answer, text, right, "Look at what stands next to the words: not only blanks.", mistakes)


@E_01_2.stage("other pairs: nothing is fixed in your function")
def _(answer: Any) -> None:
    text, right = "the bright car on the left", "the bright car on the right"
    hint = "The pairs are an argument; this time they were left and right."
    expect_close(answer(text, [("left", "right")]), right, hint=hint, mistakes={UNUSED: text})


# 01.3 -------------------------------------------------------------------------------------------------------
SUM = "You divided by the sum of both areas: pixels in both masks count twice in it."
PREDICTED = "You divided by the predicted area: marking less would then never cost anything."
DICE = "That is Dice, not J: the overlap counts twice in it."
POOLED = "You pooled the pixels of all frames: every frame should stand alone."
NAN = "Zero divided by zero: a frame in which both masks are empty gives nan."
ZERO = "Both masks are empty and you give 0. But the answer is exactly right there."
KIND = "You give 1 as soon as the truth is empty: then a false alarm costs nothing."
KINDER = "You give 1 wherever the masks do not overlap: look at what is empty, both or one."
VOID = "The void pixels still count."
HALF_VOID = "You took the void out of one of the two masks only; there it still counts in the union."


def _bars(*widths: int) -> np.ndarray:
    """bool [T, 2, 10]: bars of these widths from the left."""
    return np.stack([np.arange(10)[None].repeat(2, 0) < width for width in widths])


def _j(answer: Any, prediction: np.ndarray, truth: np.ndarray, void: np.ndarray | None = None) -> np.ndarray:
    nowhere = np.zeros_like(truth) if void is None else void
    with np.errstate(all="ignore"):
        got = answer(prediction.copy(), truth.copy(), nowhere.copy())
    return expect_shape(got, (len(truth),), hint="One number per frame.")


@E_01_3.stage("one frame, both masks filled")
def _(answer: Any) -> None:
    hint = "Divide the pixels in both masks by the pixels in at least one."
    mistakes = {SUM: [1 / 3], PREDICTED: [1.0], DICE: [2 / 3]}
    expect_close(_j(answer, _bars(4), _bars(8)), [0.5], hint=hint, mistakes=mistakes)


@E_01_3.stage("several frames, one number each")
def _(answer: Any) -> None:
    hint = "Count within each frame: over height and width, not over time."
    got = _j(answer, _bars(4, 10, 3), _bars(8, 5, 3))
    expect_close(got, [0.5, 0.5, 1.0], hint=hint, mistakes={POOLED: [12 / 21] * 3})


@E_01_3.stage("the object is not there, and nothing is marked")
def _(answer: Any) -> None:
    got = _j(answer, _bars(4, 0), _bars(8, 0))
    expect(np.isfinite(got).all(), NAN)
    hint = "Nothing to find, nothing marked: is that a good answer or a bad one?"
    expect_close(got, [0.5, 1.0], hint=hint, mistakes={ZERO: [0.5, 0.0]})


@E_01_3.stage("only one of the two masks is empty")
def _(answer: Any) -> None:
    hint = "If only one of the masks is empty, nothing agrees."
    got = _j(answer, _bars(4, 0), _bars(0, 4))
    expect_close(got, [0.0, 0.0], hint=hint, mistakes={KIND: [1.0, 0.0], KINDER: [1.0, 1.0]})


@E_01_3.stage("void pixels count nowhere")
def _(answer: Any) -> None:
    hint = "A void pixel belongs to neither count: not to the overlap, not to the union."
    got = _j(answer, _bars(6), _bars(4), _bars(2))
    expect_close(got, [0.5], hint=hint, mistakes={VOID: [4 / 6], HALF_VOID: [2 / 6]})
    left = "All that was marked is void. What is left of the two masks, and what did you decide for that?"
    expect_close(_j(answer, _bars(2), _bars(0), _bars(2)), [1.0], hint=left)


# 01.4 -------------------------------------------------------------------------------------------------------
ORACLE = "You took the mask with the best IoU. Nobody knows the IoU when the answer is given."
EVERY = "You counted all masks of all images; only one per image counts."
FIRST = "You took the first mask of each image: the order says nothing, the scores do."
LEAST = "You took the least confident mask of each image."
EQUAL = "You count an IoU that is equal to the threshold. P@K asks for more than K."
COUNTS = "You give counts; P@K is a share of the images."
BELOW = "Your numbers rise with the threshold: you count what lies below it."


@E_01_4.stage("the most confident mask of each image")
def _(answer: Any) -> None:
    ious = np.array([[0.9, 0.2, 0.7], [0.8, 0.1, 0.3], [0.1, 0.7, 0.4], [0.7, 0.2, 0.3]])
    scores = np.array([[0.3, 0.1, 0.9], [0.2, 0.9, 0.4], [0.6, 0.5, 0.7], [0.5, 0.1, 0.8]])
    got = expect_shape(answer(ious, scores, [0.6]), (1,), hint="One number per threshold.")
    hint = "Which mask would be shown to a user? Count that one, one per image."
    mistakes = {ORACLE: [1.0], EVERY: [5 / 12], FIRST: [3 / 4], LEAST: [2 / 4]}
    expect_close(got, [1 / 4], hint=hint, mistakes=mistakes)


@E_01_4.stage("exactly at the threshold")
def _(answer: Any) -> None:
    ious, scores = np.array([[0.5], [0.51], [0.49], [0.5]]), np.ones((4, 1))
    hint = "Four images with IoU .50, .51, .49 and .50 at K = .5."
    expect_close(answer(ious, scores, [0.5]), [0.25], hint=hint, mistakes={EQUAL: [0.75]})


@E_01_4.stage("several thresholds at once")
def _(answer: Any) -> None:
    ious, scores = np.array([[0.55], [0.65], [0.75], [0.95]]), np.ones((4, 1))
    got = answer(ious, scores, [0.5, 0.6, 0.7, 0.8, 0.9])
    expect_shape(got, (5,), hint="One number per threshold, in their order.")
    hint = "For each threshold on its own: the share of images above it."
    mistakes = {COUNTS: [4, 3, 2, 1, 1], BELOW: [0, 0.25, 0.5, 0.75, 0.75]}
    expect_close(got, [1.0, 0.75, 0.5, 0.25, 0.25], hint=hint, mistakes=mistakes)


# 01.5 -------------------------------------------------------------------------------------------------------
TWICE = "One of your hits finds an object that an earlier mask had found: a second find is a false alarm."
TABLE = "That is the order of the table. The ranking goes by score, over all images together."
SINGLE = "You counted only one mask per image: all of them are submitted."
RECALL = "That is recall: you divided by the number of objects. Precision looks at the masks so far."
SIX = "You divided by all six masks; after k masks only k have been looked at."
BACK = "You looked back: the largest precision so far. The envelope looks forward."
BARE = "That is the precision itself. A later rank may be better than this one."
RANKS = "You averaged over all six ranks. Ranks without a new object add no recall, hence no area."
AT_HITS = "You averaged the precision at the hits; the envelope lies higher at one of them."
PRECISION = [1, 1 / 2, 1 / 3, 2 / 4, 3 / 5, 3 / 6]


def _entry(answer: Any, name: str) -> Any:
    given = answer()
    expect(isinstance(given, dict), f"Expected a dict, got {type(given).__name__}.")
    if name not in given or given[name] is ...:
        raise Wrong(f"The entry {name!r} is missing.")
    return given[name]


@E_01_5.stage("hits, in the order of the ranking")
def _(answer: Any) -> None:
    hint = "Write the six masks in one line, highest score first, and ask each: which object did I find?"
    mistakes = {TWICE: [1, 0, 1, 1, 1, 0], TABLE: [1, 0, 1, 0, 1, 0], SINGLE: [1, 0, 1]}
    expect_close(_entry(answer, "hits"), [1, 0, 0, 1, 1, 0], hint=hint, mistakes=mistakes)


@E_01_5.stage("precision after each mask")
def _(answer: Any) -> None:
    hint = "After k masks: how many of these k were hits?"
    mistakes = {RECALL: np.array([1, 1, 1, 2, 3, 3]) / 3, SIX: np.array([1, 1, 1, 2, 3, 3]) / 6}
    expect_close(_entry(answer, "precision"), PRECISION, hint=hint, mistakes=mistakes, tolerance=0.006)


@E_01_5.stage("the envelope: best precision from here on")
def _(answer: Any) -> None:
    hint = "At every rank: the largest precision at this rank or at a later one."
    right, mistakes = [1, 0.6, 0.6, 0.6, 0.6, 0.5], {BACK: [1] * 6, BARE: PRECISION}
    expect_close(_entry(answer, "envelope"), right, hint=hint, mistakes=mistakes, tolerance=0.006)


@E_01_5.stage("the area: one step of recall per object")
def _(answer: Any) -> None:
    hint = "Recall makes three steps, one per object found. Each has a height under the envelope."
    mistakes = {RANKS: 3.9 / 6, AT_HITS: 0.7}
    expect_close(_entry(answer, "ap"), 2.2 / 3, hint=hint, mistakes=mistakes, tolerance=0.005)
