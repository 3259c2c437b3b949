"""The page of the demo: one sentence followed through the model, numbers by category, a short training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rvos_edu.engine.attention import QueryAttention
from rvos_edu.engine.evaluation_page import add_figures
from rvos_edu.engine.evaluation_report import EvaluationReport
from rvos_edu.engine.segment_output import verdict
from rvos_edu.files import atomic_write
from rvos_edu.structures import Segmentation
from rvos_edu.viz import (
    ClipPicture,
    Figure,
    attention_over_frames,
    attention_over_words,
    clip_grid,
    film_strip,
    training_curves,
    voting_chart,
)
from rvos_edu.viz.page import Page


@dataclass(frozen=True)
class Example:
    """One clip segmented with one sentence.

    Args:
        frames: uint8 [T, H, W, 3].
        truth: bool [T, H, W].
        result: what the model answered.
        attention: of the chosen query; None for a model other than MTTR.
    """

    frames: np.ndarray
    truth: np.ndarray
    result: Segmentation
    attention: QueryAttention | None


@dataclass(frozen=True)
class FalseSentence:
    """One clip with a sentence that fits it and one that does not, asked of an R2-VOS.

    Args:
        judge: name of that model.
        frames: uint8 [T, H, W, 3].
        truth: bool [T, H, W], of the true sentence.
        true, false: what the model answered.
        alarm: bool [T, H, W], what another model segments for the false sentence.
        asked: number of clips of which one true and one false sentence were asked.
        kept, rejected: how many of the true ones were kept, of the false ones rejected.
    """

    judge: str
    frames: np.ndarray
    truth: np.ndarray
    true: Segmentation
    false: Segmentation
    alarm: np.ndarray
    asked: int
    kept: int
    rejected: int

    @property
    def tally(self) -> str:
        """The counts in words."""
        return (
            f"of {self.asked} true sentences {self.kept} kept, "
            f"of {self.asked} false ones {self.rejected} rejected"
        )


@dataclass(frozen=True)
class Lesson:
    """A short training.

    Args:
        name: of the preset.
        records: of its metrics.jsonl, with an evaluation at step 0.
        before, after: the same clips seen by the untrained and by the trained model.
        seconds: wall time.
    """

    name: str
    records: Sequence[Mapping[str, Any]]
    before: list[ClipPicture]
    after: list[ClipPicture]
    seconds: float

    @property
    def scores(self) -> list[float]:
        """J&F of the evaluations, in order."""
        found = [record for record in self.records if "J&F" in record]
        return [float(record["J&F"]) for record in sorted(found, key=lambda record: record["step"])]


@dataclass(frozen=True)
class DemoResult:
    """All that the page shows.

    Args:
        evaluation: of the shipped model.
        examples: heading -> scored clips.
        example: one clip followed through the model.
        false: one clip with a sentence that does not fit it.
        lesson: the short training.
        times: step of the demo -> seconds.
    """

    evaluation: EvaluationReport
    examples: dict[str, list[ClipPicture]]
    example: Example
    false: FalseSentence
    lesson: Lesson
    times: dict[str, float]


def picture(example: Example) -> Figure:
    """The example's frames with the masks found and the truth."""
    title = example.result.expression
    return film_strip(example.frames, example.result.masks, example.truth, title=title)


def false_picture(result: FalseSentence) -> Figure:
    """Three rows: the true sentence, the false one, and the false one in a model that does not judge."""
    true, false = result.true, result.false
    return clip_grid(
        {
            "R2-VOS, true sentence": [
                ClipPicture(result.frames, true.masks, result.truth, true.expression, verdict(true))
            ],
            "R2-VOS, false sentence": [
                ClipPicture(result.frames, false.masks, None, false.expression, verdict(false))
            ],
            "MTTR, false sentence": [
                ClipPicture(
                    result.frames, result.alarm, None, false.expression, "does not ask whether it fits"
                )
            ],
        }
    )


def write_demo_report(path: Path, result: DemoResult) -> None:
    """Write the page as one self-contained HTML file."""
    page = Page(
        "From a sentence to masks",
        "Referring video object segmentation with MTTR: a video and a sentence go in, the masks of the "
        "object that the sentence names come out, in every frame. All of this page was computed on this "
        "machine.",
    )
    _add_numbers(page, result)
    _add_example(page, result.example)
    _add_false_sentence(page, result)
    _add_evaluation(page, result)
    _add_lesson(page, result.lesson)
    page.heading("Times and files")
    page.table(["step", "seconds"], [[name, f"{seconds:.0f}"] for name, seconds in result.times.items()])
    page.text(
        "Beside this page lie evaluation/ (table, JSON, best and worst clips), training/ (weights, log, "
        "TensorBoard), segmentation/ and false-sentence/ (overlay video, mask PNGs, votes)."
    )
    with atomic_write(path) as temporary:
        page.write(temporary)


def _add_numbers(page: Page, result: DemoResult) -> None:
    spread = result.evaluation.spread()
    cards = [(f"{spread['overall.jf'].mean:.1f}", f"J&F of {result.evaluation.name}, all categories")]
    if "category.motion.right" in spread:
        right, chance = spread["category.motion.right"], spread.get("category.motion.chance")
        note = "" if chance is None else f" (chance {chance.mean:.0f} %)"
        cards.append((f"{right.mean:.0f} %", f"motion sentences: right object{note}"))
    if "swapped.drop" in spread:
        cards.append(
            (f"{round(spread['swapped.drop'].mean) + 0:d}", "J&F lost with another object's sentence")
        )
    false = result.false
    cards.append((f"{false.rejected} of {false.asked}", f"false sentences that {false.judge} rejected"))
    scores = result.lesson.scores
    if scores:
        cards.append((f"{scores[0]:.0f} → {scores[-1]:.0f}", "J&F of a model that was trained here"))
    page.numbers(cards)


def _add_example(page: Page, example: Example) -> None:
    result = example.result
    page.heading("One sentence, step by step")
    page.text(
        f"The sentence is “{result.expression}”. The tinted area is what the model found; the dashed "
        "line is the truth, which the model never sees."
    )
    page.figure(picture(example))
    page.heading("Which query is it? A vote over all frames", level=3)
    page.text(
        f"The model follows {len(result.votes)} candidates, its object queries, through the clip. In every "
        "frame each has a probability of being the object that is meant. The sum over frames decides "
        f"(temporal segment voting): query {result.query} wins, and its masks are the answer in all frames."
    )
    page.figure(voting_chart(result.probabilities, chosen=result.query, frames=example.frames))
    attention = example.attention
    if attention is None:
        return
    page.heading("Where does that query look?", level=3)
    page.text(
        "In the last decoder layer a query attends to the pixels of a frame, in cells of 16 x 16, and to "
        "the words of the sentence, all in one sequence."
    )
    page.figure(attention_over_frames(example.frames, attention.pixels))
    page.figure(attention_over_words(attention.words, attention.tokens))


def _add_false_sentence(page: Page, result: DemoResult) -> None:
    false = result.false
    page.heading("A sentence that fits nothing")
    page.text(
        "MTTR never asks whether a sentence fits the video. R2-VOS says the sentence back, as a vector, from "
        "what it found in the video, compares the two, and empties the masks where they do not agree."
    )
    page.figure(false_picture(false))
    page.text(
        f"{false.judge} was asked {false.asked} test videos, each a sentence of its own and one of another "
        f"video: {false.tally}. The picture shows the best mask among those judged rightly."
    )


def _add_evaluation(page: Page, result: DemoResult) -> None:
    page.heading("How good is it?")
    page.text(result.evaluation.title + ".")
    page.text(
        "J is the overlap of masks (intersection over union), F the agreement of outlines, both in percent. "
        "“No vote”: every frame chooses its own query. “Right obj.”: how often the output overlaps the "
        "named object more than any other; chance is guessing among the objects that fit the rest of the "
        "sentence."
    )
    add_figures(page, result.evaluation)
    page.heading("Successes and failures", level=3)
    page.figure(clip_grid(dict(result.examples)))


def _add_lesson(page: Page, lesson: Lesson) -> None:
    page.heading("Watching it learn")
    page.text(
        f"Preset {lesson.name}, {lesson.seconds / 60:.1f} minutes: the temporal encoder and the text encoder "
        "are pretrained, all that joins them starts from random weights. Every video has two objects that "
        "differ in colour."
    )
    caption = "Losses on training clips; J&F on videos that were not trained on."
    page.figure(training_curves(lesson.records), caption)
    page.figure(clip_grid({"before": lesson.before, "after": lesson.after}))
