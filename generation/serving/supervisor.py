"""Keeps a server on a leash: when the parent or the server ends, nothing is left behind.

``python supervisor.py <parent pid> <shared-memory prefix> <folder> <command> ...`` runs the
command in a process group of its own. It ends the whole group, unlinks its shared memory and
removes the folder of its files when the parent dies (``PR_SET_PDEATHSIG``), when it is told to (SIGTERM), and when the
command ends by itself: Triton's python stubs outlive a killed server for minutes. Standard
library only, and run as a plain file, so that it starts in milliseconds.
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
GRACE_S = 5.0
"""For a server to end by itself; Triton is told to take 2 s at most."""
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # where Linux keeps POSIX shared memory


def die_with_parent(sign: int) -> None:
    """Have the kernel send ``sign`` to this process when its parent ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, sign)


def adopt_orphans() -> None:
    """Become the parent of the server's stubs when the server ends, so that they can be waited for."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)


def wait_for_all() -> None:
    """Wait until no child is left."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


def unlink_shared_memory(prefix: str) -> None:
    """Remove every shared-memory file whose name starts with ``prefix``."""
    for file in SHARED_MEMORY.glob(f"{prefix}*"):
        file.unlink(missing_ok=True)


def supervise(parent: int, prefix: str, folder: str, command: list[str]) -> int:
    """Run the command until it ends or this process is told to end; returns the command's exit status."""

    def stop(_sign: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, stop)
    die_with_parent(signal.SIGTERM)
    adopt_orphans()
    if os.getppid() != parent:
        return 1  # the parent ended before the leash was on
    child = subprocess.Popen(  # noqa: S603  # the command line is the server's
        command,
        start_new_session=True,
        preexec_fn=lambda: die_with_parent(signal.SIGKILL),  # noqa: PLW1509  # this process has one thread
    )
    try:
        return child.wait()
    finally:
        for sign in (signal.SIGTERM, signal.SIGINT):
            signal.signal(sign, signal.SIG_IGN)
        child.terminate()  # a server that can end by itself also removes its temporary files
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(GRACE_S)
        with contextlib.suppress(ProcessLookupError):  # the group may have ended by itself
            os.killpg(child.pid, signal.SIGKILL)
        wait_for_all()
        unlink_shared_memory(prefix)
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(supervise(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4:]))
