"""CPU time and peak memory of one function, each in a fresh process, so that nothing is shared or warm."""

from __future__ import annotations

import gc
import multiprocessing
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from threadpoolctl import threadpool_limits


@dataclass(frozen=True)
class Cost:
    """What a function cost: CPU and wall seconds, peak memory above what was there before, in MB."""

    cpu: float
    wall: float
    memory: float
    value: Any


def _forget_peak() -> None:
    """Let the kernel count peak memory from now on (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def _memory(field: str) -> float:
    """Return ``VmRSS`` (now) or ``VmHWM`` (peak) of this process in MB."""
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith(field)) / 1024


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _work(prepare: Callable[[], Any], function: Callable[[Any], Any]) -> Cost:
    with threadpool_limits(limits=1):  # a forked process waits for ever for OpenMP threads that it has not inherited
        given = prepare()
        gc.collect()
        _forget_peak()
        memory, cpu, wall = _memory("VmRSS"), _cpu(), time.perf_counter()
        value = function(given)
        return Cost(_cpu() - cpu, time.perf_counter() - wall, max(_memory("VmHWM") - memory, 0.0), value)


def cost(
    prepare: Callable[[], Any], function: Callable[[Any], Any], *, start: Literal["spawn", "fork"] = "spawn"
) -> Cost:
    """Return the cost of ``function(prepare())`` without that of ``prepare``, in a process of its own with one thread.

    Both must be importable by name (or :func:`functools.partial` of such). A forked process starts at once and
    has everything that this one has imported and cached.
    """
    with multiprocessing.get_context(start).Pool(1) as pool:
        return pool.apply(_work, (prepare, function))
