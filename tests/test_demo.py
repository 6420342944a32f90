from __future__ import annotations

import time
from importlib.resources import files

import numpy as np
from scipy import sparse

from sctl.data.demo import load_demo
from sctl.preprocess import prepare_pair
from sctl.qc.values import value_kind


def test_the_demo_is_a_pair_of_raw_counts():
    demo = load_demo()
    for adata in (demo.source, demo.target):
        assert isinstance(adata.X, sparse.csr_matrix)
        assert adata.X.dtype == np.float32
        assert value_kind(adata.X) == "counts"
        assert adata.obs_names.is_unique
        assert adata.var_names.is_unique
    prepared = prepare_pair(demo.source, demo.target, label_key=demo.label_key)
    assert prepared.report.losses == ()
    assert prepared.report.n_shared == 1959


def test_the_truth_is_kept_aside_in_the_source_s_words():
    demo = load_demo()
    assert demo.label_key not in demo.target.obs
    assert demo.truth.index.equals(demo.target.obs_names)
    assert set(demo.truth) <= set(demo.source.obs[demo.label_key])
    assert demo.truth.value_counts()["alpha"] == 329


def test_it_may_be_changed():
    load_demo().source.X.data[:] = 0
    assert load_demo().source.X.data.min() == 1


def test_it_is_small_and_loads_fast():
    folder = files("sctl") / "resources" / "demo"
    assert sum(len(path.read_bytes()) for path in folder.iterdir()) < 6_000_000
    start = time.process_time()
    load_demo()
    assert time.process_time() - start < 1  # measured: 0.3 s


def test_the_deposits_are_named():
    readme = (files("sctl") / "resources" / "demo" / "README.md").read_text(encoding="utf-8")
    for name in ("GSE84133", "E-MTAB-5061", "10.1016/j.cels.2016.08.011", "10.1016/j.cmet.2016.08.020"):
        assert name in readme
        assert name in load_demo().citation
