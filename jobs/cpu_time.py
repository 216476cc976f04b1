"""CPU time of this process and of all that it started: Spark's JVM and its Python workers, Triton."""

import psutil


def cpu_seconds() -> float:
    """User and system seconds of this process and its descendants so far, those that have ended included.

    A descendant counts once its parent has waited for it; one that outlived its parent is not found any more.
    """
    own = psutil.Process()
    return sum(_of(process) for process in (own, *own.children(recursive=True)))


def _of(process: psutil.Process) -> float:
    """Of one process and of those of its children that ended; 0 where it has ended meanwhile."""
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system + times.children_user + times.children_system)
