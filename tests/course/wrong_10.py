"""Wrong answers of notebook 10 and a part of the message that each should get."""

from __future__ import annotations

import numpy as np


def only_voted(j, voted, good=0.5, sharp=0.75):
    return "fine" if j[voted] >= sharp else "poor mask" if j[voted] >= good else "wrong choice"


def best_is_voted(j, voted, good=0.5, sharp=0.75):
    if j.max() < good:
        return "never found"
    return "wrong choice" if j.argmax() != voted else "fine" if j[voted] >= sharp else "poor mask"


def strict(j, voted, good=0.5, sharp=0.75):
    if j[voted] > sharp:
        return "fine"
    return "poor mask" if j[voted] > good else "wrong choice" if j.max() > good else "never found"


def sharp_best(j, voted, good=0.5, sharp=0.75):
    if j[voted] >= good:
        return "fine" if j[voted] >= sharp else "poor mask"
    return "wrong choice" if j.max() >= sharp else "never found"


def first_query(j, voted, good=0.5, sharp=0.75):
    return only_voted(j, 0) if j.max() >= good else "never found"


def best_query(j, voted, good=0.5, sharp=0.75):
    return only_voted(j, j.argmax()) if j.max() >= good else "never found"


def cells(mask, how=np.mean):
    t, h, w = mask.shape
    blocks = mask.reshape(t, h // 16, 16, w // 16, 16)
    return how(blocks, axis=(2, 4))


def undivided(a, m):
    return (a * cells(m)).sum()


def touched(a, m):
    return (a * cells(m, np.max)).sum() / a.sum()


def strided(a, m):
    t, h, w = a.shape
    return (a * m.reshape(t, 16, h, 16, w).mean((1, 3))).sum() / a.sum()


def mean_of_frames(a, m):
    return np.mean([(x * y).sum() / x.sum() for x, y in zip(a, cells(m), strict=True)])


def without(words, i):
    return " ".join(words[:i] + words[i + 1 :])


def turned(vote, sentence):
    words, full = sentence.split(), vote(sentence)
    return [vote(without(words, i))[full.argmax()] - full.max() for i in range(len(words))]


def new_winner(vote, sentence):
    words = sentence.split()
    return [vote(sentence).max() - vote(without(words, i)).max() for i in range(len(words))]


def query_zero(vote, sentence):
    words = sentence.split()
    return [vote(sentence)[0] - vote(without(words, i))[0] for i in range(len(words))]


def by_word(vote, sentence):
    full = vote(sentence)
    shorter = [" ".join(w for w in sentence.split() if w != word) for word in sentence.split()]
    return [full.max() - vote(text)[full.argmax()] for text in shorter]


WRONG = {
    "10.1": [
        (only_voted, "Look at the best of all queries"),
        (best_is_voted, "Two queries can hold the same object"),
        (sharp_best, "from the lower limit on"),
        (strict, "A value on the limit is good enough"),
        (lambda j, voted: "okay", "none of the four names"),
        (first_query, "which need not be the first one"),
        (best_query, "another one won"),
        (lambda j, voted: np.array(["fine", "fine"]), "One name for the clip"),
        (lambda j, voted: None, "Nothing came back"),
    ],
    "10.2": [
        (undivided, "forgot to divide by the attention"),
        (touched, "as soon as the object touches it"),
        (strided, "a block of neighbours"),
        (mean_of_frames, "averaged the shares of single frames"),
    ],
    "10.3": [
        (turned, "The sign is turned"),
        (new_winner, "asked anew who wins"),
        (query_zero, "followed query 0"),
        (by_word, "deleted by position"),
    ],
}
