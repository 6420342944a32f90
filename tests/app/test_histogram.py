"""Limits drawn with the mouse: from a box on the screen to numbers in the settings."""

from __future__ import annotations

import numpy as np
import pytest

from sctl.qc import histogram as binned
from sctl.ui.widgets.histogram import METRICS, figure, limits_of

GENES, COUNTS, MT, _ = METRICS


def box(low: float, high: float) -> dict:
    return {"selection": {"box": [{"x": [low, high], "y": [0, 1]}]}}


@pytest.fixture
def bars():
    return binned(np.arange(100, 1000))


def test_a_box_becomes_whole_numbers_inside_it(bars):
    assert limits_of(box(200.2, 300.7), bars, GENES) == (201, 300)


def test_a_box_drawn_from_right_to_left_is_the_same(bars):
    assert limits_of(box(300.7, 200.2), bars, GENES) == (201, 300)


def test_a_side_beyond_all_values_is_no_limit(bars):
    assert limits_of(box(-50, 300), bars, GENES) == (None, 300)
    assert limits_of(box(300, 5000), bars, GENES) == (300, None)


def test_no_box_no_limits(bars):
    assert limits_of({"selection": {"box": []}}, bars, GENES) is None
    assert limits_of({}, bars, GENES) is None


def test_a_logarithmic_axis_is_undone(bars):
    drawn = box(np.log10(1 + 200.4), np.log10(1 + 300.4))
    assert limits_of(drawn, bars, COUNTS) == (201, 300)


def test_per_cents_keep_one_decimal():
    bars = binned(np.linspace(0, 40, 500))
    assert limits_of(box(-1, 12.34), bars, MT) == (None, 12.3)


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_bars_hold_every_value_and_show_what_is_kept(metric):
    values = np.arange(1, 501)
    bars = binned(values, log=metric.log)
    fig = figure(bars, metric, (100, 300))
    assert fig.data[0].y.sum() == len(values)
    colors = set(fig.data[0].marker.color)
    assert len(colors) == 2
    assert len(fig.layout.shapes) == 2


def test_log_ticks_lie_where_their_values_are():
    bars = binned(np.array([10.0, 100.0, 5000.0, 80000.0]), log=True)
    axis = figure(bars, COUNTS).layout.xaxis
    shown = [float(text.replace(",", "")) for text in axis.ticktext]
    np.testing.assert_allclose(axis.tickvals, np.log10(1 + np.array(shown)))


@pytest.mark.parametrize("metric", [GENES, COUNTS], ids=lambda metric: metric.name)
def test_the_other_dataset_is_an_outline_of_the_same_area(metric):
    bars, other = binned(np.arange(1, 301), 80, log=metric.log), binned(np.arange(200, 2200), 80, log=metric.log)
    fig = figure(bars, metric, (100, 200), other=other)
    drawn, outline = fig.data
    area = (np.array(drawn.y) * np.array(drawn.width)).sum()
    assert (np.array(outline.y[:-1]) * np.diff(outline.x)).sum() == pytest.approx(area)
    low, high = fig.layout.xaxis.range
    assert low <= drawn.x[0]
    assert high == pytest.approx(outline.x[-1])
