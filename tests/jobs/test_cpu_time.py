import subprocess
import sys
import time

from jobs.cpu_time import CpuClock

BUSY = "import time\nwhile time.process_time() < {seconds}: pass\n"
LEFT = f"""
import os, signal, sys, time
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # as Spark's daemon of Python workers does: nobody inherits their time
if not os.fork():
    exec({BUSY.format(seconds=0.5)!r})
    print("busy", flush=True)
    sys.stdin.readline()
    os._exit(0)
time.sleep(60)
"""


def test_work_of_this_process_counts_and_sleep_does_not():
    clock, own = CpuClock(), time.process_time()
    time.sleep(0.3)
    while time.process_time() - own < 0.3:
        pass
    assert 0.25 <= clock.seconds() < 1


def test_children_count_while_they_run_and_after_they_ended():
    clock = CpuClock()
    nested = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BUSY.format(seconds=0.6)!r}])"
    subprocess.run([sys.executable, "-c", nested], check=True)
    ended = clock.seconds()
    assert ended >= 0.6
    with subprocess.Popen([sys.executable, "-c", BUSY.format(seconds=60)]) as child:
        deadline = time.monotonic() + 30
        while clock.seconds() - ended < 0.3 and time.monotonic() < deadline:
            time.sleep(0.05)
        known = clock.seconds()
        assert known - ended >= 0.3
        child.kill()
    assert known <= clock.seconds() < known + 0.5


def test_who_ends_after_the_start_is_not_counted_for_what_it_did_before():
    with subprocess.Popen([sys.executable, "-c", BUSY.format(seconds=60)]) as child:
        time.sleep(1.0)
        clock = CpuClock()
        child.kill()
    assert clock.seconds() < 0.5


def test_nothing_is_taken_off_for_a_process_whose_time_nobody_inherits():
    with subprocess.Popen([sys.executable, "-c", LEFT], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        clock, own = CpuClock(), time.process_time()
        parent.stdin.write(b"\n")
        parent.stdin.flush()
        time.sleep(0.3)
        while time.process_time() - own < 0.3:
            pass
        assert clock.seconds() >= 0.29
        parent.kill()
