import subprocess
import sys
import time

from jobs.cpu_time import cpu_seconds

BUSY = "import time\nwhile time.process_time() < {seconds}: pass\n"


def test_work_of_this_process_counts_and_sleep_does_not():
    begin, own = cpu_seconds(), time.process_time()
    time.sleep(0.3)
    while time.process_time() - own < 0.3:
        pass
    assert 0.25 <= cpu_seconds() - begin < 1


def test_children_count_while_they_run_and_after_they_ended():
    begin = cpu_seconds()
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY.format(seconds=0.6)!r}])"
    subprocess.run([sys.executable, "-c", nested], check=True)
    ended = cpu_seconds()
    assert ended - begin >= 0.6
    with subprocess.Popen([sys.executable, "-c", BUSY.format(seconds=60)]) as child:
        deadline = time.monotonic() + 30
        while cpu_seconds() - ended < 0.3 and time.monotonic() < deadline:
            time.sleep(0.05)
        assert cpu_seconds() - ended >= 0.3
        child.kill()
