"""Requests to one server: repeated where that is safe, bounded, and every refusal said in words."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, NoReturn
from urllib.parse import urljoin, urlsplit

import requests
from requests.auth import AuthBase

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
_MOVED = (301, 302, 303, 307, 308)
_MAX_MOVES = 3
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class _Bearer(AuthBase):
    """Put the token into the header. Without a token nothing is put there: not even what ``.netrc`` holds."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, r: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            r.headers["Authorization"] = f"Bearer {self._token}"
        return r


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is sent: JSON or a body, which is made anew for every attempt."""

    method: str
    path: str
    json: Any = None
    query: Mapping[str, str | int] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Callable[[], Any] | None = None


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

    def json(self, method: str, path: str, **rest: Any) -> Any:
        """Send a request and return the JSON of the answer, or None where it is empty; see :class:`Request`."""
        with self.exchange(Request(method=method, path=path, **rest)) as response:
            content = _bounded(response, self.name)
        try:
            return json.loads(content) if content else None
        except ValueError as error:
            raise ServiceError(
                f"{self.name} gave an answer that cannot be read.", do="Try again later; it may be under repair."
            ) from error

    @contextmanager
    def exchange(self, request: Request) -> Iterator[requests.Response]:
        """Send a request and yield the answer, of which only the head has been read.

        Raises
        ------
        ServiceError
            If it is refused, leads elsewhere, or nobody answers.
        """
        with requests.Session() as session, self._answer(session, request) as response:
            if not response.ok:
                self._refuse(response)
            yield response

    def _answer(self, session: requests.Session, request: Request) -> requests.Response:
        """Return the first answer that asking again would not change."""
        for attempt in range(1, self.attempts + 1):
            last = attempt == self.attempts
            try:
                response = self._followed(session, request)
            except requests.RequestException as error:
                if last or request.method not in _REPEATABLE:
                    raise _unreachable(self.name, request.method) from error
                self.sleep(_back_off(attempt))
                continue
            again = response.status_code in _BUSY or (response.status_code in _BROKEN and request.method in _REPEATABLE)
            if last or not again:
                return response
            wait = _wait(response, attempt)
            response.close()
            self.sleep(self._bearable(wait))
        raise _unreachable(self.name, request.method)

    def _bearable(self, wait: float) -> float:
        if wait > MAX_WAIT:
            raise ServiceError(
                f"{self.name} asks to wait for {wait / 60:.0f} minutes, because it was asked too often.",
                do="Try again after that time.",
            )
        return wait

    def _followed(self, session: requests.Session, request: Request) -> requests.Response:
        """Send once, and follow redirects that stay on the same server."""
        url = self.base_url.rstrip("/") + request.path
        query: Mapping[str, str | int] | None = request.query
        for _ in range(_MAX_MOVES + 1):
            response = session.request(
                request.method,
                url,
                params=query,
                json=request.json,
                data=request.body() if request.body else None,
                headers=dict(request.headers),
                auth=_Bearer(self.token),
                timeout=self.timeout,
                allow_redirects=False,
                stream=True,
            )
            if response.status_code not in _MOVED:
                return response
            moved = urljoin(url, response.headers.get("Location", ""))
            response.close()
            if request.method != "GET" or urlsplit(moved)[:2] != urlsplit(self.base_url)[:2]:
                raise ServiceError(
                    f"{self.name} leads to another server, which is not asked.", do="Download the file in your browser."
                )
            url, query = moved, None
        raise ServiceError(f"{self.name} leads in circles.", do="Try again later.")

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


def _back_off(attempt: int) -> float:
    return min(2.0 ** (attempt - 1), 30.0)


def _wait(response: requests.Response, attempt: int) -> float:
    """Return the seconds that the server asks for, be they a number or a date; else longer at every attempt."""
    asked = response.headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked)
    try:
        until = parsedate_to_datetime(asked)
    except ValueError:
        return _back_off(attempt)
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - datetime.now(UTC)).total_seconds())


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
