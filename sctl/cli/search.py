"""``sctl search``: look for good settings of a method on a source."""

from __future__ import annotations

import argparse

from sctl import export, io, preflight, workflow
from sctl.cli.files import columns, print_repairs, require_usable, with_labels, writable
from sctl.cli.progress import Bar
from sctl.cli.settings import preprocess_settings, transfer_settings
from sctl.errors import ParameterError


def search_settings(arguments: argparse.Namespace) -> int:
    """Try settings, write a table of the trials, and tell the best ones."""
    out = writable(arguments.out, inputs=(arguments.source,), force=arguments.force, ending=".csv")
    arguments.method = arguments.method or workflow.first_searchable().key
    preprocess = preprocess_settings(arguments, correct=False)
    method = workflow.method_of(transfer_settings(arguments))
    if not workflow.searches(method):
        raise ParameterError(
            f"Settings of {method.title} cannot be searched.", do=f"Choose --method {workflow.first_searchable().key}."
        )
    wanted = workflow.Wanted(ranges=arguments.ranges, n_trials=arguments.trials, sampler=arguments.sampler)
    source = with_labels(io.read(arguments.source), arguments)
    source, _, applied = workflow.repaired(source, source, blocks=arguments.fix)
    print_repairs([finding for finding in applied if finding.fix and finding.fix.arguments["role"] == "source"])
    require_usable(preflight.inspect(source, role="source", label_key=arguments.label_key))
    keys, seed = columns(arguments, source, method), arguments.seed or 0
    with Bar(quiet=arguments.quiet, stop=arguments.stop) as bar:
        run = bar.run(seed)
        pair = workflow.prepare(source, source, {**preprocess, **keys}, run).pair
        found = workflow.search_settings(pair, method, wanted, run=run, journal=arguments.journal)
    with arguments.stop.output(out) as path:
        path.write_bytes(export.to_csv(workflow.trials_table(found)))
    best = " ".join(f"--param {name}={value:g}" for name, value in workflow.best_settings(found).items())
    print(
        f"Wrote {out}: {len(found.trials)} trials, the smallest loss is {found.best.value:.5g}. Use its settings with"
    )
    print(f"  sctl run --method {method.key} {best} ...")
    return 0
