"""Text of others inside Markdown, on pages and in notebooks."""

from __future__ import annotations

import re

_ADDRESS = re.compile(r"(https?://|www(?=\.)|(?<=[-.\w+])@(?=[-\w]))", re.IGNORECASE)
_LINE = re.compile(r"\r\n|\r|\n")


def plain(text: str) -> str:
    r"""Return text that Markdown shows as it is: file and column names may hold its signs.

    Addresses become links even where their signs are escaped; a joiner without width, which browsers pass over in an
    address, keeps them text.

    Examples
    --------
    >>> print(plain("cell_type"))
    cell\_type
    """
    text = _ADDRESS.sub("\\1\u2060", text)
    for sign in "\\`*_[]$<>#|~:@":
        text = text.replace(sign, f"\\{sign}")
    return text


def code_block(text: str) -> str:
    r"""Return text as an indented block, which Markdown shows as it is, whatever lines it has.

    Examples
    --------
    >>> code_block("one\n![](two)")
    '    one\n    ![](two)'
    """
    return "\n".join(f"    {line}" for line in _LINE.split(text))
