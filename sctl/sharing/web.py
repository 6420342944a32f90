"""Requests to one server: repeated where that is safe, bounded, and every refusal said in words.

urllib3 repeats and requests follows redirects; here are the rules by which they do (see ``docs/decisions/0043``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NoReturn, Self
from urllib.parse import urljoin, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import BaseHTTPResponse, Retry
from urllib3.exceptions import InvalidHeader

from sctl.errors import ParameterError, ServiceError

MAX_JSON = 16_000_000
"""Most bytes of an answer that is read as a whole."""
MAX_WAIT = 120.0
"""Seconds that are waited when the server asks for it; longer waits are told to the user."""
_BUSY = (429, 503)
"""The server did nothing yet, so that anything may be sent again."""
_BROKEN = (500, 502, 504)
_REPEATABLE = ("GET", "PUT", "DELETE")
"""Sending these twice does no more than once; a POST might make two records."""
_MAX_REDIRECTS = 3
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _Patience(Retry):
    """Repeats what may be repeated, and waits as long as the server asks, within bounds."""

    server: Web

    def new(self, **kw: Any) -> Self:
        """Return the rules for the next attempt."""
        following = super().new(**kw)
        following.server = self.server
        return following

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:  # noqa: FBT001, FBT002 - urllib3's
        """Return whether another attempt is left and may change the answer."""
        again = status_code in _BUSY or (status_code in _BROKEN and method in _REPEATABLE)
        return again and bool(self.total)

    def increment(self, *args: Any, **kwargs: Any) -> Self:
        """Count an attempt."""
        if kwargs.get("response") is not None:
            kwargs["response"].close()  # or urllib3 would read all of it, however long it is
        return super().increment(*args, **kwargs)

    def sleep(self, response: BaseHTTPResponse | None = None) -> None:
        """Wait before the next attempt."""
        try:
            wait = None if response is None else self.get_retry_after(response)
        except InvalidHeader:
            wait = None
        if wait is None:
            wait = min(2.0 ** (len(self.history) - 1), 30.0)
        if wait > MAX_WAIT:
            raise ServiceError(
                f"{self.server.name} asks to wait for {wait / 60:.0f} minutes, because it was asked too often.",
                do="Try again after that time.",
            )
        self.server.sleep(wait)


class _Session(requests.Session):
    """Follows redirects of GET that stay on the same server."""

    def __init__(self, server: Web) -> None:
        super().__init__()
        self._server = server
        self.max_redirects = _MAX_REDIRECTS
        patience = _Patience(total=server.attempts - 1, redirect=False, allowed_methods=_REPEATABLE)
        patience.server = server
        for scheme in ("https://", "http://"):
            self.mount(scheme, HTTPAdapter(max_retries=patience))

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Return where an answer leads, if that may be followed."""
        target = super().get_redirect_target(resp)
        if target is None:
            return None
        resp.close()  # or requests would read all of it
        moved = urlsplit(urljoin(resp.url, target))
        if resp.request.method != "GET" or moved[:2] != urlsplit(self._server.base_url)[:2]:
            raise ServiceError(
                f"{self._server.name} leads to another server, which is not asked.",
                do="Download the file in your browser.",
            )
        return target

    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Keep the header: the server is the same, and ``.netrc`` is passed over here too."""


@dataclass(frozen=True)
class Web:
    """A server, and how patiently it is asked.

    Parameters
    ----------
    base_url : str
        What comes before every path. No request goes anywhere else, redirects included.
    token : str
        Sent in the header ``Authorization``, and shown nowhere.
    name : str
        What the user knows the server by.
    attempts : int
        How often a request is sent at most.
    timeout : tuple of float
        Seconds to connect, and between two pieces of an answer.
    sleep : callable
        Waits so many seconds.

    Raises
    ------
    ParameterError
        If the token cannot be one, or would go over an open line.
    """

    base_url: str
    token: str = field(default="", repr=False)
    name: str = "The server"
    attempts: int = 5
    timeout: tuple[float, float] = (10.0, 60.0)
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        """Look at address and token before anything is sent."""
        if self.token and not all("!" <= letter <= "~" for letter in self.token):
            raise ParameterError(
                "This is no token: it holds spaces or special letters.",
                expected="A token is one word of letters and digits.",
                do="Copy it again from the page of the service where it was made.",
            )
        parts = urlsplit(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ParameterError("The address of the service is none.", expected="It begins with https://.")
        if self.token and parts.scheme != "https" and parts.hostname not in _LOOPBACK:
            raise ParameterError(
                "The token would be sent over an open line.", expected="The address should begin with https://."
            )

    def json(self, method: str, path: str, **parts: Any) -> Any:
        """Send a request and return the JSON of the answer, or None where it is empty; see :meth:`exchange`."""
        with self.exchange(method, path, **parts) as response:
            content = _bounded(response, self.name)
        try:
            return json.loads(content) if content else None
        except ValueError as error:
            raise ServiceError(
                f"{self.name} gave an answer that cannot be read.", do="Try again later; it may be under repair."
            ) from error

    @contextmanager
    def exchange(self, method: str, path: str, **parts: Any) -> Iterator[requests.Response]:
        """Send a request and yield the answer, of which only the head has been read.

        Parameters
        ----------
        method : str
        path : str
            Behind :attr:`base_url`.
        **parts
            ``params``, ``json``, ``data`` and ``headers``, as requests takes them.

        Raises
        ------
        ServiceError
            If it is refused, leads elsewhere, or nobody answers.
        """
        url = self.base_url.rstrip("/") + path
        with _Session(self) as session:
            try:
                response = session.request(
                    method, url, auth=self._authorize, timeout=self.timeout, stream=True, **parts
                )
            except requests.TooManyRedirects as error:
                raise ServiceError(f"{self.name} leads in circles.", do="Try again later.") from error
            except requests.RequestException as error:
                raise _unreachable(self.name, method) from error
            with response:
                if not 200 <= response.status_code < 300:
                    self._refuse(response)
                yield response

    def _authorize(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token into the header. Without a token nothing is put there: not even what ``.netrc`` holds."""
        if self.token:
            request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def _refuse(self, response: requests.Response) -> NoReturn:
        code = response.status_code
        found, do = _REFUSALS.get(code, (f"answered with error {code}", "Try again later."))
        details = _details(_bounded(response, self.name)) if code == 400 else ""
        raise ServiceError(f"{self.name} {found}{details}.", do=do)


_REFUSALS = {
    400: ("finds a mistake in what was sent", "Correct it and send it again."),
    401: (
        "does not accept this token",
        "Make a new token there and paste it whole. The sandbox and the real service have tokens of their own.",
    ),
    403: (
        "does not allow this",
        "For publishing, the token needs the rights deposit:write and deposit:actions. Records of others may be closed.",
    ),
    404: ("has no such record or file", "Check the number, and whether it is of the sandbox or the real service."),
    410: ("says that this record was withdrawn", "Ask its authors."),
    413: ("finds the file too large", "Give it in another way."),
    429: ("was asked too often", "Wait a few minutes and try again."),
    500: ("has a fault of its own", "Try again later."),
    502: ("is not working at the moment", "Try again later."),
    503: ("is busy or under repair", "Try again later."),
    504: ("takes too long to answer", "Try again later."),
}


def _bounded(response: requests.Response, name: str) -> bytes:
    """Return the whole answer, if it is not larger than any answer should be."""
    content = b""
    try:
        for block in response.iter_content(1 << 16):
            content += block
            if len(content) > MAX_JSON:
                raise ServiceError(f"{name} gave an answer that is far too long.", do="Try again later.")
    except requests.RequestException as error:
        raise _unreachable(name, response.request.method or "GET") from error
    return content


def _details(content: bytes) -> str:
    """Return what the server says about a mistake, field by field, shortened."""
    try:
        said = json.loads(content)
        parts = [f"{item['field']}: {' '.join(item['messages'])}" for item in said.get("errors", [])[:5]]
    except (AttributeError, KeyError, TypeError, ValueError):
        return ""
    return f" ({'; '.join(parts)[:500]})" if parts else ""


def _unreachable(name: str, method: str) -> ServiceError:
    doubt = "" if method in _REPEATABLE else " Look at your uploads there first: it may have been done all the same."
    return ServiceError(
        f"{name} cannot be reached, or broke off.",
        expected="A connection to the internet is needed.",
        do=f"Check the connection and try again.{doubt}",
    )
