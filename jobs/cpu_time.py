"""CPU time of this process and of all that it started: Spark's JVM and its Python workers, Triton."""

from typing import NamedTuple

import psutil


class _Times(NamedTuple):
    parent: int
    total: float
    """User and system seconds of the process and of those of its children that it waited for."""
    children: float
    """The part of these children."""


class CpuClock:
    """Counts CPU seconds from its creation on.

    Processes that end count as well; those that nobody waits for, as Spark's idle Python workers, up to the last time
    that somebody asked.
    """

    def __init__(self) -> None:
        self._before = _now()
        self._spent = 0.0

    def seconds(self) -> float:
        """User and system seconds of this process and its descendants since then."""
        before, now = self._before, _now()
        spent = sum(times.total - (before[pid].total if pid in before else 0.0) for pid, times in now.items())
        # A process that was waited for is counted in its parent from then on, what it had used before included.
        inherited = {pid: now[pid].children - before[pid].children for pid in now if pid in before}
        for pid in sorted(before.keys() - now.keys(), key=lambda pid: -before[pid].total):
            heir = before[pid].parent
            while heir not in now and heir in before:
                heir = before[heir].parent
            twice = min(before[pid].total, inherited.get(heir, 0.0))
            spent -= twice
            if heir in inherited:
                inherited[heir] -= twice
        self._before, self._spent = now, self._spent + max(spent, 0.0)
        return self._spent


def _now() -> dict[int, _Times]:
    own = psutil.Process()
    found = {}
    for process in (own, *own.children(recursive=True)):
        try:
            times, parent = process.cpu_times(), process.ppid()
        except psutil.NoSuchProcess:
            continue
        children = float(times.children_user + times.children_system)
        found[process.pid] = _Times(parent, float(times.user + times.system) + children, children)
    return found
