"""The app's sign, and the picture on the home page: what goes in and what comes out."""

from __future__ import annotations

from math import cos, pi, sin, sqrt

_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")
_GREY = "#9aa5b1"
_WORDS = "#6f7a87"  # as readable in the dark theme as in the light one
_CENTRES = ((70, 52), (142, 42), (86, 112), (158, 108))
_GOLDEN = pi * (3 - sqrt(5))


def overview() -> str:
    """Return an SVG: a large coloured source and a small grey target become a small coloured target."""
    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 218" role="img" font-family="sans-serif">',
        _panel(0, "Source: large,\ncell types known", cells=34, known=True),
        _sign(237, "+"),
        _panel(262, "Target: small,\nyour own cells", cells=8, known=False),
        _sign(499, "→"),
        _panel(524, "Your cells,\ngrouped and named", cells=8, known=True),
        "</svg>",
    ]
    return "".join(parts)


def sign() -> str:
    """Return the sign without the name, for the tab of the browser; a symbol's name would be fetched from elsewhere."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="2 1 32 29" width="32" height="32">'
        '<circle cx="13" cy="12" r="9" fill="#0072B2"/><circle cx="27" cy="22" r="6" fill="#56B4E9"/>'
        '<path d="M18 18 L23 20" stroke="#0072B2" stroke-width="3"/></svg>'
    )


def logo() -> str:
    """Return the app's sign: a coloured cell that gives its colour to a grey one, and the name."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 118 32" width="118" height="32" role="img" '
        'font-family="sans-serif"><circle cx="13" cy="12" r="9" fill="#0072B2"/>'
        '<circle cx="27" cy="22" r="6" fill="#56B4E9"/><path d="M18 18 L23 20" stroke="#0072B2" stroke-width="3"/>'
        '<text x="42" y="24" font-size="23" font-weight="650" fill="#2f7fb5">sctl</text></svg>'
    )


def _panel(left: float, title: str, *, cells: int, known: bool) -> str:
    dots = [
        _dot(left + x, y, place, _COLOURS[kind] if known else _GREY)
        for kind, (x, y) in enumerate(_CENTRES)
        for place in range(cells)
    ]
    frame = f'<rect x="{left + 4}" y="4" width="218" height="148" rx="10" fill="#f3f6f9" stroke="#dbe2ea"/>'
    text = "".join(
        f'<text x="{left + 113}" y="{179 + 27 * row}" text-anchor="middle" font-size="22" fill="{_WORDS}">{words}</text>'
        for row, words in enumerate(title.split("\n"))
    )
    return frame + "".join(dots) + text


def _dot(x: float, y: float, place: int, color: str) -> str:
    """Place dots as seeds of a sunflower: evenly, without chance."""
    radius = 4.6 * sqrt(place + 0.5)
    dx, dy = radius * cos(place * _GOLDEN), radius * sin(place * _GOLDEN)
    return f'<circle cx="{x + dx:.1f}" cy="{y + dy:.1f}" r="3.1" fill="{color}" fill-opacity="0.85"/>'


def _sign(x: float, sign: str) -> str:
    return f'<text x="{x + 7}" y="88" text-anchor="middle" font-size="26" fill="{_WORDS}">{sign}</text>'
