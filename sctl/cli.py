"""The shell command ``sctl``: the same steps as the app, for scripts and servers.

Nothing heavy is imported before a command needs it, so that ``sctl --help`` answers at once.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Self

import sctl
from sctl import pipeline
from sctl.errors import DataError, ParameterError, SctlError

if TYPE_CHECKING:
    from anndata import AnnData

    from sctl.base import Parameter, TransferMethod
    from sctl.data import TransferResult
    from sctl.preflight import Finding, Report
    from sctl.run import Progress, Run

UNUSABLE = 2
"""Exit status where the user has to change something; also argparse's own."""
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells expect it."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit status.

    Returns
    -------
    int
        0; 2 where a file, a setting or a result cannot be used (said on standard error); 130 after Ctrl-C.
    """
    arguments = _parsed(argv)
    try:
        return int(arguments.run_command(arguments))
    except SctlError as error:
        print(f"sctl: {error}", file=sys.stderr)
        return UNUSABLE
    except MemoryError:
        print("sctl: The memory of this computer does not suffice. Take fewer cells or genes.", file=sys.stderr)
        return UNUSABLE
    except KeyboardInterrupt:
        print("sctl: stopped.", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # e.g. `sctl methods | head -1`
        sys.stderr.close()
        return 0


def _parsed(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; what ``sctl app`` does not know is for streamlit."""
    parser = _parser()
    arguments, rest = parser.parse_known_args(argv)
    if rest and arguments.run_command is not _app:
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.options = rest
    return arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sctl",
        description="Cluster and annotate a small single-cell dataset with the help of a large, annotated one.",
    )
    parser.add_argument("--version", action="version", version=f"sctl {sctl.__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_run(commands.add_parser("run", help="cluster and annotate a target"))
    _add_train(commands.add_parser("train", help="learn from a source once, for many targets"))
    methods = commands.add_parser("methods", help="list the methods and their settings")
    methods.set_defaults(run_command=_methods)
    inspect = commands.add_parser("inspect", help="say whether a file can be used; exit status 2 if not")
    inspect.add_argument("file", type=Path, help="a dataset, or a trained source (.sctl), whose card is shown")
    inspect.add_argument(
        "--role", choices=["source", "target"], default="target", help="what it is to be (default: target)"
    )
    inspect.set_defaults(run_command=_inspect)
    app = commands.add_parser(
        "app",
        help="open the app in the browser",
        description="Serve the app, and open it in the browser where there is a screen.",
        epilog="All other options are passed on to streamlit, e.g. --server.port 8502.",
    )
    app.add_argument("--no-browser", action="store_true", help="only serve the app, and tell its address")
    app.set_defaults(run_command=_app)
    return parser


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.description = "Cluster and annotate the target. By default only what cannot be used is filtered."
    learned = parser.add_mutually_exclusive_group(required=True)
    learned.add_argument("--source", type=Path, help="annotated dataset to learn from")
    learned.add_argument("--model", type=Path, help="trained source (.sctl) instead: see `sctl train`")
    parser.add_argument("--target", type=Path, required=True, help="dataset to cluster and annotate")
    parser.add_argument("--out", type=Path, required=True, help="where the annotated target goes, .h5ad")
    _add_source(parser)
    parser.add_argument(
        "--theta", type=_theta, default=None, help="how much to trust the source, 0 to 1, or auto (default)"
    )
    parser.add_argument("--n-clusters", type=int, help="number of clusters (default: the method's)")
    parser.add_argument("--imputation", choices=("none", "magic"), help="fill in what was missed (default: none)")
    parser.add_argument("--imputation-t", type=int, metavar="T", help="steps of smoothing (default: 3)")
    parser.add_argument("--imputation-knn", type=int, metavar="K", help="neighbours of a cell (default: 5)")
    parser.add_argument(
        "--batch-correction", choices=("none", "combat"), help="remove differences between the datasets (default: none)"
    )
    parser.set_defaults(run_command=_run)


def _add_source(parser: argparse.ArgumentParser) -> None:
    """Add what `run` and `train` have in common: labels, method, filters, output."""
    parser.add_argument("--label-key", help="column of the source with the cell types (default: found, if clear)")
    parser.add_argument("--labels", type=Path, help="table with the cell types of the source, where they are not in it")
    parser.add_argument("--batch-key", help="column of the source with the sample or donor")
    parser.add_argument("--method", help=f"see `sctl methods` (default: {pipeline.DEFAULT_METHOD})")
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
    parser.description = "Learn from a source, and keep what was learned in a file: it holds no cell of the source."
    parser.add_argument("--source", type=Path, required=True, help="annotated dataset to learn from")
    parser.add_argument("--out", type=Path, required=True, help="where the trained source goes, .sctl")
    _add_source(parser)
    parser.set_defaults(run_command=_train)


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


# -- run -----------------------------------------------------------------------------------------


def _run(arguments: argparse.Namespace) -> int:
    """Check all that can be checked, then read, then compute, then write."""
    from sctl.io import write_h5ad  # noqa: PLC0415

    read = arguments.model or arguments.source
    out = _writable(arguments.out, inputs=(read, arguments.target), force=arguments.force)
    if arguments.model is not None:
        return _run_trained(arguments, out)
    preprocess, transfer = _preprocess_settings(arguments), _transfer_settings(arguments)
    method = pipeline.method_of(transfer)
    if arguments.theta is not None and pipeline.as_sweep(method) is None:
        raise ParameterError(f"{method.title} has no θ.", do="Leave out --theta, or choose --method transfercluster.")
    source, target, annotated = _read_pair(arguments)
    keys = _keys(arguments, source, method)
    with Bar(quiet=arguments.quiet) as bar:
        run = bar.run(arguments.seed or 0)
        prepared = pipeline.prepare(source, target, {**preprocess, **keys}, run)
        result = pipeline.transfer(prepared.pair, method, run, theta=arguments.theta)
    for sentence in prepared.report.sentences:
        print(sentence)
    write_h5ad(annotated(result), out)
    _tell(result, out, dropped=target.n_obs - result.n_obs)
    return 0


def _keys(arguments: argparse.Namespace, source: AnnData, method: TransferMethod) -> dict[str, str | None]:
    """Return the columns of the source that are used; says where the cell types were found."""
    label_key = arguments.label_key or pipeline.find_labels(source, required=method.requires_labels)
    if label_key != arguments.label_key:
        print(f"Cell types are taken from obs['{label_key}'] of the source.")
    return {"label_key": label_key, "batch_key": arguments.batch_key}


def _run_trained(arguments: argparse.Namespace, out: Path) -> int:
    """Do the same with a source that was trained before."""
    from sctl.io import read, write_h5ad  # noqa: PLC0415
    from sctl.preflight import inspect  # noqa: PLC0415
    from sctl.sharing import load_trained  # noqa: PLC0415

    for name in _LEARNED:
        if getattr(arguments, name) is not None:
            raise ParameterError(
                f"--{name.replace('_', '-')} does not go with --model.",
                expected="What was learned, and how cells are normalised, is settled by the trained source.",
                do="Leave it out, or give --source instead of --model.",
            )
    trained, given = load_trained(arguments.model), read(arguments.target)
    method = trained.configured(_free_settings(arguments, trained.method))
    trained, target, told = pipeline.met(trained, given, blocks=arguments.fix)
    _say_repairs(told)
    _require_usable(inspect(target, role="target"))
    with Bar(quiet=arguments.quiet) as bar:
        run = bar.run(trained.seed if arguments.seed is None else arguments.seed)
        prepared = pipeline.prepare_trained(trained, target, _preprocess_settings(arguments), run)
        method = trained.configured(method.params)
        result = pipeline.transfer(prepared.pair, method, run, theta=arguments.theta)
    for sentence in prepared.report.sentences:
        print(sentence)
    write_h5ad(pipeline.annotated(given, told, target, result), out)
    _tell(result, out, dropped=target.n_obs - result.n_obs)
    return 0


_LEARNED = (
    "label_key", "labels", "batch_key", "method", "n_top_genes", "imputation", "imputation_t", "imputation_knn",
    "batch_correction",
)  # fmt: skip


def _free_settings(arguments: argparse.Namespace, method: TransferMethod) -> dict[str, Any]:
    """Return the settings that were given for the target; refuse what was settled when the source was trained."""
    if arguments.theta is not None and pipeline.as_sweep(method) is None:
        raise ParameterError(f"{method.title} has no θ.", do="Leave out --theta.")
    arguments.method = method.key
    params: dict[str, Any] = _transfer_settings(arguments)["params"]
    for name in params:
        if name not in method.target_settings:
            raise ParameterError(
                f"{name} was settled when the source was trained.",
                expected=f"These settings can still be changed: {', '.join(sorted(method.target_settings))}.",
                do="Leave it out, or train the source again.",
            )
    return params


def _train(arguments: argparse.Namespace) -> int:
    """Learn from a source and keep it in a file."""
    from sctl.io import join_labels, read, read_labels  # noqa: PLC0415
    from sctl.preflight import inspect  # noqa: PLC0415
    from sctl.sharing import ENDING  # noqa: PLC0415

    out = _writable(arguments.out, inputs=(arguments.source,), force=arguments.force, ending=ENDING)
    preprocess = {**_preprocess_settings(arguments, correct=False)}
    method = pipeline.method_of(_transfer_settings(arguments))
    if why_not := pipeline.why_not_saved(method, preprocess):
        raise ParameterError(why_not, do="Choose another --method.")
    source = read(arguments.source)
    if arguments.labels is not None:
        source, joined = join_labels(source, read_labels(arguments.labels))
        print(f"Labels: {joined.text}")
    source, _, told = pipeline.repaired(source, source, blocks=arguments.fix)
    _say_repairs([finding for finding in told if finding.fix and finding.fix.arguments["role"] == "source"])
    _require_usable(inspect(source, role="source", label_key=arguments.label_key))
    keys, seed = _keys(arguments, source, method), arguments.seed or 0
    method = pipeline.batched(method, keys["batch_key"])
    with Bar(quiet=arguments.quiet) as bar:
        pair = pipeline.train(source, method, {**preprocess, **keys}, bar.run(seed))
    pipeline.save_trained(out, pair, method, preprocess, seed=seed, name=arguments.source.name)
    print(f"Wrote {out}: {method.title}, trained on {pair.source.n_obs} cells; see `sctl inspect {out}`.")
    return 0


def _writable(out: Path, *, inputs: Sequence[Path], force: bool, ending: str = ".h5ad") -> Path:
    """Return the output path if it can be written, before anything is computed."""
    from sctl.io.system import told  # noqa: PLC0415

    with told(f"{out.name} cannot be written"):
        return _free(out, inputs, force=force, ending=ending)


def _free(out: Path, inputs: Sequence[Path], *, force: bool, ending: str) -> Path:
    if out.exists() and any(path.exists() and out.samefile(path) for path in inputs):
        raise ParameterError(
            f"{out} is one of the input files.", do="Give --out another name: inputs are never changed."
        )
    if out.suffix != ending:
        raise ParameterError(f"The output {out.name!r} does not end in {ending}.", do="Give --out a name that does.")
    if not out.parent.is_dir():
        raise ParameterError(f"There is no folder {out.parent}.", do="Make it, or give --out another one.")
    if not os.access(out.parent, os.W_OK):
        raise ParameterError(f"The folder {out.parent} cannot be written to.", do="Give --out another one.")
    if out.exists() and not (force and out.is_file()):
        raise ParameterError(f"{out} exists already.", do="Give --out another name, or replace it with --force.")
    return out


def _preprocess_settings(arguments: argparse.Namespace, *, correct: bool = True) -> dict[str, Any]:
    limits = {"pct_mt": [None, arguments.max_mt]} if arguments.max_mt is not None else {}
    role = {"min_genes": arguments.min_genes, "min_cells": arguments.min_cells, "thresholds": limits}
    names: tuple[str, ...] = ("n_top_genes",)
    names += ("imputation", "imputation_t", "imputation_knn", "batch_correction") if correct else ()
    top = {name: value for name in names if (value := getattr(arguments, name)) is not None}
    return pipeline.complete("preprocess", {"source": role, "target": role, **top})


def _transfer_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    from sctl.methods import get_method  # noqa: PLC0415 - torch and scipy wait until needed

    key = arguments.method or pipeline.DEFAULT_METHOD
    declared = {parameter.name: parameter for parameter in get_method(key).parameters()}
    params = dict(_setting(text, declared) for text in arguments.param)
    if getattr(arguments, "n_clusters", None) is not None:
        params["n_clusters"] = arguments.n_clusters
    return {"method": key, "seed": arguments.seed or 0, "params": params}


def _setting(text: str, declared: Mapping[str, Parameter]) -> tuple[str, Any]:
    """Read NAME=VALUE; text stays text where the method declares text, all else is read as JSON."""
    name, equals, value = text.partition("=")
    if not equals or name not in declared:
        raise ParameterError(
            f"--param {text} is no setting of this method.",
            expected=f"Settings are {', '.join(declared) or 'none'}.",
            do="Write --param NAME=VALUE with one of these names.",
        )
    if declared[name].kind is str and value.lower() not in {"none", "null"}:
        return name, value
    if declared[name].kind is tuple and not value.startswith("["):
        return name, tuple(_value(part) for part in value.split(","))
    return name, _value(value)


def _value(text: str) -> Any:
    try:
        return json.loads({"True": "true", "False": "false", "None": "null", "none": "null"}.get(text, text))
    except ValueError:
        return text  # the method's own check says what it should be


def _read_pair(
    arguments: argparse.Namespace,
) -> tuple[AnnData, AnnData, Callable[[TransferResult], AnnData]]:
    """Read both files, repair what has one right repair, and refuse what cannot be used.

    Returns source, target, and what writes a result into the target as it was read.
    """
    from sctl.io import join_labels, read, read_labels  # noqa: PLC0415
    from sctl.preflight import inspect, inspect_pair  # noqa: PLC0415

    source, given = read(arguments.source), read(arguments.target)
    if arguments.labels is not None:
        source, joined = join_labels(source, read_labels(arguments.labels))
        print(f"Labels: {joined.text}")
    source, target, told = pipeline.repaired(source, given, blocks=arguments.fix)
    _say_repairs(told)
    report = inspect(source, role="source", label_key=arguments.label_key) + inspect(target, role="target")
    _require_usable(report + inspect_pair(source, target))
    return source, target, partial(pipeline.annotated, given, told, target)


def _say_repairs(told: Sequence[Finding]) -> None:
    for finding in told:
        print(f"Repaired: {finding.text} {finding.fix.title if finding.fix else ''}.")


def _require_usable(report: Report) -> None:
    """Print what is to be known of the files, and refuse what cannot be used."""
    for finding in report.of("warn"):
        print(f"Warning: {finding.text} {finding.do}".rstrip())
    if not report.ok:
        worst = report.of("block")
        fixable = any(finding.fix for finding in worst)
        raise DataError(
            " ".join(finding.text for finding in worst),
            do=" ".join([*(finding.do for finding in worst), "Or add --fix to do so here." if fixable else ""]).strip(),
        )


def _tell(result: TransferResult, out: Path, *, dropped: int) -> None:
    from sctl.data import slot  # noqa: PLC0415

    found = len(set(result.clusters[result.clusters >= 0].tolist()))
    theta = f", θ = {result.uns['theta']:.3g}" if "theta" in result.uns else ""
    lost = f" ({dropped} of {dropped + result.n_obs} cells were dropped)" if dropped else ""
    key = slot(result.method)
    if "n_landmarks" in result.uns:
        print(
            f"Clusters were found among {result.uns['n_landmarks']} of the cells; each other cell follows its nearest."
        )
    print(
        f"Wrote {out}: {result.n_obs} cells{lost} in {found} clusters{theta}; see obs['{key}'] and obs['{key}_label']."
    )


# -- methods, inspect, app -----------------------------------------------------------------------


def _methods(arguments: argparse.Namespace) -> int:
    """Print every method with its settings."""
    from sctl.methods import METHODS  # noqa: PLC0415

    for key, method in METHODS.items():
        print(f"{key}\n    {method.title}. {method.summary}\n    Choose it when: {method.choose_when}")
        for parameter in method.parameters():
            choices = f" ({', '.join(map(str, parameter.choices))})" if parameter.choices else ""
            print(f"    --param {parameter.name}={parameter.default}{choices}: {parameter.doc}")
    return 0


def _inspect(arguments: argparse.Namespace) -> int:
    """Print what the pre-flight says; the status tells whether ``sctl run`` can use the file."""
    from sctl.preflight import inspect_file  # noqa: PLC0415
    from sctl.sharing import ENDING, load_model, load_trained, model_card, read_manifest  # noqa: PLC0415

    if arguments.file.suffix == ENDING:
        manifest = read_manifest(arguments.file)
        (load_trained if manifest.get("source") else load_model)(arguments.file)  # says what is wrong, if anything is
        card = model_card(manifest)
        print("".join(sign for sign in card if sign.isprintable() or sign == "\n"))  # a stranger's words
        return 0
    adata, report = inspect_file(arguments.file, role=arguments.role)
    print(f"{arguments.file.name}: {adata.n_obs:,} cells × {adata.n_vars:,} genes")
    for finding in report:
        sign = "repair" if pipeline.repairs(finding) else _SIGNS[finding.level]
        print(f"{sign:8}{finding.text} {finding.do}".rstrip())
    return 0 if all(pipeline.repairs(finding) for finding in report.of("block")) else UNUSABLE


_SIGNS = {"ok": "ok", "advice": "note", "warn": "warning", "block": "error"}


def _app(arguments: argparse.Namespace) -> NoReturn:
    """Serve the app until it is stopped."""
    page = Path(sctl.__file__).parents[1] / "app.py"
    if not page.exists():
        raise DataError(
            "The pages of the app are not installed with the package.",
            expected="They lie beside it in a copy of the repository.",
            do="Clone the repository and run `make app` there.",
        )
    os.chdir(page.parent)
    opening = [] if arguments.no_browser or not _has_screen() else _OPENING
    # This process becomes the server, so that whoever stops it stops the server.
    os.execv(sys.executable, [sys.executable, "-m", "streamlit", "run", page.name, *opening, *arguments.options])


# Streamlit opens the browser itself once it serves. Its question for an e-mail address would wait for an answer.
_OPENING = ["--server.headless=false", "--server.showEmailPrompt=false"]


def _has_screen() -> bool:
    """Tell whether a browser could be shown to somebody here."""
    if os.environ.get("CI"):
        return False
    if sys.platform in ("darwin", "win32"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


# -- progress ------------------------------------------------------------------------------------


class Bar:
    """A progress bar on standard error: one line, which names the stage.

    Parameters
    ----------
    quiet : bool
        Whether to show nothing.
    """

    def __init__(self, *, quiet: bool) -> None:
        from tqdm import tqdm  # noqa: PLC0415

        self._bar = tqdm(desc="Prepare", total=1, file=sys.stderr, disable=quiet, leave=False, bar_format=_FORMAT)

    def run(self, seed: int) -> Run:
        """Return a run that this bar shows."""
        from sctl.run import Run  # noqa: PLC0415 - numpy

        return Run(seed=seed, listener=self._show)

    def _show(self, progress: Progress) -> None:
        self._bar.set_description_str(progress.stage, refresh=False)
        self._bar.total, self._bar.n = max(progress.total, 1), progress.done
        self._bar.refresh()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bar.close()


_FORMAT = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}]"
