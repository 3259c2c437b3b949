"""Charts of metrics: the lines are the numbers that were given."""

from __future__ import annotations

import numpy as np
import pytest

from rvos_edu.viz.metric_charts import precision_recall_chart, score_chart

RECALL, PRECISION, ENVELOPE = [0, 1 / 2, 1 / 2, 1], [0, 1 / 2, 1 / 3, 1 / 2], [1 / 2] * 4
HITS = [0, 1, 0, 1]


def test_precision_recall_chart_draws_ranks_hits_and_the_envelope() -> None:
    figure = precision_recall_chart(RECALL, PRECISION, ENVELOPE, HITS, title="AP")
    (axes,) = figure.axes
    line, hits, alarms = axes.lines
    np.testing.assert_allclose(line.get_xydata(), np.transpose([RECALL, PRECISION]))
    np.testing.assert_allclose(hits.get_xydata(), [(1 / 2, 1 / 2), (1, 1 / 2)])
    np.testing.assert_allclose(alarms.get_xydata(), [(0, 0), (1 / 2, 1 / 3)])
    assert [t.get_text() for t in axes.texts] == ["1", "2", "3", "4"]
    np.testing.assert_allclose(axes.patches[0].get_data().values, ENVELOPE)
    np.testing.assert_allclose(axes.patches[0].get_data().edges, [0, *RECALL])


def test_score_chart_names_every_line_at_its_end() -> None:
    (axes,) = score_chart(range(3), {"J": [1, 0.8, 0.6], "F": [1, 1, 0.2]}, xlabel="pixels").axes
    np.testing.assert_allclose([line.get_ydata() for line in axes.lines], [[1, 0.8, 0.6], [1, 1, 0.2]])
    assert [(t.get_text(), t.xy) for t in axes.texts] == [("J", (2, 0.6)), ("F", (2, 0.2))]
    assert axes.get_xlabel() == "pixels"


def test_lengths_must_agree() -> None:
    with pytest.raises(ValueError, match="four lists of one length"):
        precision_recall_chart(RECALL, PRECISION, ENVELOPE, HITS[:2])
    with pytest.raises(ValueError, match="3 values"):
        score_chart(range(3), {"J": [1]}, xlabel="x")
    with pytest.raises(ValueError, match="3 values"):
        score_chart(range(3), {}, xlabel="x")
