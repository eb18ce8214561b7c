import pytest
import torch


@pytest.fixture(autouse=True)
def _one_thread():
    """Networks this small spend their time on waking threads, on a busy machine most of all."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
