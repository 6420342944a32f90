"""Ctrl-C: a stop switch that computations poll, so that nothing is thrown into code that would drop it.

A ``KeyboardInterrupt`` can be raised in a callback of compiled code, which prints it and goes on. Therefore a signal only
sets a switch; and a thread, which is woken by the system however busy the main thread is, ends a process that does not
stop by itself.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Self

from sctl.errors import Cancelled
from sctl.io.system import system_errors

STOPPED = "sctl: stopped."
GRACE = 2.0
"""Seconds that a computation has to reach its next step; then the process is ended."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSwitch:
    """While entered: a first Ctrl-C (or SIGTERM) asks to stop, a second ends the process at once.

    Outside the main thread, which alone may handle signals, it is never set.
    """

    def __init__(self) -> None:
        self._number = 0
        self._told = threading.Event()
        self._deciding = threading.Lock()  # between the end of the process and the output's taking its place
        self._committed = False
        self._unfinished: set[Path] = set()
        self._before: dict[signal.Signals, Any] = {}

    def is_set(self) -> bool:
        """Tell whether the user has asked to stop."""
        return self._told.is_set()

    @property
    def status(self) -> int:
        """Exit status of a process that was stopped, as shells expect it: 130 after Ctrl-C."""
        return 128 + (self._number or signal.SIGINT)

    @contextmanager
    def output(self, path: Path) -> Iterator[Path]:
        """Yield a path of the same name to write to; what is there at the end becomes ``path``.

        Raises
        ------
        Cancelled
            If the user has asked to stop: nothing is left behind. After this block a stop takes nothing back.
        DataError
            If the system does not let us write.
        """
        with system_errors(f"{path.name} cannot be written"), self._replacing(path) as unfinished:
            yield unfinished

    @contextmanager
    def _replacing(self, path: Path) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
        self._unfinished.add(folder)
        try:
            yield folder / path.name
            with self._deciding:
                if self.is_set() and not self._committed:
                    raise Cancelled
                (folder / path.name).replace(path)
                self._committed = True
        finally:
            shutil.rmtree(folder, ignore_errors=True)
            self._unfinished.discard(folder)

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._awake, self._wakes = socket.socketpair()
            self._wakes.settimeout(0)
            self._wakes_before = signal.set_wakeup_fd(self._wakes.fileno(), warn_on_full_buffer=False)
            self._before = {number: signal.signal(number, self._set) for number in _SIGNALS}
            self._watcher = threading.Thread(target=self._watch, name="stop switch", daemon=True)
            self._watcher.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self._before:
            signal.set_wakeup_fd(self._wakes_before)
            for number, handler in self._before.items():
                signal.signal(number, handler)
            self._wakes.close()
            self._watcher.join()
            self._awake.close()

    def _set(self, number: int, frame: FrameType | None) -> None:
        """Note the signal, where the main thread gets to it."""
        self._number = self._number or number
        self._told.set()

    def _watch(self) -> None:
        """Note signals while the main thread is busy, and end the process where it goes on too long."""
        while True:
            try:
                seen = self._awake.recv(64)
            except TimeoutError:
                with self._deciding:
                    if not self._committed:
                        self._end()
                continue
            if not seen:  # the other side was closed: the command has ended
                return
            for number in seen:
                if number in _SIGNALS:
                    if self._awake.gettimeout() is not None:
                        with self._deciding:
                            self._end()
                    self._set(number, None)
                    self._awake.settimeout(GRACE)

    def _end(self) -> None:
        """End the process, wherever the main thread is."""
        for folder in self._unfinished:
            shutil.rmtree(folder, ignore_errors=True)
        sys.stderr.write(f"\n{STOPPED}\n")
        sys.stderr.flush()
        os._exit(self.status)
