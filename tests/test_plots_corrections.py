"""Figures of corrections: what is drawn is what was given, before on the left."""

from __future__ import annotations

import numpy as np

from sctl import plots


def test_both_datasets_before_and_after(rng):
    source, target = rng.normal(size=(2, 30, 2)), rng.normal(size=(2, 20, 2))
    figure = plots.mixing_figure(list(source), list(target))
    for column, axis in ((0, "x"), (1, "x2")):
        panel = {trace.name: trace for trace in figure.data if trace.xaxis == axis}
        for name, coords in (("source", source), ("target", target)):
            np.testing.assert_array_equal(np.column_stack([panel[name].x, panel[name].y]), coords[column])
        assert panel["source"].marker.color != panel["target"].marker.color
    assert [trace.name for trace in figure.data if trace.showlegend] == ["source", "target"]
    assert [note.text for note in figure.layout.annotations] == ["Before", "After"]


def test_two_genes_on_the_same_axes():
    values = [[[0.0, 0.0], [1.0, 2.0]], [[0.4, 0.5], [0.9, 1.8]]]
    figure = plots.gene_pair_figure(values, ("INS", "GCG"))
    assert [list(trace.x) for trace in figure.data] == [[0.0, 1.0], [0.4, 0.9]]
    assert figure.layout.xaxis.title.text == "INS"
    assert figure.layout.yaxis.title.text == "GCG"
    assert figure.layout.xaxis2.matches == "x"
    assert figure.layout.yaxis2.matches == "y"


def test_texts_for_those_who_do_not_see_them():
    assert "Before, 4% of a cell's neighbours" in plots.alt_text("mixing", n_cells=100, before="4%", after="41%")
    assert "INS against GCG in 1,000 cells" in plots.alt_text("gene_pair", first="INS", second="GCG", n_cells=1000)


def test_kept_and_left_out_cells_are_counted_and_thinned():
    n_genes = np.concatenate([np.zeros(10), np.full(5000, 800.0)])
    figure = plots.kept_figure(n_genes, n_genes * 3, n_genes > 0)
    left_out, kept = figure.data
    assert (left_out.name, kept.name) == ("left out (10)", "kept (5,000)")
    assert (len(left_out.x), len(kept.x)) == (10, 3000)
    assert min(left_out.x) == min(left_out.y) == 1
    assert set(kept.y) == {800.0}
