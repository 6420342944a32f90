"""What an analysis on demand is: what it takes, what it computes, and how its result is written.

Every analysis is declared once, by an :class:`Analysis` called ``ANALYSIS`` in a module of this package. Its job, its
place on disk and its title follow from that; see ``docs/adding_an_analysis.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypedDict

# Named in annotations only: the registry of jobs is read before numpy may be loaded.
if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from sctl.data import Pair, TransferResult
    from sctl.genesets import GeneSets
    from sctl.methods.base import TransferMethod
    from sctl.run import Run

Setting = Literal["seed", "truth"]
"""Settings of a project on which a result may depend besides those of the step that it lies beside."""


class Inputs(TypedDict, total=False):
    """The values that an analysis may take; it gets those that it names in :attr:`Analysis.inputs`."""

    pair: Pair
    """The prepared datasets."""
    method: TransferMethod
    """With its settings; not fitted, unless the source is a trained one."""
    fitted: TransferMethod
    """With what it learned where that was kept, else as ``method``."""
    result: TransferResult
    """At the chosen θ."""
    theta: float | None
    """θ as it was set by hand; None where the method chooses it."""
    truth: pd.Series | None
    """True type by target cell, where it is known."""
    gene_sets: GeneSets | None
    """Those named by ``sets`` of the parameters; None for the bundled ones."""
    latent: Mapping[str, np.ndarray[Any, Any]] | None
    """``points`` and ``types`` of the reference in the space of the method; None where there is none, or no result yet."""
    journal: Path
    """The file of an analysis that writes its own journal."""
    done: tuple[Any, ...]
    """Parts that are finished, of an analysis that yields parts."""


@dataclass(frozen=True, kw_only=True)
class Params:
    """Parameters of an analysis; this class has none, others add fields of JSON values."""

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` gave; fields that are missing get their defaults.

        Raises
        ------
        TypeError, ValueError, KeyError, ParameterError
            If these are no parameters of the analysis.
        """
        return cls(**value)

    def to_dict(self) -> dict[str, Any]:
        """Return the parameters as JSON values."""
        return asdict(self)

    def identity(self) -> dict[str, Any]:
        """Return the parameters that tell one result from another: by default all."""
        return self.to_dict()

    def settings(self) -> tuple[Setting, ...]:
        """Return the further settings of the project on which the result depends."""
        return ()


@dataclass(frozen=True)
class Columns:
    """Columns that a stored table must have: of text and of numbers, and its fewest rows."""

    texts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    least: int = 0


@dataclass(frozen=True, kw_only=True)
class Document:
    """A result in the form in which it lies on disk.

    Parameters
    ----------
    facts : mapping
        JSON values.
    tables : mapping of str to DataFrame
        Written without their index; their columns are declared in :attr:`Whole.columns`.
    arrays : mapping of str to ndarray
    result : TransferResult, optional
    """

    facts: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    arrays: Mapping[str, np.ndarray[Any, Any]] = field(default_factory=dict)
    result: TransferResult | None = None


@dataclass(frozen=True, kw_only=True)
class Whole:
    """A result that is written at once.

    Parameters
    ----------
    pack : callable
        Value to :class:`Document`.
    unpack : callable
        Document and parameters to value; raises ``KeyError``, ``TypeError`` or ``ValueError`` where they do not fit.
    columns : mapping of str to Columns
        Of each table that a document may have.
    """

    pack: Callable[[Any], Document]
    unpack: Callable[[Document, Any], Any]
    columns: Mapping[str, Columns] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Parts(Whole):
    """A result of parts, each written as soon as it is known.

    Parameters
    ----------
    key : callable
        Part to the name of its files: letters, digits and ``_``. Parts are read in the order of these names.
    """

    key: Callable[[Any], str]


@dataclass(frozen=True, kw_only=True)
class Journal:
    """A result of many small parts: a line of JSON each, appended as soon as it is known.

    Parameters
    ----------
    pack : callable
        Part to a mapping of JSON values.
    unpack : callable
        The mapping to the part; raises ``KeyError``, ``TypeError`` or ``ValueError`` where it is none.
    """

    pack: Callable[[Any], Mapping[str, Any]]
    unpack: Callable[[Mapping[str, Any]], Any]


@dataclass(frozen=True, kw_only=True)
class OwnJournal:
    """A journal that the analysis itself writes and goes on from, in ``inputs["journal"]``.

    Parameters
    ----------
    read : callable
        Path to what is known so far, None where that is nothing; raises ``DataError`` where the file is damaged.
    mend : callable
        Cuts a damaged file to what can be gone on from; for the one process that writes it.
    """

    read: Callable[[Path], Any]
    mend: Callable[[Path], None]


Form = Whole | Parts | Journal | OwnJournal


@dataclass(frozen=True, kw_only=True)
class Analysis:
    """An analysis on demand.

    Parameters
    ----------
    name : str
        Of its folder among the results, and of its job; lower case.
    title : str
        What it is called while it runs, as a plain phrase.
    after : str
        The step of :data:`sctl.workflow.STEPS` beside whose result it lies; its job computes that first.
    inputs : tuple of str
        Keys of :class:`Inputs`.
    params : type of Params
    run : callable
        ``run(inputs, params, run)`` returns the result, or yields its parts; None means that there is none.
    form : Form
    weight : float
        Duration relative to preparing the data; it only shapes the bar.
    follows : str
        Kind of the job at whose end it runs; empty where it has a job of its own.
    order : int
        Place among analyses that follow the same job.
    seeded : bool
        Whether the run has the seed of the project; else it has seed 0.
    """

    name: str
    title: str
    after: str
    inputs: tuple[str, ...]
    run: Callable[[Inputs, Any, Run], Any | Iterator[Any] | None]
    form: Form
    weight: float
    params: type[Params] = Params
    follows: str = ""
    order: int = 0
    seeded: bool = True
