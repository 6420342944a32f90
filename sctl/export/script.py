"""How to repeat an analysis, and how to describe it in a paper."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sctl.data import UNASSIGNED, TransferResult

_ROLES = ("source", "target")
_CITATIONS = {
    "transfercluster": "Mieth et al. (2019), Clustering single-cell RNA-seq data by transfer learning, Scientific Reports 9:20353",
    "consensus": "Kiselev et al. (2017), SC3: consensus clustering of single-cell RNA-seq data, Nature Methods 14:483",
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
        File names, as the user knows them; several that belong together are joined by " + ".
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
    """

    source: str
    target: str
    label_key: str | None
    batch_key: str | None = None
    method: str = "transfercluster"
    params: Mapping[str, Any] = field(default_factory=dict)
    theta: float | None = None
    preprocess: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    demo: frozenset[str] = frozenset()
    all_genes: frozenset[str] = frozenset()
    simulated: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    trained: Mapping[str, Any] | None = None

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
    if recipe.trained is not None:
        return _script_for_trained(recipe)
    return f'''"""Repeat an analysis made with sctl: label the cells of a target with the help of a source.

The same from the shell, where nothing but the settings below was changed:

{_indented(command_for(recipe))}
"""

{_imports(recipe)}

SOURCE = {_place(recipe, "source")}
TARGET = {_place(recipe, "target")}
OUT = "result.h5ad"
PREPROCESS = {_literal(recipe.preprocess)}
PARAMS = {_literal(recipe.params)}
THETA = {recipe.theta!r}  # None: chosen by the method

run = sctl.Run(seed={recipe.seed!r})
source, target, _ = pipeline.repaired({_reading(recipe, "source")}, {_reading(recipe, "target")})
prepared = sctl.prepare_pair(
    source,
    target,
    sctl.PreprocessParams.from_dict(PREPROCESS),
    label_key={recipe.label_key!r},
    batch_key={recipe.batch_key!r},
    run=run,
)
method = sctl.get_method({recipe.method!r})(**PARAMS)
result = pipeline.transfer(prepared.pair, method, run, theta=THETA)
sctl.write_result(prepared.target_all, result).write_h5ad(OUT, compression="gzip")
'''


def _script_for_trained(recipe: Recipe) -> str:
    made = _reading(recipe, "target")
    return f'''"""Repeat an analysis made with sctl: label the cells of a target with a source that was trained before.

The same from the shell, where nothing but the settings below was changed:

{_indented(command_for(recipe))}
"""

{_imports(recipe)}
from sctl.sharing import load_trained

MODEL = {recipe.source!r}
TARGET = {_place(recipe, "target")}
OUT = "result.h5ad"
PREPROCESS = {_literal(recipe.preprocess)}
PARAMS = {_literal(recipe.free_params)}
THETA = {recipe.theta!r}  # None: chosen by the method

run = sctl.Run(seed={recipe.seed!r})
trained, target, _ = pipeline.met(load_trained(MODEL), {made})
prepared = pipeline.prepare_trained(trained, target, PREPROCESS, run)
result = pipeline.transfer(prepared.pair, trained.configured(PARAMS), run, theta=THETA)
sctl.write_result(prepared.target_all, result).write_h5ad(OUT, compression="gzip")
'''


def command_for(recipe: Recipe) -> str:
    """Return the ``sctl run`` command of an analysis, quoted for a POSIX shell; one line.

    Filters and the normalisation are left to the script. Sides of the
    demo and simulated ones are written to files first.
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
        Of the method, from its declaration; known here for TransferCluster.
    with_tsne : bool
        Whether the map shown is a t-SNE rather than a UMAP.

    Returns
    -------
    str
        Plain text.
    """
    assigned = int((result.labels.astype(str) != UNASSIGNED).sum())
    theta = result.params.get("theta", result.uns.get("theta"))
    settings = {"seed": result.seed, **({} if theta is None else {"θ": theta})}
    setting_text = ", ".join(f"{name} = {value}" for name, value in settings.items())
    files = f" ({recipe.target}, with {recipe.source} as the source)" if recipe else ""
    normalised = ""
    if recipe and (scale := recipe.preprocess.get("normalise_to", 10_000.0)) is not None:
        normalised = f"Expression was normalised to {scale:,.0f} per cell over the genes shared by both datasets and log-transformed. "
    corrections = _corrections(recipe.preprocess) if recipe else {}
    known = [key for key, wanted in {
        "transfercluster": result.method == "transfercluster" and not reference,
        "consensus": result.method in ("transfercluster", "targetcluster", "concatenatecluster"),
        "umap": not with_tsne, "tsne": with_tsne, **dict.fromkeys(corrections, True), "markers": True, "h5ad": True,
    }.items() if wanted]  # fmt: skip
    cited = [*([reference] if reference else []), *(_CITATIONS[key] for key in known)]
    map_name = "t-SNE" if with_tsne else "UMAP"
    return (
        f"{result.n_obs:,} target cells{files} were clustered and annotated with sctl {result.version}, method "
        f"{title or result.method} ({setting_text}). {normalised}{''.join(corrections.values())}"
        f"{len(np.unique(result.clusters[result.clusters >= 0]))} clusters were found; {assigned:,} cells "
        f"({assigned / max(1, result.n_obs):.1%}) were given one of {len(result.label_names)} source types. "
        f"Cells are shown by {map_name} of their principal components. Marker genes were ranked by two-sided Wilcoxon "
        "rank-sum tests with tie correction, p-values adjusted by the method of Benjamini and Hochberg.\n\n"
        "References: " + "; ".join(cited) + "."
    )


def _preprocess_words(settings: Mapping[str, Any]) -> list[str]:
    """Return the options of the command for the settings of the preprocessing that it knows."""
    names = ["n_top_genes"]
    names += ["imputation", "imputation_t", "imputation_knn"] if settings.get("imputation", "none") != "none" else []
    names += ["batch_correction"] if settings.get("batch_correction", "none") != "none" else []
    given = [(name, settings[name]) for name in names if settings.get(name) is not None]
    return [word for name, value in given for word in (f"--{name.replace('_', '-')}", str(value))]


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
    return str(getattr(recipe, role)).split(" + ")


def _several(recipe: Recipe, role: str) -> bool:
    return not _made(recipe, role) and " + " in getattr(recipe, role)


def _imports(recipe: Recipe) -> str:
    several = any(_several(recipe, role) for role in _ROLES)
    lines = ["from pathlib import Path", ""] if several else []
    lines += ["import sctl", "from sctl import pipeline"]
    lines += ["from sctl.simulate import Simulation"] if recipe.simulated else []
    return "\n".join(lines)


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
    options += ", labelled=True" if role == "source" else ""
    return f"pipeline.read_datasets([Path(name) for name in {role.upper()}]{options})"


def _literal(value: Mapping[str, Any]) -> str:
    return repr(_plain(value))


def _indented(text: str) -> str:
    """Indent for a docstring, in which backslashes and quotes must not end it."""
    return "    " + text.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
