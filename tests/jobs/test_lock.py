"""One command at a time in a home."""

import pytest

from conf.errors import TryAgainError
from jobs.lock import only_one


def test_the_home_is_locked_for_one_and_freed_by_death(tmp_path, run_python):
    with only_one(tmp_path), pytest.raises(TryAgainError, match=r"process \d+") as caught, only_one(tmp_path):
        pass
    assert caught.value.exit_code == 75
    died = run_python(
        f"""
        import os, signal
        from pathlib import Path
        from jobs.lock import only_one
        with only_one(Path({str(tmp_path)!r})):
            os.kill(os.getpid(), signal.SIGKILL)
        """
    )
    assert died.returncode == -9
    with only_one(tmp_path):
        pass
