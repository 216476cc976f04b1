"""A PostgreSQL server of one's own: started in a temporary folder, gone afterwards."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLACES = ("/usr/lib/postgresql", "/usr/local/pgsql", "/opt/homebrew/opt/postgresql")
SETTINGS = {"shared_buffers": "128MB", "max_wal_size": "2GB", "max_connections": "100", "log_min_messages": "warning"}


def programs() -> Path:
    """Folder of ``initdb`` and ``postgres``.

    Raises
    ------
    FileNotFoundError
        When PostgreSQL is not installed.
    """
    on_path = shutil.which("initdb")
    found = [Path(on_path).parent] if on_path else []
    found += sorted(path.parent for place in PLACES for path in Path(place).glob("**/bin/initdb"))
    if not found:
        raise FileNotFoundError("There is no PostgreSQL: `apt-get install postgresql` (its server need not run).")
    return found[-1]


def free_port() -> int:
    """A port of the loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def postgres(*, durable: bool = True) -> Iterator[str]:
    """Run a server; yields the URL of an empty database of it. Root runs it as the user ``postgres``.

    Parameters
    ----------
    durable
        Whether a commit waits for the disk, as it does by default; what measures time or kills things needs it.
    """
    owner = "postgres" if os.geteuid() == 0 else None
    place = "/var/tmp" if owner else None  # root's own folders may be closed to others
    binaries, folder = programs(), Path(tempfile.mkdtemp(prefix="coverlift-postgres-", dir=place))
    if owner:
        shutil.chown(folder, owner, owner)
    port, password = free_port(), secrets.token_hex(16)
    run = {"user": owner, "group": owner, "extra_groups": [] if owner else None, "cwd": folder}
    try:
        (folder / "password").write_text(password)
        if owner:
            shutil.chown(folder / "password", owner, owner)
        locale, secret = ("-E", "UTF8", "--locale=C.UTF-8"), ("--pwfile", folder / "password")
        subprocess.run(
            [binaries / "initdb", "-D", folder / "data", "-U", "desk", "-A", "scram-sha-256", *locale, *secret],
            check=True,
            capture_output=True,
            **run,
        )
        options = {
            **SETTINGS,
            "port": str(port),
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(folder),
        }
        options |= {} if durable else {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen([binaries / "postgres", "-D", folder / "data", *flags], stderr=log, **run)
        try:
            _wait(binaries, port, server, folder / "log")
            yield f"postgresql://desk:{password}@127.0.0.1:{port}/postgres"
        finally:
            server.send_signal(signal.SIGQUIT)  # "immediate": its files are thrown away
            server.wait(30)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait(binaries: Path, port: int, server: "subprocess.Popen[bytes]", log: Path) -> None:
    for _ in range(200):
        asked = subprocess.run([binaries / "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(port)], check=False)
        if asked.returncode == 0:
            return
        if server.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"PostgreSQL did not start: {log.read_text(errors='replace')[-500:]}")
