from __future__ import annotations

import base64
import io
import json
import re
import time
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.path import Path as Polygon
from PIL import Image

from sctl.errors import DataError, ParameterError
from sctl.plots import (
    alt_text,
    blend,
    colors_of,
    composition_bars,
    confidence_histogram,
    confusion_figure,
    corners,
    dot_plot,
    embedding_figure,
    heatmap,
    histogram_figure,
    natural_order,
    points_in_polygon,
    publication,
    sankey_figure,
    selection_mask,
    theta_figure,
    violin_figure,
    volcano,
    with_legend,
)
from sctl.plots.embedding import MOST_POINTS, label_positions
from sctl.plots.palette import GREY, OKABE_ITO, TOL
from sctl.plots.raster import backdrop
from sctl.ui.frame import picture

ROOT = Path(__file__).parents[1]


@pytest.fixture
def cells(rng):
    labels = np.array(["beta", "alpha", "10", "9", "unassigned"])[np.arange(200) % 5]
    coords = rng.normal(size=(200, 2)) + 8 * np.array([[0, 0], [1, 0], [0, 1], [1, 1], [2, 2]])[np.arange(200) % 5]
    return coords, labels


@pytest.fixture
def dots():
    names = [(group, gene) for group in ("beta", "alpha") for gene in ("INS", "GCG", "ACTB")]
    table = pd.DataFrame(names, columns=["group", "gene"])
    return table.assign(mean=[5.0, 0, 1, 0, 4, 1], share=[1.0, 0, 0.5, 0, 1, 0.5])


def _luminance(color):
    channels = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    return np.dot(
        [0.2126, 0.7152, 0.0722], [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    )


def test_colours_are_stable_distinct_and_grey_for_unassigned():
    names = [f"type {number}" for number in range(22)]
    colors = colors_of([*names, "unassigned", "nan"])
    assert colors["unassigned"] == colors["nan"] == GREY
    assert len({colors[name] for name in names}) == 22 == len(set(OKABE_ITO + TOL))
    assert colors_of(names[::-1] * 2) == colors_of(names)
    assert abs(_luminance(colors_of("ab")["a"]) - _luminance(colors_of("ab")["b"])) > 0.1  # told apart in grey too


def test_natural_order_of_awkward_names():
    assert natural_order(["b10", "b9", "B1", "", "²", "7"]) == ["7", "B1", "b9", "b10", "²", ""]


def test_map_has_a_trace_per_name_in_a_sorted_legend(cells):
    coords, labels = cells
    figure = embedding_figure(coords, color=labels, names=[f"c{number}" for number in range(200)])
    traces = sorted(figure.data, key=lambda trace: trace.legendrank)
    assert [trace.name for trace in traces] == ["9", "10", "alpha", "beta", "unassigned"]
    assert figure.data[0].name == "unassigned"  # lowest
    assert sum(len(trace.x) for trace in figure.data) == 200
    assert {note.text for note in figure.layout.annotations} == {"<b>9</b>", "<b>10</b>", "<b>alpha</b>", "<b>beta</b>"}
    assert figure.layout.uirevision
    assert figure.layout.yaxis.scaleanchor == "x"


def test_map_colours_by_numbers_with_missing_ones_grey(cells):
    coords, _ = cells
    values = np.arange(200.0)
    values[:7] = np.nan
    missing, known = embedding_figure(coords, color=values, color_title="INS").data
    assert len(missing.x) == 7
    assert missing.marker.color == GREY
    assert list(known.marker.color) == sorted(values[7:])
    boolean = embedding_figure(coords, color=values > 3)
    assert {trace.name for trace in boolean.data} == {"True", "False"}


def test_selected_cells_stand_out(cells):
    coords, labels = cells
    figure = embedding_figure(coords, color=labels, selected=labels == "beta")
    opacity = {trace.name: set(trace.marker.opacity) for trace in figure.data}
    assert min(opacity["beta"]) > max(opacity["alpha"])


def test_map_refuses_values_of_other_cells(cells):
    with pytest.raises(DataError, match="color has 3 entries for 200"):
        embedding_figure(cells[0], color=["a", "b", "c"])


def test_large_map_is_light_and_keeps_small_types(rng):
    coords = rng.normal(size=(100_000, 2))
    labels = np.full(100_000, "common", dtype=object)
    labels[:150] = "rare"
    figure = embedding_figure(coords, color=labels)
    drawn = {trace.name: len(trace.x) for trace in figure.data}
    assert drawn["rare"] == 150
    assert sum(drawn.values()) == MOST_POINTS
    image = figure.layout.images[0]
    assert (image.x, image.y) == (coords[:, 0].min(), coords[:, 1].max())
    picture = Image.open(io.BytesIO(base64.b64decode(image.source.split(",")[1])))
    picture.verify()
    assert picture.mode == "LA"
    assert len(figure.to_json()) < 1_500_000


def test_backdrop_puts_cells_where_they_are():
    coords = np.array([[0.0, 0.0], [10.0, 5.0]])  # lower left, upper right
    source = backdrop(coords)["source"]
    alpha = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))))[..., 1]
    assert alpha.shape == (300, 600)
    assert alpha[-1, 0] > 0
    assert alpha[0, -1] > 0
    assert (alpha > 0).sum() == 2


@pytest.mark.parametrize("seed", range(3))
def test_polygon_agrees_with_matplotlib(seed):
    rng = np.random.default_rng(seed)
    angles = np.sort(rng.uniform(0, 2 * np.pi, 30))  # a star: concave, not crossing itself
    corners = np.column_stack([np.cos(angles), np.sin(angles)]) * rng.uniform(0.3, 2, size=(30, 1))
    points = rng.normal(size=(5_000, 2))
    ours = points_in_polygon(points, corners[:, 0], corners[:, 1])
    np.testing.assert_array_equal(ours, Polygon(corners).contains_points(points))
    assert 0 < ours.sum() < 5_000


def test_polygon_crossing_itself_and_no_polygon():
    bow_tie = ([0, 1, 0, 1], [0, 1, 1, 0])
    assert points_in_polygon(np.array([[0.5, 0.9], [0.1, 0.5], [0.5, 0.1]]), *bow_tie).tolist() == [True, False, True]
    assert not points_in_polygon(np.zeros((2, 2)), [0, 1], [0, 1]).any()


@pytest.mark.slow
def test_lasso_over_a_million_cells_takes_less_than_a_second(rng):
    points = rng.normal(size=(1_000_000, 2))
    angles = np.linspace(0, 2 * np.pi, 200)
    started = time.process_time()
    inside = points_in_polygon(points, np.cos(angles), np.sin(angles))
    assert time.process_time() - started < 1
    assert inside.mean() == pytest.approx(1 - np.exp(-0.5), abs=0.003)


def test_selection_reads_shapes_and_never_indices():
    coords = np.array([[0.5, 0.5], [2.5, 2.5], [9.0, 9.0]])
    lasso = {"x": [0, 1, 1, 0], "y": [0, 0, 1, 1]}
    box = {"x": [3, 2], "y": [2, 3]}
    event = {"selection": {"lasso": [lasso], "box": [box], "point_indices": [2], "points": [{"point_index": 2}]}}
    assert selection_mask(event, coords).tolist() == [True, True, False]
    for nothing in (None, {}, {"selection": {}}, {"selection": {"lasso": [], "box": []}}):
        assert not selection_mask(nothing, coords).any()


def test_names_on_a_map_never_fall_on_each_other(rng):
    coords = rng.normal(size=(400, 2))
    labels = np.array([f"a long type name {number}" for number in range(20)])[np.arange(400) % 20]
    places = label_positions(coords, labels)
    unit = np.ptp(coords, axis=0).max()
    positions = list(places.items())
    assert 1 < len(positions) < 20
    for number, (one, (x, y)) in enumerate(positions):
        for other, (a, b) in positions[:number]:
            width = unit * 0.0145 * (len(one) + len(other)) / 2
            assert abs(x - a) >= width or abs(y - b) >= unit * 0.034


def test_a_name_stands_beside_its_cells_where_there_is_room():
    blob = np.stack(np.meshgrid(np.linspace(0, 0.1, 5), np.linspace(0, 0.1, 5)), axis=-1).reshape(-1, 2)
    coords = np.concatenate([blob, blob + 1.0])
    labels = np.repeat(["low", "high"], len(blob))
    for name, (_, y) in label_positions(coords, labels).items():
        own = coords[labels == name, 1]
        assert y > own.max() or y < own.min()


def test_other_measures_have_round_ticks_of_their_own():
    points = pd.DataFrame({"theta": [0.0, 0.5], "kta": [0.4, 0.6]})
    axis = theta_figure(points, criteria={"one": [-0.113, 0.2], "two": [0.836, 1.0]}).layout.yaxis2
    assert (axis.tick0, axis.dtick, axis.tickmode) == (0, 0.2, "linear")
    assert axis.range[0] <= -0.113 < 1.0 < axis.range[1]


def test_a_flat_curve_is_drawn_near_its_height():
    points = pd.DataFrame({"theta": [0.0, 0.5], "kta": [0.95, 0.95]})
    low, high = theta_figure(points).layout.yaxis.range
    assert 0.9 < low < 0.95 < high < 1.0


def test_theta_figure_sets_pure_transfer_apart_and_marks_the_choice():
    points = pd.DataFrame({"theta": [1.0, 0.0, 0.5], "kta": [0.2, 0.4, 0.6]})
    figure = theta_figure(points, best=0.25, baselines={"Target alone": 0.4}, truth=[0.1, 0.2, 0.3])
    line, pure, best, truth, baseline = figure.data
    assert (list(line.x), list(line.y)) == ([0.0, 0.5], [0.4, 0.6])
    assert (list(pure.x), list(pure.y)) == ([1.0], [0.2])
    assert "pure label transfer" in pure.name
    assert (best.x[0], best.y[0]) == (0.25, pytest.approx(0.5))
    assert list(truth.y) == [0.2, 0.3, 0.1]
    assert (baseline.line.dash, set(baseline.y), baseline.name) == ("dash", {0.4}, "Target alone: 0.400")


def test_theta_figure_before_the_first_point():
    figure = theta_figure(pd.DataFrame({"theta": [], "kta": []}), best=0.5, baselines={"Target alone": 0.4})
    assert len(figure.data) == 3


def test_histogram_counts_every_cell_and_shades_what_is_kept(rng):
    values = {"source": rng.lognormal(7, 1, 3_000), "target": np.r_[np.zeros(5), rng.lognormal(7, 1, 95)]}
    for log in (False, True):
        figure = histogram_figure(values, low=500, high=4_000, log=log)
        for trace in figure.data:
            assert sum(trace.y) == pytest.approx(1)
        kept, low, high = figure.layout.shapes
        assert (kept.x0, kept.x1, low.x0, high.x0) == (500, 4_000, 500, 4_000)
        assert low.editable
    same = histogram_figure({"target": np.full(4, 3.0)}, low=1)
    assert sum(same.data[0].y) == 1
    assert len(same.layout.shapes) == 2


def test_confidence_histogram_splits_at_the_threshold():
    figure = confidence_histogram(np.array([0.1, 0.5, 0.9, 1.0]), threshold=0.5)
    assert {trace.name: sum(trace.y) for trace in figure.data} == {
        "named at this limit (3)": 3,
        "below the limit (1)": 1,
    }
    nameless = np.array([True, False, True, False])
    figure = confidence_histogram(np.array([0.1, 0.4, 0.9, 1.0]), threshold=0.5, nameless=nameless)
    assert {trace.name: sum(trace.y) for trace in figure.data} == {
        "named at this limit (1)": 1, "below the limit (1)": 1, "unassigned at any limit (2)": 2,
    }  # fmt: skip


def test_a_blend_mixes_its_corners():
    first, second = np.array([0.0, 4.0, 0.0, 4.0, 2.0]), np.array([0.0, 0.0, 8.0, 8.0, 4.0])
    values, palette = blend(first, second, ("INS", "GCG"))
    assert values.tolist() == [
        "INS 0 %, GCG 0 %", "INS 100 %, GCG 0 %", "INS 0 %, GCG 100 %", "INS 100 %, GCG 100 %", "INS 50 %, GCG 50 %"
    ]  # fmt: skip
    ends = corners(("INS", "GCG"))
    assert [palette[value] for value in values[:4]] == list(ends.values())
    parts = np.array([[int(color[place : place + 2], 16) for place in (1, 3, 5)] for color in ends.values()])
    middle = [int(palette[str(values[4])][place : place + 2], 16) for place in (1, 3, 5)]
    np.testing.assert_allclose(middle, parts.mean(axis=0), atol=1)  # halfway between all four
    assert len(palette) == 25
    assert set(blend(np.zeros(3), np.full(3, np.nan), ("a", "b"))[0]) == {"a 0 %, b 0 %"}
    outlier, _ = blend(np.r_[np.ones(999), 1_000.0], np.zeros(1000), ("a", "b"))
    assert set(outlier) == {"a 100 %, b 0 %"}  # one cell does not set the scale
    with pytest.raises(DataError, match="a has 1 values, b has 2"):
        blend(np.ones(1), np.ones(2), ("a", "b"))


def test_a_legend_of_ones_own_takes_the_place_of_the_names():
    figure = with_legend(embedding_figure(np.eye(2), color=["a", "b"]), {"neither": "#DDDDDD", "both": "#000000"})
    assert [trace.name for trace in figure.data if trace.showlegend is not False] == ["neither", "both"]
    assert not figure.layout.annotations
    assert figure.layout.showlegend


def contrast(color: str, theme: str) -> float:
    """Contrast with the ground of a theme as WCAG 2 defines it; 3 is what large letters and lines need."""

    def luminance(color: str) -> float:
        parts = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)]) / 255
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        return float(linear @ [0.2126, 0.7152, 0.0722])

    themes = tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text(encoding="utf-8"))["theme"]
    one, other = sorted((luminance(color), luminance(themes[theme]["backgroundColor"])))
    return (other + 0.05) / (one + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_beside_a_map_is_read_in_both_themes(theme):
    assert contrast(embedding_figure(np.eye(2), color=np.arange(2.0)).layout.font.color, theme) > 4
    for written in set(re.findall(r'<text [^>]*fill="(#\w+)"', picture.overview())):
        assert contrast(written, theme) > 4, written


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_thin_lines_of_the_curve_are_seen_in_both_themes(theme):
    points = pd.DataFrame({"theta": [0.0, 0.5], "kta": [0.4, 0.6]})
    figure = theta_figure(points, criteria={name: [0.1, 0.2] for name in "abcde"})
    thin = [trace.line.color for trace in figure.data if trace.yaxis == "y2"]
    assert len(set(thin)) == 5
    assert all(contrast(color, theme) > 2.8 for color in thin), thin


def test_flows_hold_the_counts():
    before, after = ["a", "a", "b", None], ["x", "y", "y", "y"]
    link = sankey_figure(before, after).data[0].link
    flows = {tuple(names): value for names, value in zip(link.customdata, link.value, strict=True)}
    assert flows == {("a", "x"): 1, ("a", "y"): 1, ("b", "y"): 1, ("unassigned", "y"): 1}
    confusion = confusion_figure(before, after).data[0]
    np.testing.assert_array_equal(confusion.customdata, [[1, 1], [0, 1], [0, 1]])
    np.testing.assert_allclose(np.sum(confusion.z, axis=1), 1)
    bars = composition_bars(before, after).data
    np.testing.assert_allclose(np.sum([bar.x for bar in bars], axis=0), 1)


def test_dots_and_heat_keep_the_order_of_the_table(dots):
    figure = dot_plot(dots)
    assert list(figure.layout.xaxis.categoryarray) == ["INS", "GCG", "ACTB"]
    assert list(figure.layout.yaxis.categoryarray) == ["alpha", "beta"]  # drawn upwards
    sizes = np.array(figure.data[0].marker.size)
    assert sizes[2] / sizes[0] == pytest.approx(np.sqrt(0.5))
    heat = heatmap(dots).data[0]
    np.testing.assert_allclose(heat.z, [[1, 0, 0], [0, 1, 0]])
    assert list(heat.y) == ["beta", "alpha"]
    np.testing.assert_allclose(heatmap(dots, scale=False).data[0].z, [[5, 0, 1], [0, 4, 1]])


def test_violins_of_large_groups_are_thinned_by_quantiles(rng):
    values, groups = rng.normal(size=10_000), np.array(["big"] * 9_990 + ["few"] * 10)
    big, few = violin_figure(values, groups, gene="INS", most_cells=500).data
    assert (len(big.y), len(few.y)) == (500, 10)
    assert np.median(big.y) == pytest.approx(np.median(values[:9_990]), abs=0.01)


def test_volcano_sorts_genes_into_three_and_bears_p_of_zero():
    table = pd.DataFrame(
        {
            "gene": ["up", "down", "small", "unsure"],
            "log2_fold_change": [2.0, -3, 0.2, 4],
            "p_adjusted": [0.0, 1e-9, 1e-9, 0.5],
        }
    )
    figure = volcano(table)
    assert {trace.name: list(trace.customdata) for trace in figure.data} == {
        "not clear (2)": ["small", "unsure"], "higher (1)": ["up"], "lower (1)": ["down"],
    }  # fmt: skip
    assert all(np.isfinite(trace.y).all() for trace in figure.data)
    assert {note.text for note in figure.layout.annotations} == {"<i>up</i>", "<i>down</i>"}


def test_figures_are_json_and_no_text_is_small(cells, dots):
    coords, labels = cells
    figures = [
        embedding_figure(coords, color=labels, title="T"), dot_plot(dots), heatmap(dots), sankey_figure(labels, labels),
        confusion_figure(labels, labels), composition_bars(labels, labels), violin_figure(coords[:, 0], labels),
        theta_figure(pd.DataFrame({"theta": [0.0], "kta": [0.1]})), confidence_histogram(np.array([0.4])),
    ]  # fmt: skip

    def sizes(node):
        if isinstance(node, dict):
            yield from (node["size"] for key in node if key == "size" and "family" not in node and "symbol" not in node)
            for key, value in node.items():
                if key in (
                    "font",
                    "textfont",
                    "tickfont",
                    "layout",
                    "annotations",
                    "title",
                    "legend",
                    "xaxis",
                    "yaxis",
                ):
                    yield from sizes(value)
        elif isinstance(node, list):
            for item in node:
                yield from sizes(item)

    for figure in figures:
        layout = json.loads(figure.to_json())["layout"]
        layout.pop("template")
        found = list(sizes(layout))
        assert found
        assert min(found) >= 12


def test_alt_texts_are_sentences():
    text = alt_text("theta", n_points=11, best=0.5)
    assert text.endswith("In use: 0.5.")
    assert "1,234 cells" in alt_text("embedding", n_cells=1234, color="cluster")


@pytest.fixture
def prints(cells, dots, rng):
    coords, labels = cells
    points = pd.DataFrame({"theta": [0.0, 0.5, 1.0], "kta": [0.4, 0.6, 0.2]})
    return {
        "map": publication.embedding(coords, labels, title="Cells"),
        "gene": publication.embedding(coords, np.where(np.arange(200) < 3, np.nan, coords[:, 0]), color_title="INS"),
        "dots": publication.dot_plot(dots),
        "heat": publication.heatmap(dots),
        "violins": publication.violins(np.where(labels == "9", 0.0, coords[:, 0]), labels, gene="INS"),
        "theta": publication.theta_curve(points, best=0.5, baselines={"Target alone": 0.4}),
    }


def test_prints_are_files_of_their_kind_and_always_the_same(prints):
    for name, figure in prints.items():
        width, _ = Image.open(io.BytesIO(publication.to_bytes(figure, "png", dpi=60))).size
        assert width > 100
        if name not in ("map", "theta"):
            continue
        for file_format, start in (("svg", b"<?xml"), ("pdf", b"%PDF")):
            written = publication.to_bytes(figure, file_format, dpi=60)
            assert written.startswith(start)
            assert written == publication.to_bytes(figure, file_format, dpi=60)
    assert b"unassigned" in publication.to_bytes(prints["map"], "svg")  # text stays text


def test_prints_leave_pyplot_alone(prints):
    assert prints
    assert plt.get_fignums() == []


def test_prints_refuse_what_cannot_be(prints):
    with pytest.raises(ParameterError, match="gif"):
        publication.to_bytes(prints["map"], "gif")
    with pytest.raises(ParameterError, match="5 dpi"):
        publication.to_bytes(prints["map"], "png", dpi=5)


def test_the_printed_curve_names_its_score():
    points = pd.DataFrame({"theta": [0.0, 0.5], "kta": [0.6, 0.7]})
    figure = publication.theta_curve(points, y_title="Fit and steadiness")
    assert figure.axes[0].get_ylabel() == "Fit and steadiness"
