"""What can be written after ``sctl``: commands and their options."""

from __future__ import annotations

import argparse
from pathlib import Path

from sctl import workflow
from sctl._version import __version__
from sctl.cli.inspect import inspect_given, list_methods
from sctl.cli.run import run_analysis
from sctl.cli.search import search_settings
from sctl.cli.serve import serve_app
from sctl.cli.train import train_source

_GENES_OF = "keep the genes that all have, or those that any has, of several files of the"


def command_line() -> argparse.ArgumentParser:
    """Return what reads the command line; each command sets the function that runs it, ``run_command``."""
    parser = argparse.ArgumentParser(
        prog="sctl",
        description="Cluster and annotate a small single-cell dataset with the help of a large, annotated one.",
    )
    parser.add_argument("--version", action="version", version=f"sctl {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands.add_parser("run", help="cluster and annotate a target"))
    _add_train(commands.add_parser("train", help="learn from a source once, for many targets"))
    _add_search(commands.add_parser("search", help="look for good settings of the Poisson autoencoder"))
    methods = commands.add_parser("methods", help="list the methods and their settings")
    methods.set_defaults(run_command=list_methods)
    inspect = commands.add_parser("inspect", help="say whether a file can be used; exit status 2 if not")
    inspect.add_argument("file", type=Path, help="a dataset, or a trained source (.sctl), whose card is shown")
    inspect.add_argument(
        "--role", choices=["source", "target"], default="target", help="what it is to be (default: target)"
    )
    inspect.set_defaults(run_command=inspect_given)
    app = commands.add_parser(
        "app",
        help="open the app in the browser",
        description="Serve the app, and open it in the browser where there is a screen.",
        epilog="All other options are passed on to streamlit, e.g. --server.port 8502.",
    )
    app.add_argument("--no-browser", action="store_true", help="only serve the app, and tell its address")
    app.set_defaults(run_command=serve_app)
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.description = "Cluster and annotate the target. By default only what cannot be used is filtered."
    learned = parser.add_mutually_exclusive_group(required=True)
    learned.add_argument(
        "--source",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="annotated dataset to learn from; several are put together",
    )
    learned.add_argument("--model", type=Path, help="trained source (.sctl) instead: see `sctl train`")
    parser.add_argument(
        "--target", type=Path, nargs="+", required=True, metavar="FILE",
        help="dataset to cluster and annotate; several are put together",
    )  # fmt: skip
    parser.add_argument(
        "--target-genes", choices=workflow.GENES, default="shared", help=f"{_GENES_OF} target (default: shared)"
    )
    parser.add_argument("--out", type=Path, required=True, help="where the annotated target goes, .h5ad")
    _add_source(parser)
    parser.add_argument(
        "--theta", type=_theta, default=None, help="how much to trust the source, 0 to 1, or auto (default)"
    )
    parser.add_argument(
        "--adaptor", type=Path, action="append", default=[], metavar="FILE",
        help="with --model: datasets whose weights were learned before, which are then not trained again; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--save-adaptor",
        type=Path,
        metavar="FILE",
        help="write what was learned of the target's datasets, .sctl (scArches)",
    )
    parser.add_argument("--n-clusters", type=int, help="number of clusters (default: the method's)")
    parser.add_argument("--imputation", choices=("none", "magic"), help="fill in what was missed (default: none)")
    parser.add_argument("--imputation-t", type=int, metavar="T", help="steps of smoothing (default: 3)")
    parser.add_argument("--imputation-knn", type=int, metavar="K", help="neighbours of a cell (default: 5)")
    parser.add_argument(
        "--batch-correction", choices=("none", "combat"), help="remove differences between the datasets (default: none)"
    )
    parser.set_defaults(run_command=run_analysis)


def _add_source(parser: argparse.ArgumentParser) -> None:
    """Add what `run` and `train` have in common: labels, method, filters, output."""
    parser.add_argument(
        "--source-genes", choices=workflow.GENES, default="shared", help=f"{_GENES_OF} source (default: shared)"
    )
    parser.add_argument("--label-key", help="column of the source with the cell types (default: found, if clear)")
    parser.add_argument("--labels", type=Path, help="table with the cell types of the source, where they are not in it")
    parser.add_argument("--batch-key", help="column of the source with the sample or donor; file for several files")
    parser.add_argument("--method", help=f"see `sctl methods` (default: {workflow.DEFAULT_METHOD})")
    parser.add_argument("--seed", type=_seed, help="everything random follows from it (default: 0, or the model's)")
    parser.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="a setting of the method; repeatable"
    )
    parser.add_argument("--min-genes", type=int, default=0, help="keep cells with at least so many genes")
    parser.add_argument("--min-cells", type=int, default=0, help="keep genes found in at least so many cells")
    parser.add_argument("--max-mt", type=float, help="keep cells with at most so many per cent mitochondrial counts")
    parser.add_argument("--n-top-genes", type=int, help="number of highly variable genes (default: 2000)")
    parser.add_argument(
        "--fix", action="store_true", help="repair also what forbids using a file, e.g. swapped cells and genes"
    )
    parser.add_argument("--force", action="store_true", help="replace --out if it exists")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _add_train(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Learn from a source, and keep what was learned in a file: it holds no expression values of single cells."
    )
    parser.add_argument(
        "--source", type=Path, nargs="+", required=True, metavar="FILE",
        help="annotated dataset to learn from; several are put together",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, required=True, help="where the trained source goes, .sctl")
    parser.add_argument(
        "--onto",
        type=Path,
        metavar="MODEL",
        help="add the source's cells to this trained reference, which does not move",
    )
    parser.add_argument(
        "--test",
        action="store_true",
        help="hide types, datasets and genes, and keep what the reference says of them (scArches)",
    )
    parser.add_argument("--note", default="", help="where the source comes from, for the model's card")
    parser.add_argument("--license", default="", help="under which the model may be used, e.g. cc-by-4.0; for its card")
    parser.add_argument(
        "--keep", choices=("weights", "latents", "counts"), default="latents",
        help="most that the file may hold of single cells, where the method keeps any (default: latents)",
    )  # fmt: skip
    _add_source(parser)
    parser.set_defaults(run_command=train_source)


def _add_search(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Try settings by Bayesian optimisation, and keep those with which held-out cells of the source are rebuilt best. "
        "Nobody must: the loss says nothing of labels. Ctrl-C stops; with --journal the search goes on where it was."
    )
    parser.add_argument("--source", type=Path, required=True, help="annotated dataset to learn from")
    parser.add_argument("--out", type=Path, required=True, help="where the table of trials goes, .csv")
    parser.add_argument("--journal", type=Path, help="file to which every trial is written, to go on from")
    parser.add_argument(
        "--ranges", choices=("wide", "paper", "paper_complex"), default="wide",
        help="ranges in which every setting has an effect, or the paper's (default: wide)",
    )  # fmt: skip
    parser.add_argument("--trials", type=int, default=40, help="how many, those in the journal included (default: 40)")
    parser.add_argument(
        "--sampler", choices=("gp", "tpe", "random"), default="gp",
        help="Gaussian process with expected improvement (default), Parzen estimators, or chance",
    )  # fmt: skip
    _add_source(parser)
    parser.set_defaults(run_command=search_settings)


def _theta(text: str) -> float | None:
    """Read ``auto`` or a number."""
    try:
        theta = None if text.lower() == "auto" else float(text)
    except ValueError:
        theta = -1.0
    if theta is not None and not 0.0 <= theta <= 1.0:
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor a number from 0 to 1")
    return theta


def _seed(text: str) -> int:
    """Read a whole number from 0 on."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0 on")
    return int(text)
