"""Figures of the consensus: what is drawn is what was given."""

from __future__ import annotations

import numpy as np

from sctl import plots
from sctl.plots.consensus import MOST_CELLS


def test_the_heat_map_has_cells_strips_and_silhouettes_in_one_order():
    matrix = np.kron(np.eye(2), np.ones((3, 3))) * 0.75 + 0.25
    silhouettes = np.linspace(0.1, 0.6, 6)
    figure = plots.consensus_figure(matrix, ["b", "b", "b", "a", "a", "a"], silhouettes)
    (heat,) = [trace for trace in figure.data if trace.type == "heatmap"]
    np.testing.assert_array_equal(np.asarray(heat.z), np.round(100 * matrix))
    bars = [trace for trace in figure.data if trace.type == "bar" and trace.hoverinfo != "skip"]
    np.testing.assert_allclose(np.concatenate([bar.x for bar in bars]), silhouettes)
    np.testing.assert_array_equal(np.concatenate([bar.y for bar in bars]), np.arange(6))
    assert list(figure.layout.yaxis.ticktext) == ["b", "a"]
    assert list(figure.layout.yaxis.tickvals) == [1.0, 4.0]


def test_of_many_cells_evenly_spaced_ones_are_shown():
    order = np.random.default_rng(0).permutation(5000)
    shown = plots.shown_cells(order)
    assert len(shown) == len(set(shown)) == MOST_CELLS
    place = np.argsort(order)[shown]
    assert (np.diff(place) > 0).all()
    assert place[0] == 0
    assert place[-1] == 4999


def test_stability_shows_every_cluster_the_mean_and_the_ceiling():
    figure = plots.stability_figure(
        {2: np.array([0.4, 0.6]), 3: np.array([0.1, 0.2, 0.3])}, highest=0.5, silhouettes={2: 0.8, 3: 0.7}, chosen=3
    )
    dots, mean, thin = figure.data
    assert list(dots.x) == [2, 2, 3, 3, 3]
    np.testing.assert_allclose(mean.y, [0.5, 0.2])
    assert list(thin.y) == [0.8, 0.7]
    assert figure.layout.shapes[0].y0 == 0.5
    assert len(set(dots.marker.color)) == 2


def test_eigenvalues_above_chance_stand_out():
    figure = plots.eigenvalue_figure([90.0, 40.0, 5.0, 4.0], 20.0)
    colors = list(figure.data[0].marker.color)
    assert colors[0] == colors[1] != colors[2] == colors[3]
    assert "2 lie above" in plots.alt_text("eigenvalues", n_above=2)
