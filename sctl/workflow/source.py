"""What a source is worth for a target, before anything is clustered; and what to do where nobody labelled it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, Self

from sctl.data import CanonicalOrder, Pair
from sctl.errors import ParameterError
from sctl.methods import get_method
from sctl.methods.base import TransferMethod, learned
from sctl.methods.transfercluster.base import ConsensusMethod
from sctl.methods.transfercluster.transferability import Transferability
from sctl.methods.transfercluster.transferability import transferability as measured
from sctl.run import Run
from sctl.workflow.settings import DEFAULT_METHOD, method_of

TransferabilityGrade = Literal["good", "partial", "little", "none"]

GOOD, PARTIAL = 0.5, 0.35
"""Scores from which a source counts as good, and as partly good; measured in docs/decisions/0024."""

SURE = 0.05
"""Above this p-value a source counts as no better than one whose genes are shuffled."""


def transferability_grade(score: float, p_value: float, n_shuffled: int = 0) -> TransferabilityGrade:
    """Return in one word of what use a source is.

    Parameters
    ----------
    score, p_value : float
        See :class:`~sctl.methods.transfercluster.transferability.Transferability`.
    n_shuffled : int
        How many shuffled sources it was compared with; of few, p cannot come below ``1 / (n_shuffled + 1)``, which
        must not be held against a source that is better than all of them.

    Examples
    --------
    >>> (
    ...     transferability_grade(0.6, 0.1),
    ...     transferability_grade(0.6, 0.1, n_shuffled=9),
    ...     transferability_grade(0.6, 0.2, n_shuffled=9),
    ... )
    ('none', 'good', 'none')
    """
    smallest = 1 / (n_shuffled + 1) if n_shuffled else 0.0
    if p_value > max(SURE, smallest):
        return "none"
    return "good" if score >= GOOD else "partial" if score >= PARTIAL else "little"


@dataclass(frozen=True)
class SourceCheck:
    """What is known of a source before anything is clustered.

    Parameters
    ----------
    score, p_value : float
        See :class:`~sctl.methods.transfercluster.transferability.Transferability`; in [0, 1] and (0, 1].
    null_scores : tuple of float
        The score of each source with shuffled genes.
    n_types : int
        Types of the source, known or found.
    tried : tuple of int
        Numbers of groups that were compared in a source without labels; empty where there are labels.
    errors : tuple of float
        Share of the cells' squared length that is left unexplained with each number in ``tried``.
    suggested : int
        The number at the knee of ``errors``; 0 where there are labels.
    why_not : str
        Why nothing could be measured; empty where it was.
    """

    score: float = 0.0
    p_value: float = 1.0
    null_scores: tuple[float, ...] = ()
    n_types: int = 0
    tried: tuple[int, ...] = ()
    errors: tuple[float, ...] = ()
    suggested: int = 0
    why_not: str = ""

    @property
    def grade(self) -> TransferabilityGrade:
        """Return in one word of what use the source is.

        Examples
        --------
        >>> SourceCheck(score=0.6, p_value=0.01).grade, SourceCheck(score=0.6, p_value=0.2).grade
        ('good', 'none')
        """
        return transferability_grade(self.score, self.p_value, len(self.null_scores))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values that JSON takes."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` gave, also after it was JSON."""
        plain: dict[str, Any] = {k: tuple(value) if isinstance(value, list) else value for k, value in values.items()}
        return cls(**plain)


def without_labels(method: type[TransferMethod], label_key: str | None) -> dict[str, Any]:
    """Return the settings a method must have where the source has no labels; empty where it has, or none help.

    Examples
    --------
    >>> from sctl.methods import get_method
    >>> without_labels(get_method("transfercluster"), None)
    {'source_types': 'found'}
    >>> without_labels(get_method("transfercluster"), "cell_type")
    {}
    """
    return {} if label_key is not None else dict(method.without_labels)


def usual_method(label_key: str | None) -> TransferMethod:
    """Return the recommended method with its defaults; with found groups where the source has no labels."""
    return method_of({"params": without_labels(get_method(DEFAULT_METHOD), label_key)})


def check_source(pair: Pair, method: TransferMethod, run: Run, *, n_permutations: int = 99) -> SourceCheck:
    """Tell of what use a source is for a target, and how many groups it has where it has no labels.

    Parameters
    ----------
    pair : Pair
    method : TransferMethod
        One that learns profiles of types.
    run : Run
    n_permutations : int
        Sources with shuffled genes to compare with.

    Returns
    -------
    SourceCheck

    Raises
    ------
    DataError, ParameterError
        If the method learns no profiles, or cannot learn from this source.
    """
    found, fitted = _measured(pair, method, run, n_permutations)
    groups = getattr(fitted, "source_groups_", None)
    return SourceCheck(
        score=found.score,
        p_value=found.p_value,
        null_scores=found.null_scores,
        n_types=len(fitted.label_names_),
        tried=groups.tried if groups else (),
        errors=groups.errors if groups else (),
        suggested=groups.chosen if groups else 0,
    )


def transferability(pair: Pair, method: TransferMethod, run: Run, *, n_permutations: int = 99) -> Transferability:
    """Measure of what use a source is for a target; see :func:`check_source`, which puts it into a word.

    Returns
    -------
    Transferability
    """
    return _measured(pair, method, run, n_permutations)[0]


def with_found_groups(pair: Pair, method: TransferMethod, run: Run) -> Pair:
    """Return a pair whose source types are the groups that a method finds; as it is where it finds none, or did."""
    if method.requires_labels or method.is_pretrained_ or pair.label_key == _FOUND:
        return pair
    order = CanonicalOrder.of(pair.source)
    fitted: Any = method.fit(order.applied(pair.source), pair.label_key, run)
    groups = getattr(fitted, "source_groups_", None)
    if groups is None:
        return pair
    source = pair.source.copy()
    source.obs[_FOUND] = [fitted.label_names_[code] for code in groups.codes[order.back]]
    return replace(pair, source=source, label_key=_FOUND)


_FOUND = "sctl_found_group"


def _measured(pair: Pair, method: TransferMethod, run: Run, n_permutations: int) -> tuple[Transferability, Any]:
    """Fit a method, and compare its profiles with shuffled ones."""
    if not isinstance(method, ConsensusMethod):
        raise ParameterError(
            f"{method.title} learns no profiles of source types.",
            expected="The use of a source is measured by how well its profiles rebuild the target.",
            do="Choose TransferCluster.",
        )
    fitted = learned(pair, method, run)
    expression = pair.target[:, fitted.var_names_].X
    return measured(expression, fitted.dictionary_, n_permutations=n_permutations, run=run), fitted
