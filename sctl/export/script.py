"""How to repeat an analysis, and how to describe it in a paper."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sctl.data import UNASSIGNED, TransferResult
from sctl.export.edits import LabelEdits
from sctl.methods import METHODS
from sctl.preprocess import PreprocessParams, RoleParams
from sctl.qc import Thresholds
from sctl.workflow import DEFAULT_METHOD

_ROLES = ("source", "target")
_CITATIONS = {
    "umap": "McInnes et al. (2018), UMAP: uniform manifold approximation and projection, arXiv:1802.03426",
    "tsne": "Poličar et al. (2024), openTSNE, Journal of Statistical Software 109(3)",
    "markers": "Soneson & Robinson (2018), Bias, robustness and scalability in single-cell differential expression analysis, Nature Methods 15:255",
    "magic": "van Dijk et al. (2018), Recovering gene interactions from single-cell data using data diffusion, Cell 174:716",
    "combat": "Johnson et al. (2007), Adjusting batch effects in microarray expression data using empirical Bayes methods, Biostatistics 8:118",
    "h5ad": "Virshup et al. (2024), anndata: access and store annotated data matrices, JOSS 9(101):4371",
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """All that must be known to repeat an analysis.

    Parameters
    ----------
    source, target : str
        What the user knows them by: the name of a file, or a few words.
    files : mapping of {"source", "target"} to sequence of str
        The names of the files of a side that has several.
    label_key, batch_key : str or None
        Columns of the source.
    method : str
        Key of the method.
    params : mapping
        Its hyper-parameters.
    theta : float or None
        The strength of transfer chosen by hand; None where the method chose it, or has none.
    preprocess : mapping
        As ``PreprocessParams.to_dict`` gives it; what is absent has its default.
    seed : int
    demo : frozenset of {"source", "target"}
        Sides that are the bundled demo's, which are no files.
    all_genes : frozenset of {"source", "target"}
        Sides of several datasets that keep the genes of any, not of all.
    simulated : mapping of {"source", "target"} to mapping
        Sides that were simulated, which are no files either; as ``sctl.simulate.Simulation.to_dict`` gives them.
    trained : mapping, optional
        The hyper-parameters that were settled when the source was trained, where it is the file of a trained one.
    changes : sequence of mapping
        What was done to the sides by hand before anything was computed, in order: ``{"fix": {...}}`` for a repair, as
        the fields of :class:`sctl.preflight.Fix`, and ``{"labels": name}`` for a table of cell types of the source.
    edits : LabelEdits
        Names that the user gave to cells afterwards.
    """

    source: str
    target: str
    label_key: str | None
    batch_key: str | None = None
    method: str = DEFAULT_METHOD
    params: Mapping[str, Any] = field(default_factory=dict)
    theta: float | None = None
    preprocess: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    demo: frozenset[str] = frozenset()
    all_genes: frozenset[str] = frozenset()
    simulated: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    trained: Mapping[str, Any] | None = None
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    changes: Sequence[Mapping[str, Any]] = ()
    edits: LabelEdits = field(default_factory=LabelEdits)

    @property
    def repairs(self) -> list[Mapping[str, Any]]:
        """The repairs among the changes, in order."""
        return [change["fix"] for change in self.changes if "fix" in change]

    @property
    def tables(self) -> list[str]:
        """The tables of cell types among the changes, in order."""
        return [change["labels"] for change in self.changes if "labels" in change]

    @property
    def free_params(self) -> Mapping[str, Any]:
        """The hyper-parameters without those that a trained source settles."""
        settled = self.trained or {}
        return {name: value for name, value in self.params.items() if name not in settled}


def script_for(recipe: Recipe) -> str:
    """Return a Python script that repeats the analysis; it runs where sctl is installed.

    Parameters
    ----------
    recipe : Recipe

    Returns
    -------
    str
        All names from outside are written as Python literals, so none of them can add code.
    """
    trained = recipe.trained is not None
    source = "with a source that was trained before" if trained else "with the help of a source"
    place = f"MODEL = {recipe.source!r}" if trained else f"SOURCE = {_place(recipe, 'source')}"
    return f'''"""Repeat an analysis made with sctl: label the cells of a target {source}.

{_indented(shell_words(recipe))}
"""

{_imports(recipe)}

{place}
TARGET = {_place(recipe, "target")}
OUT = "result.h5ad"
PREPROCESS = {_literal(recipe.preprocess)}
PARAMS = {_literal(recipe.free_params)}
THETA = {recipe.theta!r}  # None: chosen by the method
{_by_hand(recipe)}
run = sctl.Run(seed={recipe.seed!r})
given = {_reading(recipe, "target")}
{_trained_source(recipe) if trained else _two_datasets(recipe)}
out = sctl.annotated(given, [*repairs, *applied], target, result)
{_FINAL if _is_edited(recipe) else ""}for note in write_h5ad(out, OUT):
    print(note)
'''


def _two_datasets(recipe: Recipe) -> str:
    """Return the code that computes a result from two datasets."""
    return f"""source, target = {_reading(recipe, "source")}, given
{_changing(recipe)}
prepared = sctl.prepare_pair(
    source,
    target,
    sctl.PreprocessParams.from_dict(PREPROCESS),
    label_key={recipe.label_key!r},
    batch_key={recipe.batch_key!r},
    run=run,
)
target, applied = prepared.target, prepared.repairs
method = sctl.get_method({recipe.method!r})(**PARAMS)
result = sctl.transfer(prepared.pair, method, run, theta=THETA)"""


def _trained_source(recipe: Recipe) -> str:
    """Return the code that computes a result from a source that was trained before."""
    return f"""source, target = load_trained(MODEL).profile_source(), given
{_changing(recipe)}
trained, target, applied = workflow.match_genes(load_trained(MODEL), target)
prepared = workflow.prepare_trained(trained, target, PREPROCESS, run)
result = sctl.transfer(prepared.pair, trained.configured(PARAMS), run, theta=THETA)"""


_FINAL = """final = edited(result, LabelEdits(renamed=RENAMED, named=NAMED))
out = with_final_labels(out, final)
"""


def shell_words(recipe: Recipe) -> str:
    """Return the command of an analysis with a sentence on what it does not repeat."""
    beside = left_out(recipe)
    lacking = f"It does not repeat: {'; '.join(beside)}." if beside else "It repeats all of it."
    return f"The same from the shell. {lacking}{COMMAND}{command_for(recipe)}"


COMMAND = "\n\n    "
"""What stands before the command of an analysis, where words lead to it."""


def command_for(recipe: Recipe) -> str:
    """Return the ``sctl run`` command of an analysis, quoted for a POSIX shell; one line.

    What it cannot repeat is said by :func:`left_out`. Sides of the demo and simulated ones are written to files first.
    """
    made = {role: call for role in _ROLES if (call := _made(recipe, role))}
    names = {role: [_file_of_made(recipe, role)] if role in made else _files(recipe, role) for role in _ROLES}
    words = [
        "sctl",
        "run",
        "--source" if recipe.trained is None else "--model",
        *names["source"],
        "--target",
        *names["target"],
        "--out",
        "result.h5ad",
    ]
    words += _learning_words(recipe) if recipe.trained is None else []
    words += [word for role in _ROLES if role in recipe.all_genes for word in (f"--{role}-genes", "union")]
    words += ["--theta", str(recipe.theta)] if recipe.theta is not None else []
    words += ["--seed", str(recipe.seed)]
    words += _preprocess_words(recipe.preprocess) if recipe.trained is None else []
    words += _filter_words(recipe)[0]
    words += [word for name in recipe.tables[:1] for word in ("--labels", name)]
    words += ["--fix"] if any(fix["code"] in _WITH_FIX for fix in recipe.repairs) else []
    for name, value in recipe.free_params.items():
        shown = value if isinstance(value, str) else json.dumps(_plain(value))
        words += ["--param", f"{name}={shown}"]
    if not made:
        return shlex.join(words)
    written = [f'{call}.write_h5ad("{_file_of_made(recipe, role)}")' for role, call in made.items()]
    return shlex.join(["python", "-c", "; ".join([*_needed(recipe), *written])]) + " && " + shlex.join(words)


def _learning_words(recipe: Recipe) -> list[str]:
    """Return the options that say what is learned from the source, and how."""
    keys = (("--label-key", recipe.label_key), ("--batch-key", recipe.batch_key))
    words = [word for flag, value in keys if value is not None for word in (flag, value)]
    return [*words, "--method", recipe.method]


def methods_paragraph(
    result: TransferResult,
    *,
    recipe: Recipe | None = None,
    title: str = "",
    reference: str = "",
    with_tsne: bool = False,
) -> str:
    """Return a paragraph for the methods section of a paper, with its references.

    Parameters
    ----------
    result : TransferResult
    recipe : Recipe, optional
        Adds names of files and the normalisation.
    title : str
        What the method is called in print; by default its key.
    reference : str
        Of the method; by default what it declares, where it is installed.
    with_tsne : bool
        Whether the map shown is a t-SNE rather than a UMAP.

    Returns
    -------
    str
        Plain text.
    """
    assigned = int((result.labels.astype(str) != UNASSIGNED).sum())
    curve = result.diagnostics.theta
    theta = result.params.get("theta", None if curve is None else curve.theta)
    settings = {"seed": result.seed, **({} if theta is None else {"θ": theta})}
    setting_text = ", ".join(f"{name} = {value}" for name, value in settings.items())
    files = f" ({recipe.target}, with {recipe.source} as the source)" if recipe else ""
    normalized = ""
    if recipe and (scale := recipe.preprocess.get("normalize_to", 10_000.0)) is not None:
        normalized = f"Expression was normalised to {scale:,.0f} per cell over the genes shared by both datasets and log-transformed. "
    corrections = _corrections(recipe.preprocess) if recipe else {}
    known = ["tsne" if with_tsne else "umap", *corrections, "markers", "h5ad"]
    cited = [*_own_citations(result.method, reference), *(_CITATIONS[key] for key in known)]
    map_name = "t-SNE" if with_tsne else "UMAP"
    return (
        f"{result.n_obs:,} target cells{files} were clustered and annotated with sctl {result.version}, method "
        f"{title or result.method} ({setting_text}). {normalized}{''.join(corrections.values())}"
        f"{len(np.unique(result.clusters[result.clusters >= 0]))} clusters were found; {assigned:,} cells "
        f"({assigned / max(1, result.n_obs):.1%}) were given one of {len(result.label_names)} source types. "
        f"Cells are shown by {map_name} of their principal components. Marker genes were ranked by two-sided Wilcoxon "
        "rank-sum tests with tie correction, p-values adjusted by the method of Benjamini and Hochberg.\n\n"
        "References: " + "; ".join(cited) + "."
    )


def _own_citations(method: str, reference: str) -> list[str]:
    """Return what a method declares to be cited; nothing of one that is not installed."""
    kind = METHODS.get(method)
    declared = [] if kind is None else [kind.reference, *kind.citations]
    return [reference, *declared[1:]] if reference else declared


def _preprocess_words(settings: Mapping[str, Any]) -> list[str]:
    """Return the options of the command for the settings of the preprocessing that it knows."""
    names = ["n_top_genes"]
    names += ["imputation", "imputation_t", "imputation_knn"] if settings.get("imputation", "none") != "none" else []
    names += ["batch_correction"] if settings.get("batch_correction", "none") != "none" else []
    given = [(name, settings[name]) for name in names if settings.get(name) is not None]
    return [word for name, value in given for word in (f"--{name.replace('_', '-')}", str(value))]


def _filter_words(recipe: Recipe) -> tuple[list[str], bool]:
    """Return the options for the filters, and whether they say all of them; the command filters both sides alike."""
    roles = ("target",) if recipe.trained is not None else _ROLES
    chosen = [PreprocessParams.from_dict({"target": recipe.preprocess.get(role) or {}}).target for role in roles]
    first = chosen[0]
    most = first.thresholds.to_dict().get("pct_mt")
    expressible = RoleParams(
        min_genes=first.min_genes,
        min_cells=first.min_cells,
        thresholds=Thresholds.from_dict({"pct_mt": [None, most[1]]} if most else {}),
    )
    if any(each != expressible for each in chosen):
        return [], False
    given = [("--min-genes", first.min_genes), ("--min-cells", first.min_cells), ("--max-mt", most[1] if most else 0)]
    return [word for flag, value in given if value for word in (flag, str(value))], True


def left_out(recipe: Recipe) -> tuple[str, ...]:
    """Return what the command of an analysis does not repeat, in a few words each; the script repeats it all.

    Examples
    --------
    >>> left_out(Recipe(source="a.h5ad", target="b.h5ad", label_key=None, preprocess={"log": "log2"}))
    ('the normalisation',)
    """
    others = {name: value for name, value in recipe.preprocess.items() if name in _NORMALISATION}
    usual = PreprocessParams().to_dict()
    changed = any(value != usual[name] for name, value in others.items()) or (
        "n_top_genes" in recipe.preprocess and recipe.preprocess["n_top_genes"] is None
    )
    found = {
        "the filters": not _filter_words(recipe)[1],
        "the normalisation": recipe.trained is None and changed,
        "repairs that you asked for": any(fix["code"] not in {*_WITH_FIX, *BY_ITSELF} for fix in recipe.repairs),
        "further tables of cell types": len(recipe.tables) > 1,
        "your own names of cells": _is_edited(recipe),
    }
    return tuple(words for words, holds in found.items() if holds)


_NORMALISATION = ("normalize_to", "log", "normalize_on")
_WITH_FIX = {"transpose", "set_zero"}
"""Repairs that ``sctl run`` makes with ``--fix``."""
BY_ITSELF = {
    "strip_genome", "use_counts", "sum_layers", "plain_names", "sum_genes", "unique_genes", "unique_cells", "use_symbols",
    "strip_versions", "map_orthologs", "match_case", "match_names",
}  # fmt: skip
"""Repairs that ``sctl run`` makes without being asked."""


def _corrections(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return a sentence on each correction of expression that is on, by its key among the citations."""
    said = {}
    if settings.get("imputation", "none") == "magic":
        t, knn = settings.get("imputation_t", 3), settings.get("imputation_knn", 5)
        said["magic"] = (
            f"The highly variable genes of each dataset were imputed by the algorithm of MAGIC (t = {t}, {knn} nearest neighbours). "
        )
    if settings.get("batch_correction", "none") == "combat":
        said["combat"] = (
            "Differences between the datasets were removed from the highly variable genes by ComBat without covariates; negative values were set to 0. "
        )
    return said


def _plain(value: Any) -> Any:
    """Return a value as Python's own types: numpy's numbers have another look."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.item() if isinstance(value, np.generic) else value


def _made(recipe: Recipe, role: str, simulation: str = "") -> str:
    """Return the call that makes a side which is no file, or nothing; ``simulation`` names its settings."""
    if role in recipe.simulated:
        return f"Simulation(**{simulation or _literal(recipe.simulated[role])}).make().{role}"
    return f"sctl.load_demo().{role}" if role in recipe.demo else ""


def _file_of_made(recipe: Recipe, role: str) -> str:
    return f"{'simulated' if role in recipe.simulated else 'demo'}-{role}.h5ad"


def _needed(recipe: Recipe) -> list[str]:
    """Return the imports that making the sides takes."""
    demo = ["import sctl"] if recipe.demo - set(recipe.simulated) else []
    return [*demo, *(["from sctl.simulate import Simulation"] if recipe.simulated else [])]


def _files(recipe: Recipe, role: str) -> list[str]:
    return list(recipe.files.get(role) or [getattr(recipe, role)])


def _several(recipe: Recipe, role: str) -> bool:
    return not _made(recipe, role) and len(_files(recipe, role)) > 1


def _is_edited(recipe: Recipe) -> bool:
    return bool(recipe.edits.renamed or recipe.edits.named)


def _imports(recipe: Recipe) -> str:
    several = any(_several(recipe, role) for role in _ROLES)
    trained = recipe.trained is not None
    lines = ["from pathlib import Path", ""] if several else []
    lines += ["import sctl"]
    lines += ["from sctl import workflow"] if several or trained else []
    lines += ["from sctl.export import LabelEdits, edited, with_final_labels"] if _is_edited(recipe) else []
    lines += [
        "from sctl.io import join_labels, read_labels, write_h5ad"
        if recipe.tables
        else "from sctl.io import write_h5ad"
    ]
    lines += ["from sctl.preflight import Fix, apply_fix"] if recipe.repairs else []
    lines += ["from sctl.sharing import load_trained"] if trained else []
    lines += ["from sctl.simulate import Simulation"] if recipe.simulated else []
    return "\n".join(lines)


def _by_hand(recipe: Recipe) -> str:
    """Return, as literals, what the user did by hand."""
    lines = [f"TABLES = {list(recipe.tables)!r}  # of cell types"] if recipe.tables else []
    lines += [f"REPAIRS = {_literal_list(recipe.repairs)}"] if recipe.repairs else []
    if _is_edited(recipe):
        lines += [f"RENAMED = {_literal(recipe.edits.renamed)}  # cell types"]
        lines += [f"NAMED = {_literal(recipe.edits.named)}  # cells"]
    return "".join(f"{line}\n" for line in lines)


def _changing(recipe: Recipe) -> str:
    """Return the code that does by hand what the user did, in the same order."""
    lines, n_repairs, n_tables = [], 0, 0
    for change in recipe.changes:
        if "labels" in change:
            lines.append(f"source, _ = join_labels(source, read_labels(TABLES[{n_tables}]))")
            n_tables += 1
            continue
        role = "source" if change["fix"]["arguments"]["role"] == "source" else "target"
        other = "target" if role == "source" else "source"
        lines.append(f"{role} = apply_fix({role}, Fix(**REPAIRS[{n_repairs}]), other={other})")
        n_repairs += 1
    lines.append("repairs = [Fix(**values) for values in REPAIRS]" if recipe.repairs else "repairs = []")
    return "\n".join(lines)


def _literal_list(values: Sequence[Any]) -> str:
    return repr([_plain(value) for value in values])


def _place(recipe: Recipe, role: str) -> str:
    """Return, as a literal, where a side comes from: a file, several that belong together, or how it is made."""
    names = _files(recipe, role)
    if role in recipe.simulated:
        return f"{_literal(recipe.simulated[role])}  # simulated"
    if role in recipe.demo:
        return "None  # the demo, which comes with sctl"
    return repr(names[0]) if len(names) == 1 else repr(names)


def _reading(recipe: Recipe, role: str) -> str:
    """Return the call of the script that brings a side in."""
    if made := _made(recipe, role, role.upper()):
        return made
    if not _several(recipe, role):
        return f"sctl.read({role.upper()})"
    options = ', genes="union"' if role in recipe.all_genes else ""
    options += ", labeled=True" if role == "source" else ""
    return f"workflow.read_datasets([Path(name) for name in {role.upper()}]{options})"


def _literal(value: Mapping[str, Any]) -> str:
    return repr(_plain(value))


def _indented(text: str) -> str:
    """Make a text one for a docstring: nothing in it can end it, and all its line breaks are those that are seen."""
    text = text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    shown = (sign if sign.isprintable() or sign == "\n" else sign.encode("unicode_escape").decode() for sign in text)
    return "".join(shown)
