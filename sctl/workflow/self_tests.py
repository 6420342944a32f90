"""How well a reference knows what it knows, test by test, and the answer as part of a saved reference."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sctl.workflow.batches import SETTING, with_batches

# Imported where they are used, for the sake of a quick start.
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sctl.data import Pair
    from sctl.methods.base import TransferMethod
    from sctl.methods.scarches.self_test import Part


def tests_itself(method: type[TransferMethod] | TransferMethod) -> bool:
    """Return whether a method learns a reference that can be tested.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> tests_itself(get_method("scarches")), tests_itself(get_method("targetcluster"))
    (True, False)
    """
    from sctl.methods.base import SelfTests, has_capability  # noqa: PLC0415

    return has_capability(method, SelfTests)


def self_tests(pair: Pair, method: TransferMethod) -> tuple[Part, ...]:
    """Return the tests of the reference that a method learns from a pair's source.

    Raises
    ------
    DataError
        If the source has no labels, or is a trained one, whose cells are not there.
    """
    from sctl.errors import DataError  # noqa: PLC0415
    from sctl.methods.scarches.self_test import parts  # noqa: PLC0415

    if pair.label_key is None or pair.profiles_only:
        raise DataError(
            "The reference cannot be tested here.",
            expected="Its cells and their types are needed, to hide some of them.",
            do="Test it in the project in which it was learned.",
        )
    method = with_batches(pair, method).with_settings()
    return parts(method, pair.source, pair.label_key, batch_key=method.params.get(SETTING))


def keep_self_test(path: Path, found: Mapping[str, Any]) -> None:
    """Write the answer of all tests into the file of a trained source, which goes on to others."""
    from sctl.sharing import load_trained  # noqa: PLC0415
    from sctl.workflow.extend import save_grown  # noqa: PLC0415

    trained = load_trained(path)
    method: Any = trained.method
    method.self_test_ = dict(found)
    save_grown(trained, path)
