import subprocess
import sys
import textwrap

import pytest


@pytest.fixture
def run_python():
    """Run a script in a fresh interpreter; returns the finished process."""

    def run(script):
        command = [sys.executable, "-c", textwrap.dedent(script)]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    return run
