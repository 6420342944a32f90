"""Who reaches the app: this computer alone, and no page that poses as it under another name."""

from __future__ import annotations

import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

HANDSHAKE = (
    "GET /_stcore/stream HTTP/1.1\r\nHost: {host}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


def answer(port: int, host: str, origin: str) -> int:
    """Ask for a websocket as a browser would, and return the status of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        connection.sendall(HANDSHAKE.format(host=host, origin=origin).encode())
        return int(connection.recv(4096).split(b" ", 2)[1])


@pytest.fixture
def port(start_server: Callable[..., str]) -> int:
    found = urlsplit(start_server()).port
    assert found is not None
    return found


def test_only_names_of_this_computer_are_answered(port: int) -> None:
    for name in ("localhost", "127.0.0.1", "[::1]"):
        assert answer(port, f"{name}:{port}", f"http://{name}:{port}") == 101, name
    for name in ("rebound.example", "localhost.example", "127.0.0.1.example", "192.0.2.1"):
        assert answer(port, f"{name}:{port}", f"http://{name}:{port}") == 403, "a rebound name"
        assert answer(port, f"127.0.0.1:{port}", f"http://{name}:{port}") == 403, "a page of somebody else"


def test_nobody_outside_reaches_the_port(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=30):
        pass
    with pytest.raises(ConnectionRefusedError):  # another address that leads here, which 0.0.0.0 would answer
        socket.create_connection(("127.0.0.2", port), timeout=30)
