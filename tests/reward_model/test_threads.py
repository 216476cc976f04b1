import threading

import pytest
import torch

from reward_model.threads import MOST, batches_side_by_side


@pytest.fixture
def threads():
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


@pytest.mark.parametrize("number", [1, 2, MOST + 5])
def test_as_many_run_at_once_as_torch_has_threads_each_on_one(threads, number):
    threads(number)
    together, lock = threading.Barrier(min(number, MOST), timeout=10), threading.Lock()
    seen = []

    def work(batch):
        together.wait()
        with lock:
            seen.append((threading.get_ident(), torch.get_num_threads()))
        return 10 * batch

    batches = range(2 * min(number, MOST))
    assert batches_side_by_side(work, batches) == [10 * batch for batch in batches]
    assert {count for _, count in seen} == {1}
    assert torch.get_num_threads() == number


def test_an_error_is_the_callers_and_threads_are_as_before(threads):
    threads(2)
    with pytest.raises(ZeroDivisionError):
        batches_side_by_side(lambda batch: 1 // batch, [1, 0])
    assert torch.get_num_threads() == 2
