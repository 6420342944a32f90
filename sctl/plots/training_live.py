"""The curves of a training as a plain picture: drawn anew every second, it does not flicker as a chart would."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

from sctl.plots.palette import FAINT, INK
from sctl.plots.training import LINES, PER_ROW, Curves, joined, shown_lines, thinned

_WIDTH, _HEIGHT = 250, 190  # of a panel, in the picture's own units
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 30, 28  # room round its lines
_LEGEND = 26
_PALE = "#777777"


def training_svg(phases: Mapping[str, Curves]) -> str:
    """Draw what :func:`~sctl.plots.training_figure` draws, as SVG.

    Parameters
    ----------
    phases : mapping of str to Curves

    Returns
    -------
    str
        A picture of the same width whatever it holds, so that panels keep their places.
    """
    panels = joined(phases)
    n_rows = max(1, -(-len(panels) // PER_ROW))
    width, height = PER_ROW * _WIDTH, n_rows * _HEIGHT + _LEGEND
    drawn = [
        f'<g transform="translate({number % PER_ROW * _WIDTH},{number // PER_ROW * _HEIGHT})">{_panel(title, curves)}</g>'
        for number, (title, curves) in enumerate(panels.items())
    ]
    seen = dict.fromkeys(name for curves in panels.values() for name in shown_lines(curves))
    legend = f'<g transform="translate(0,{n_rows * _HEIGHT + 14})">{_legend(list(seen))}</g>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11" fill="{INK}">{"".join(drawn)}{legend}</svg>'
    )


def _panel(title: str, curves: Curves) -> str:
    names = shown_lines(curves)
    lines = {name: thinned(curves.rounds, curves.values[name]) for name in names}
    known = [y for _, ys in lines.values() for y in ys if math.isfinite(y)]
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    low = 0.0 if "changed" in names else low
    high = high if high > low else low + 1.0
    last = max([*curves.rounds, 2.0])
    inner_width, inner_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def place(x: float, y: float) -> str:
        across = _LEFT + inner_width * (x - 1) / (last - 1)
        return f"{across:.1f},{_TOP + inner_height * (high - y) / (high - low):.1f}"

    bottom = _TOP + inner_height
    parts = [
        f'<text x="{_LEFT + inner_width / 2}" y="16" text-anchor="middle" font-size="12.5">{escape(title)}</text>',
        f'<path d="M{_LEFT},{_TOP}V{bottom}H{_WIDTH - _RIGHT}" fill="none" stroke="{INK}"/>',
        f'<path d="M{_LEFT},{_TOP}H{_WIDTH - _RIGHT}" fill="none" stroke="{FAINT}"/>',
        *(
            f'<text x="{_LEFT - 5}" y="{y + 4}" text-anchor="end" fill="{_PALE}">{_number(value, names)}</text>'
            for value, y in ((high, _TOP), (low, bottom))
        ),
        f'<text x="{_WIDTH - _RIGHT}" y="{bottom + 16}" text-anchor="end" fill="{_PALE}">round {max(curves.rounds, default=0):g}</text>',
    ]
    for name, (xs, ys) in lines.items():
        points = [place(x, y) for x, y in zip(xs, ys, strict=True) if math.isfinite(y)]
        parts += _line(points, name)
    return "".join(parts)


def _line(points: Sequence[str], name: str) -> list[str]:
    """Return a line that ends in a dot, where the training is now."""
    if not points:
        return []
    _, color, dash = LINES[name]
    x, y = points[-1].split(",")
    return [
        f'<polyline points="{" ".join(points)}" fill="none" stroke="{color}" stroke-width="2"{_dashes(dash)}/>',
        f'<circle cx="{x}" cy="{y}" r="3.5" fill="{color}"/>',
    ]


def _legend(names: Sequence[str]) -> str:
    parts = []
    for number, name in enumerate(names):
        title, color, dash = LINES[name]
        x = _LEFT + 200 * number
        parts.append(
            f'<path d="M{x},0h24" stroke="{color}" stroke-width="2"{_dashes(dash)}/><text x="{x + 30}" y="4">{title}</text>'
        )
    return "".join(parts)


def _dashes(dash: str) -> str:
    return ' stroke-dasharray="3 3"' if dash == "dot" else ""


def _number(value: float, names: Sequence[str]) -> str:
    return f"{100 * value:.2g}%" if "changed" in names else f"{value:.3g}"
