import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from conf.errors import TryAgainError, UsageError
from conf.settings import GenerationSettings
from generation.serving.client import TritonPaint
from generation.serving.server import LocalTriton
from tests.generation.conftest import alive, group_of


def shared_memory(prefix):
    return list(Path("/dev/shm").glob(f"{prefix}*"))


def wait_until(condition, seconds=90.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)


def test_leaving_the_block_leaves_nothing_behind(stand_in, quick, tmp_path, make_request):
    with LocalTriton(quick, tmp_path) as server:
        pids, prefix = group_of(server.process), server.shared_memory_prefix
        assert len(pids) >= 2  # the server and its stub
        assert shared_memory(prefix)
        (result,) = TritonPaint(urls=(server.url,)).paint([make_request()])
        assert result.picture.shape == (64, 64, 3)
    assert alive(pids) == []
    assert shared_memory(prefix) == []
    assert "painter" in (tmp_path / "triton.log").read_text()


def test_a_server_killed_while_painting_is_try_again(stand_in, tmp_path, make_request):
    slow = GenerationSettings(max_batch=2, checkpoint="/slow-0.2")
    with LocalTriton(slow, tmp_path) as server:
        pids, prefix = group_of(server.process), server.shared_memory_prefix
        backend = TritonPaint(urls=(server.url,), in_flight=8, attempts=2)
        results = backend.paint([make_request(number) for number in range(40)])
        assert next(results).error is None
        os.kill(pids[0], signal.SIGKILL)
        with pytest.raises(TryAgainError, match="No answer from Triton") as caught:
            list(results)
        assert caught.value.exit_code == 75
        wait_until(lambda: alive(pids) == [])
        wait_until(lambda: shared_memory(prefix) == [])


def test_a_dead_parent_takes_the_server_with_it(tmp_path):
    code = """
import sys, time
from pathlib import Path
import generation.serving.server as server
from conf.settings import GenerationSettings
from tests.generation.conftest import group_of, write_stand_in_repository
server.write_repository = write_stand_in_repository
with server.LocalTriton(GenerationSettings(), Path(sys.argv[1])) as started:
    print(started.shared_memory_prefix, started._folder, started.process.pid, *group_of(started.process), flush=True)
    time.sleep(60)
"""
    root = Path(__file__).parents[3]
    parent = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=root)
    prefix, folder, *pids = parent.stdout.readline().split()
    assert len(pids) >= 3
    parent.kill()
    parent.wait()
    wait_until(lambda: alive([int(pid) for pid in pids]) == [])
    wait_until(lambda: shared_memory(prefix) == [])
    wait_until(lambda: not Path(folder).exists())


def test_a_server_that_cannot_load_the_painter_says_why(stand_in, tmp_path):
    with (
        pytest.raises(UsageError, match=r"cannot paint(.|\n)*no checkpoint in /missing"),
        LocalTriton(GenerationSettings(checkpoint="/missing"), tmp_path),
    ):
        pass
