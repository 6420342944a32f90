"""Figures of a training: curves of every phase, the film of the groups, and flows over several layers."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from sctl.errors import DataError, ParameterError
from sctl.plots import Curves, layered_sankey, training_figure, training_svg, trajectory_animation
from sctl.plots import trajectory as film_module


def lines(figure):
    return {(trace.xaxis, trace.name): (list(trace.x), list(trace.y)) for trace in figure.data}


def test_each_phase_has_a_panel_and_finer_steps_go_on_in_it():
    phases = {
        "Learn": Curves([1, 2], {"train": [3.0, 2.0], "validation": [3.5, 2.5]}, best=2),
        "Learn, finer (1)": Curves([1, 2], {"train": [1.5, 1.0], "validation": [1.9, 1.8]}, best=1),
        "Sharpen": Curves([1], {"changed": [0.25], "train": [0.7]}),
    }
    drawn = lines(training_figure(phases))
    assert drawn["x", "cells it learns from"] == ([1, 2, 3, 4], [3.0, 2.0, 1.5, 1.0])
    assert drawn["x", "cells held out"] == ([1, 2, 3, 4], [3.5, 2.5, 1.9, 1.8])
    assert drawn["x2", "cells that change their group"] == ([1], [0.25])  # and not its loss
    assert len(drawn) == 3
    titles = [note.text for note in training_figure(phases).layout.annotations]
    assert titles == ["Learn", "Sharpen"]
    assert training_figure(phases).layout.shapes[0].x0 == 3  # the round that was kept


def test_panels_keep_their_places_as_others_come():
    early = training_figure({"a": Curves([1], {"train": [1.0]})})
    late = training_figure({name: Curves([1], {"train": [1.0]}) for name in "abcd"})
    assert early.layout.xaxis.domain == late.layout.xaxis.domain
    assert early.layout.height == late.layout.height
    assert training_figure({}).layout.height == early.layout.height
    assert training_figure({name: Curves([1], {"train": [1.0]}) for name in "abcde"}).layout.height > late.layout.height


def test_a_long_line_is_thinned_and_keeps_its_end():
    n = 5001
    (x, y) = lines(training_figure({"a": Curves(list(range(n)), {"train": [float(i) for i in range(n)]})}))[
        "x", "cells it learns from"
    ]
    assert len(x) < 500
    assert (x[0], x[-1], y[-1]) == (0, n - 1, n - 1)


def test_the_live_picture_holds_the_same_lines_in_a_frame_that_stays():
    one = ElementTree.fromstring(training_svg({"a < b": Curves([1, 2, 3], {"train": [4.0, 2.0, 1.0]})}))
    name = "{http://www.w3.org/2000/svg}"
    points = [tuple(map(float, point.split(","))) for point in one.find(f".//{name}polyline").get("points").split()]
    across, down = zip(*points, strict=True)
    assert across[1] - across[0] == pytest.approx(across[2] - across[1], abs=0.2)
    assert (down[1] - down[0]) / (down[2] - down[1]) == pytest.approx(2.0, rel=0.01)  # 4 → 2 → 1, downwards
    assert [text.text for text in one.iter(f"{name}text")] == ["a < b", "4", "1", "round 3", "cells it learns from"]
    four = {name: Curves([1], {"train": [1.0], "validation": [1.5], "changed": [0.1]}) for name in "abcd"}
    assert ElementTree.fromstring(training_svg(four)).get("viewBox") == one.get("viewBox")
    assert "cells it learns from" not in training_svg(four)
    ElementTree.fromstring(
        training_svg({"empty": Curves([], {"train": []}), "nan": Curves([1], {"train": [float("nan")]})})
    )


@pytest.fixture
def snapshots(rng):
    coords = rng.normal(size=(30, 3, 2))
    groups = np.array([["a", "a", "b"], ["b", "b", "b"], ["a", "a", "a"]] * 10)
    return coords, groups


def test_the_film_has_a_frame_for_each_snapshot(snapshots):
    coords, groups = snapshots
    figure = trajectory_animation(coords, groups, titles=["Before", "1", "2"], palette={"a": "#000001", "b": "#000002"})
    assert [step.label for step in figure.layout.sliders[0].steps] == ["Before", "1", "2"]
    assert len(figure.frames) == 3
    last = figure.frames[-1].data[0]
    np.testing.assert_allclose(last.x, coords[:, 2, 0], atol=1e-3)
    assert list(last.marker.color[:3]) == ["#000002", "#000002", "#000001"]
    assert list(figure.data[0].ids) == list(last.ids)  # the same cells, which therefore move
    low, high = figure.layout.xaxis.range
    assert low < coords[..., 0].min() < coords[..., 0].max() < high
    assert {trace.name for trace in figure.data[1:]} == {"a", "b"}


def test_a_large_film_shows_a_sample_with_small_groups(snapshots, monkeypatch):
    monkeypatch.setattr(film_module, "MOST_CELLS", 12)
    coords, groups = snapshots
    groups = groups.astype(object)
    groups[4] = "rare"
    figure = trajectory_animation(coords, groups, titles=["0", "1", "2"])
    assert len(figure.data[0].x) == 12
    assert "rare" in figure.frames[0].data[0].customdata


def test_a_film_of_another_shape_is_refused(snapshots):
    coords, groups = snapshots
    with pytest.raises(DataError, match="2 titles"):
        trajectory_animation(coords, groups, titles=["0", "1"])


def test_a_flow_over_three_layers_counts_cells_between_neighbours():
    layers = {"first": ["a", "a", "b"], "group": ["x", "y", "y"], "truth": ["a", "b", "b"]}
    link = layered_sankey(layers).data[0].link
    bands = {tuple(names): (int(value)) for names, value in zip(link.customdata, link.value, strict=True)}
    assert bands == {("a", "x"): 1, ("a", "y"): 1, ("b", "y"): 1, ("x", "a"): 1, ("y", "b"): 2}
    node = layered_sankey(layers).data[0].node
    ends = {(node.label[s], node.label[t]) for s, t in zip(link.source, link.target, strict=True)}
    assert ends == set(bands)
    assert len(node.label) == 6  # "a" of the source and "a" of the truth are two nodes
    notes = [note.text for note in layered_sankey(layers).layout.annotations]
    assert notes == ["<b>first</b>", "<b>group</b>", "<b>truth</b>"]
    with pytest.raises(ParameterError, match="two ends"):
        layered_sankey({"one": ["a"]})
