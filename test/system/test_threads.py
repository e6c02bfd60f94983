"""PyTorch's number of threads belongs to whoever set it, in whatever order threads come and go."""

import threading

import pytest
import torch

from depth_sr_ros.system.threads import one_torch_thread


@pytest.fixture(autouse=True)
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    torch.set_num_threads(before)


def test_it_may_be_entered_within_itself():
    with one_torch_thread():
        with one_torch_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 3


@pytest.mark.parametrize("first_out", ["worker", "builder"])
def test_threads_that_overlap_have_their_own_number_back(first_out):
    """As an engine's builder and the worker that serves meanwhile do."""
    leave = {name: threading.Event() for name in ("worker", "builder")}
    entered, after = {name: threading.Event() for name in leave}, {}

    def work(name):
        with one_torch_thread():
            entered[name].set()
            assert leave[name].wait(10)
        after[name] = torch.get_num_threads()

    threads = {name: threading.Thread(target=work, args=(name,)) for name in leave}
    for name, thread in threads.items():  # the second enters, for the first time, while the first one is inside
        thread.start()
        assert entered[name].wait(10)
    for name in sorted(leave, key=lambda name: name != first_out):
        leave[name].set()
        threads[name].join()
    assert after == {"worker": 3, "builder": 3}
    asked = []
    fresh = threading.Thread(target=lambda: asked.append(torch.get_num_threads()))
    fresh.start()
    fresh.join()
    assert asked == [3]


def test_an_error_inside_gives_the_number_back():
    with pytest.raises(ZeroDivisionError), one_torch_thread():
        raise ZeroDivisionError
    assert torch.get_num_threads() == 3
