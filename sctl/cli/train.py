"""``sctl train``: learn from a source once, for many targets."""

from __future__ import annotations

import argparse

from sctl import pipeline
from sctl.cli.bar import Bar
from sctl.cli.files import columns, require_usable, say_repairs, with_labels, writable
from sctl.cli.settings import preprocess_settings, transfer_settings
from sctl.errors import ParameterError


def train_source(arguments: argparse.Namespace) -> int:
    """Learn from a source and keep it in a file."""
    from sctl.preflight import inspect  # noqa: PLC0415
    from sctl.sharing import ENDING  # noqa: PLC0415

    out = writable(arguments.out, inputs=arguments.source, force=arguments.force, ending=ENDING)
    preprocess = {**preprocess_settings(arguments, correct=False)}
    method = pipeline.method_of(transfer_settings(arguments))
    if why_not := pipeline.why_not_saved(method, preprocess):
        raise ParameterError(why_not, do="Choose another --method.")
    source = with_labels(pipeline.read_datasets(arguments.source, genes=arguments.source_genes), arguments.labels)
    source, _, told = pipeline.repaired(source, source, blocks=arguments.fix)
    say_repairs([finding for finding in told if finding.fix and finding.fix.arguments["role"] == "source"])
    require_usable(inspect(source, role="source", label_key=arguments.label_key))
    keys, seed = columns(arguments, source, method), arguments.seed or 0
    method = pipeline.batched(method, keys["batch_key"])
    with Bar(quiet=arguments.quiet) as bar:
        pair = pipeline.train(source, method, {**preprocess, **keys}, bar.run(seed))
    pipeline.save_trained(
        out, pair, method, preprocess, seed=seed, name=" + ".join(path.name for path in arguments.source)
    )
    print(f"Wrote {out}: {method.title}, trained on {pair.source.n_obs} cells; see `sctl inspect {out}`.")
    return 0
