from __future__ import annotations

import inspect
import pickle

import pytest

from sctl import errors
from sctl.errors import Cancelled, DataError, NotFittedError, ParameterError, SctlError, SctlWarning


def test_a_message_says_found_expected_and_do():
    error = DataError("Found.", expected="Expected.", do="Do.")
    assert (error.found, error.expected, error.do) == ("Found.", "Expected.", "Do.")
    assert str(error) == "Found. Expected. Do."
    assert str(SctlError("Found.", do="Do.")) == "Found. Do."


def test_errors_keep_their_built_in_parents():
    assert issubclass(DataError, ValueError)
    assert issubclass(ParameterError, ValueError)
    assert issubclass(NotFittedError, AttributeError)
    assert not issubclass(Cancelled, ValueError)


def test_every_exception_is_of_the_tree():
    classes = [item for _, item in inspect.getmembers(errors, inspect.isclass) if item.__module__ == errors.__name__]
    assert len(classes) >= 8
    for item in classes:
        assert issubclass(item, (SctlError, SctlWarning))
        assert item.__doc__


@pytest.mark.parametrize("error", [DataError("a", expected="b", do="c"), Cancelled()])
def test_errors_cross_process_borders(error: SctlError):
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert (again.found, again.expected, again.do) == (error.found, error.expected, error.do)
