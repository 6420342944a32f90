"""Self-tests, by a method whose answers are known by hand, and once by the real one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import anndata as ad
import numpy as np
import pandas as pd
import pytest

from sctl.data import UNASSIGNED, TransferResult
from sctl.methods.base import TransferMethod
from sctl.methods.scarches import ScArches
from sctl.methods.scarches.self_test import SelfTest, hide_datasets, hide_genes, hide_types, self_test
from sctl.run import Run


@dataclass(kw_only=True)
class NearestMean(TransferMethod):
    """The type whose mean is nearest; unassigned if it is farther than 5."""

    key: ClassVar[str] = "nearestmean"
    title: ClassVar[str] = "NearestMean"

    def fit(self, source, label_key, run):
        labels = source.obs[label_key].astype(str)
        self.names_ = tuple(sorted(set(labels)))
        self.means_ = pd.DataFrame(source.X, columns=source.var_names).groupby(labels.to_numpy()).mean()
        return self

    def transfer(self, target, run):
        assert "type" not in target.obs  # the truth is kept from the method
        means = self.means_[list(target.var_names)].to_numpy()
        distance = np.sqrt(((target.X[:, None] - means[None]) ** 2).sum(-1))
        near = distance.min(axis=1) < 5
        proba = np.eye(len(means))[distance.argmin(axis=1)] * np.where(near, 1.0, 0.4)[:, None]
        labels = np.where(near, np.array(self.names_, dtype=object)[distance.argmin(axis=1)], UNASSIGNED)
        nothing = {"params": {}, "seed": 0, "version": "0", "embedding": target.X}
        return TransferResult(
            method=self.key, obs_names=target.obs_names, clusters=distance.argmin(axis=1), cluster_names=self.names_,
            proba=proba, labels=labels, label_names=self.names_, label_proba=proba, confidence=proba.max(1), **nothing,
        )  # fmt: skip


@pytest.fixture
def source(rng) -> ad.AnnData:
    """Types a and b are 3 apart, c is 30 away; dataset 2 lacks c."""
    types = np.repeat(["a", "b", "c"], 40)
    centres = {"a": [0.0, 0.0], "b": [3.0, 0.0], "c": [0.0, 30.0]}
    X = np.array([centres[name] for name in types]) + 0.1 * rng.normal(size=(120, 2))
    batches = np.where(types == "c", "1", np.tile(["1", "2"], 60))
    obs = pd.DataFrame({"type": types, "donor": batches}, index=[f"cell {i}" for i in range(120)])
    return ad.AnnData(X, obs=obs, var=pd.DataFrame(index=["x", "y"]))


def test_hidden_types(source):
    rows = {row.type: row for row in hide_types(NearestMean(), source, "type", Run())}
    assert set(rows) == {"a", "b", "c"}
    assert (rows["c"].flagged, rows["c"].taken_for, rows["c"].auroc) == (1.0, "", 1.0)
    assert (rows["a"].flagged, rows["a"].taken_for, rows["a"].auroc) == (0.0, "b", 0.5)
    assert all(row.n_cells == 40 and row.known_kept == 1.0 for row in rows.values())


def test_hidden_datasets_are_judged_by_types_that_the_others_have(source):
    rows = {row.dataset: row for row in hide_datasets(NearestMean(), source, "type", "donor", run=Run())}
    assert rows["1"].n_cells == 40
    assert rows["2"].n_cells == 40
    for row in rows.values():
        assert (row.accuracy, row.called, row.accuracy_called) == (1.0, 1.0, 1.0)


def test_missing_genes_cost_accuracy(source):
    rows = hide_genes(NearestMean(), source, "type", Run(), shares=(0.0, 0.5))
    assert [row.missing for row in rows] == [0.0, 0.5]
    assert rows[0].accuracy == 1.0
    assert rows[1].accuracy < 1.0  # either gene alone leaves two types alike


def test_tables_and_the_original(source):
    method, before = NearestMean(), source.copy()
    test = self_test(method, source, "type", Run(), batch_key="donor")
    assert isinstance(test, SelfTest)
    tables = test.to_dict()
    assert list(tables) == ["types", "datasets", "genes"]
    assert tables["types"]["type"] == ["a", "b", "c"]
    assert self_test(method, source, "type", Run()).to_dict()["datasets"] == {}
    assert not hasattr(method, "means_")
    pd.testing.assert_frame_equal(source.obs, before.obs)


def test_two_types_cannot_be_hidden(source):
    assert hide_types(NearestMean(), source[:80].copy(), "type", Run()) == ()


def test_scarches_carries_its_test(pair):
    method = ScArches(epochs=2, surgery_epochs=0, batch_key="donor").fit(pair.source, "cell_type", Run())
    tested = method.tested(pair.source, "cell_type", Run())
    assert not hasattr(method, "self_test_")
    assert len(tested.self_test_["types"]["flagged"]) == 4
    assert len(tested.self_test_["datasets"]["accuracy"]) == 2
    assert tested.state()[1]["self_test"] == tested.self_test_
