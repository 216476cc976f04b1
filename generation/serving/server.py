"""The Triton server of this machine: the real one, bundled with nvidia-pytriton, on loopback."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import uuid
from importlib.util import find_spec
from operator import not_
from pathlib import Path
from types import TracebackType
from typing import Self

from tenacity import RetryError, Retrying, retry_if_result, stop_after_delay, wait_fixed

from conf.errors import TryAgainError, UsageError
from conf.settings import GenerationSettings
from generation.serving.client import TritonPaint
from generation.serving.repository import MODEL, write_repository

START_TIMEOUT_S = 120.0
"""Loading torch and the checkpoint takes 3 to 10 s; a busy machine takes longer."""
STOP_TIMEOUT_S = 10.0
PROBE_TIMEOUT_S = 60.0


def bundled_triton() -> Path:
    """Folder of nvidia-pytriton's tritonserver.

    Raises
    ------
    UsageError
        When nvidia-pytriton is not installed, as on anything but Linux on x86-64.
    """
    found = find_spec("pytriton")
    folder = Path(str(found.origin)).parent / "tritonserver" if found else None
    if folder is None or not (folder / "bin" / "tritonserver").is_file():
        raise UsageError(
            "nvidia-pytriton's tritonserver is not installed (it needs Linux on x86-64): install it, "
            "or name a server with generation.backend=triton and generation.urls"
        )
    return folder


def link_backend(folder: Path) -> Path:
    """A python-backend folder with library, utilities and the stub of this Python, as symbolic links.

    The bundled ``backends/python`` lacks the stub; Triton looks for it beside the library.
    """
    triton, python = bundled_triton(), folder / "python"
    python.mkdir(parents=True, exist_ok=True)
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    for file in (
        triton / "backends" / "python" / "libtriton_python.so",
        triton / "backends" / "python" / "triton_python_backend_utils.py",
        triton / "python_backend_stubs" / version / "triton_python_backend_stub",
    ):
        (python / file.name).symlink_to(file)
    return folder


def free_ports(count: int) -> list[int]:
    """Ports of the loopback interface that nobody listens on."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return ports


def server_environment() -> dict[str, str]:
    """The environment in which Triton's stub finds this Python, its packages and ours.

    OpenMP threads sleep while they wait (``OMP_WAIT_POLICY``): the server shares its cores with
    Spark, and spinning made painting up to ten times slower on two busy cores.
    """
    root = Path(__file__).resolve().parents[2]
    inherited = os.environ.get("PYTHONPATH")
    libraries = [str(sysconfig.get_config_var("LIBDIR")), os.environ.get("LD_LIBRARY_PATH", "")]
    return {
        "OMP_WAIT_POLICY": "PASSIVE",
        **os.environ,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
        "PYTHONPATH": os.pathsep.join([str(root), *([inherited] if inherited else [])]),
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, libraries)),
    }


class LocalTriton:
    """A Triton server for the length of a ``with`` block.

    It ends with the thread that started it, at the latest (``PR_SET_PDEATHSIG`` is per thread).

    Parameters
    ----------
    settings
        Batch size, checkpoint, instances and timeouts.
    logs
        Folder of ``triton.log``, which holds what the latest server said.

    Raises
    ------
    UsageError
        When the server ends, cannot load the painter or paints nothing in time; the message ends with its log.
    """

    def __init__(self, settings: GenerationSettings, logs: Path) -> None:
        self.settings = settings
        self.log = logs / "triton.log"
        self.url = ""
        """gRPC address, known once started."""
        self.process: subprocess.Popen[bytes] | None = None
        """The supervisor; the server is its child."""
        self.shared_memory_prefix = f"coverlift_{uuid.uuid4().hex[:12]}_"
        self._folder = Path()

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="coverlift-triton-"))
        try:
            self._start()
            self._wait_until_it_paints()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """End the server's whole process group, remove its shared memory and its files."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None
        shutil.rmtree(self._folder, ignore_errors=True)

    def _start(self) -> None:
        repository = write_repository(self._folder / "models", self.settings)
        backends = link_backend(self._folder / "backends")
        http, grpc, metrics = free_ports(3)
        self.url = f"127.0.0.1:{grpc}"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        command = [
            str(bundled_triton() / "bin" / "tritonserver"),
            f"--model-repository={repository}",
            f"--backend-directory={backends}",
            f"--backend-config=python,shm-region-prefix-name={self.shared_memory_prefix}",
            "--model-control-mode=explicit",
            f"--load-model={MODEL}",
            "--disable-auto-complete-config",
            "--exit-on-error=false",
            "--exit-timeout-secs=2",
            "--http-address=127.0.0.1",
            f"--http-port={http}",
            "--grpc-address=127.0.0.1",
            f"--grpc-port={grpc}",
            "--metrics-address=127.0.0.1",
            f"--metrics-port={metrics}",
        ]
        supervisor = [sys.executable, "-S", "-E", str(Path(__file__).with_name("supervisor.py"))]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own command line
                [*supervisor, str(os.getpid()), self.shared_memory_prefix, str(self._folder), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=server_environment(),
                start_new_session=True,
            )

    def _wait_until_it_paints(self) -> None:
        """Health is a painted picture: ``ready`` stays true after a stub crashed.

        The server is live once it has tried to load the painter, so one probe tells.
        """
        waiting = Retrying(stop=stop_after_delay(START_TIMEOUT_S), wait=wait_fixed(0.1), retry=retry_if_result(not_))
        try:
            waiting(self._is_live)
            TritonPaint(urls=(self.url,), timeout_s=PROBE_TIMEOUT_S, attempts=1).fingerprint()
        except RetryError as error:
            raise self._failure(f"did not start in {START_TIMEOUT_S:.0f} s") from error
        except TryAgainError as error:
            raise self._failure("cannot paint") from error

    def _is_live(self) -> bool:
        from tritonclient.grpc import InferenceServerClient
        from tritonclient.utils import InferenceServerException

        if self.process is None or self.process.poll() is not None:
            raise self._failure("ended while starting")
        with InferenceServerClient(self.url) as client, contextlib.suppress(InferenceServerException):
            return bool(client.is_server_live())
        return False

    def _failure(self, what: str) -> UsageError:
        lines = self.log.read_text(errors="replace").splitlines()
        telling = [line for line in lines if line.strip() and line[0] not in "I|+"]
        return UsageError("\n".join([f"The Triton server of this machine {what}. From {self.log}:", *telling[-12:]]))
