import numpy as np
import pytest
from scipy import sparse

from sctl.qc.values import log_base, shown_log, stored, value_kind


@pytest.fixture
def counts():
    rng = np.random.default_rng(0)
    return rng.poisson(rng.gamma(0.3, 4, size=300), size=(60, 300)).astype(np.float64)


def normalized(counts, total=1e4):
    return counts / counts.sum(1, keepdims=True) * total


FORMS = [np.asarray, sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix, sparse.lil_matrix, sparse.csr_array]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_counts_in_any_form_and_dtype(counts, form, dtype):
    assert value_kind(form(counts.astype(dtype))) == "counts"


@pytest.mark.parametrize("form", FORMS)
def test_other_kinds_in_any_form(counts, form):
    cp10k = normalized(counts)
    assert value_kind(form(cp10k)) == "linear"
    assert value_kind(form(np.log1p(cp10k))) == "log"
    assert value_kind(form(cp10k - cp10k.mean(0))) == "scaled"


def test_fractions_with_equal_sums_are_linear_although_small(counts):
    assert value_kind(normalized(counts, 1.0)) == "linear"


def test_values_that_are_not_finite_do_not_decide(counts):
    counts[0, 0], counts[1, 1] = np.nan, np.inf
    assert value_kind(counts) == "counts"


def test_an_empty_or_zero_matrix_is_counts():
    assert value_kind(np.zeros((3, 4))) == "counts"
    assert value_kind(sparse.csr_matrix((0, 4))) == "counts"


def test_one_negative_among_many_is_seen():
    X = sparse.random(3000, 1500, density=0.4, format="csr", random_state=0)
    X.data[:] = 1
    X.data[1234567] = -1
    assert value_kind(X) == "scaled"


@pytest.mark.parametrize(("name", "number"), [("e", np.e), ("2", 2.0), ("10", 10.0)])
@pytest.mark.parametrize("kept", [slice(None), slice(None, None, 3)], ids=["all genes", "a third of the genes"])
@pytest.mark.parametrize("total", [1e4, 1e6])
def test_the_base_is_found(counts, name, number, kept, total):
    logs = (np.log1p(normalized(counts, total)) / np.log(number)).astype(np.float32)[:, kept]
    assert log_base(sparse.csr_matrix(logs)) == name


def test_the_base_of_log_counts_is_found(counts):
    assert log_base(np.log2(1 + counts)) == "2"


def test_where_nothing_decides_the_base_is_e_unless_values_are_too_large():
    rng = np.random.default_rng(1)
    values = np.minimum(rng.gamma(2, 1.5, size=(50, 40)), 10)
    assert log_base(values) == "e"
    values[0, 0] = 16
    assert log_base(values) == "2"
    assert log_base(np.zeros((4, 4))) == "e"


def shallow(counts):
    """Counts of which none is above 18, in cells of unequal depth."""
    return np.minimum(counts, 18)


@pytest.mark.parametrize("share", [0.3, 1.0], ids=["some corrected, as by alevin", "all corrected, as by SoupX"])
@pytest.mark.parametrize("low", [0.2, 0.8])
def test_corrected_counts_are_no_logarithms(counts, share, low):
    rng = np.random.default_rng(2)
    factor = np.where(rng.random(counts.shape) < share, rng.uniform(low, 1, counts.shape), 1)
    assert value_kind(sparse.csr_matrix((shallow(counts) * factor).astype(np.float32))) == "linear"


@pytest.mark.parametrize("total", [1.0, 100.0, 400.0])
def test_multiples_of_one_number_in_a_cell_are_no_logarithms(counts, total):
    values = normalized(counts, total)[:, 1::3]  # no equal sums
    values[values > 20] = 0
    assert value_kind(values.astype(np.float32)) == "linear"


@pytest.mark.parametrize("number", [np.e, 2.0])
@pytest.mark.parametrize("total", [1e4, 1e6])
def test_log_values_with_lengths_of_genes_stay_logarithms_and_are_not_sure(counts, number, total):
    lengths = np.random.default_rng(3).uniform(0.2, 5, counts.shape[1])
    logs = (np.log1p(normalized(counts / lengths, total)) / np.log(number))[:, ::3]
    assert value_kind(logs) == "log"
    assert shown_log(logs) is None
    assert shown_log(np.log1p(normalized(counts, total))[:, ::3] / np.log(number)) == ("e" if number > 2 else "2")


def test_nothing_is_changed(counts):
    X = sparse.csr_matrix(np.log1p(counts))
    before = X.copy()
    value_kind(X)
    log_base(X)
    assert (before != X).nnz == 0
    assert stored(X) is X.data
