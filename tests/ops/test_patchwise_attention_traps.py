"""What patchwise attention must not stumble over: threads, forks, poison, autocast, other processors, bad arguments."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from other_processors import PROCESSORS, compiled_with
from patchwise_problems import Sizes, assert_near, case, channels_last, contiguous, results
from torch import Tensor

from sasa_nas.ops import MappingLayer, patchwise_attention
from sasa_nas.ops.patchwise_attention import cpu, naive
from sasa_nas.ops.patchwise_attention.dispatch import explain_choice

WHY = explain_choice(torch.device("cpu"))
needs_a_compiler = pytest.mark.skipif(WHY[0] != "cpu", reason=f"the loops cannot run: {WHY[1]}")


@pytest.fixture
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def by_the_loops(sizes: Sizes) -> dict[str, Tensor]:
    return results(patchwise_attention, case(sizes), torch.float32, backend="cpu")


@needs_a_compiler
@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("sizes", [Sizes(batch=9, size=(5, 7)), Sizes("star", batch=5, size=(9, 33), layers=1)])
def test_the_number_of_threads_changes_no_bit(sizes: Sizes) -> None:
    alone = by_the_loops(sizes)
    for count in (2, 7):
        torch.set_num_threads(count)
        for name, tensor in by_the_loops(sizes).items():
            assert torch.equal(tensor, alone[name]), name


@needs_a_compiler
@pytest.mark.usefixtures("one_thread")
def test_works_in_a_forked_child() -> None:
    problem = case(Sizes(batch=8, size=(9, 9)))
    maps = [tensor.float() for tensor in problem.maps]
    layers = [MappingLayer(*(None if t is None else t.float() for t in layer), 1e-5) for layer in problem.layers]

    def attention() -> Tensor:
        return patchwise_attention(*maps, layers, kernel_size=3, kind="concatenation", backend="cpu")[0]

    torch.set_num_threads(3)
    expected = attention()
    child = os.fork()
    if child == 0:
        os._exit(0 if torch.equal(attention(), expected) else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.slow
@needs_a_compiler
@pytest.mark.parametrize("options", PROCESSORS)
def test_other_processors(options: str, tmp_path: Path) -> None:
    with compiled_with(options, tmp_path):
        form, why = explain_choice(torch.device("cpu"))
        if form != "cpu":
            pytest.skip(f"this compiler cannot: {why}")
        for sizes in (
            Sizes(size=(5, 9), batch=5),
            Sizes(kernel_size=5, size=(4, 33), keys=9, values=22),
            Sizes("star", kernel_size=7, size=(3, 2), layers=1),
            Sizes("clique", size=(1, 17)),
            Sizes(training=False, size=(14, 14), keys=20, values=32, weights=16),
        ):
            problem = case(sizes)
            exact = results(naive.patchwise_attention, problem, torch.float64)
            for lay_out in (contiguous, channels_last):
                assert_near(results(patchwise_attention, problem, torch.float32, lay_out, backend="cpu"), exact)


@needs_a_compiler
@pytest.mark.parametrize("width", [9, 20])
def test_a_nan_stays_in_the_windows_that_show_it(width: int) -> None:
    sizes = Sizes(training=False, size=(5, width), batch=3)
    problem = case(sizes)
    clean = results(patchwise_attention, problem, torch.float32, backend="cpu")
    problem.maps[1][1, 1, 2, 4] = torch.nan
    found = results(patchwise_attention, problem, torch.float32, backend="cpu")
    bad = torch.zeros(3, 5, width, dtype=torch.bool)
    bad[1, 1:4, 3:6] = True
    out = found["out"].movedim(1, -1)
    assert torch.equal(out.isnan().all(-1), bad)
    assert torch.equal(out[~bad], clean["out"].movedim(1, -1)[~bad])
    # gradients of the windows around those pixels
    far = torch.ones_like(bad)
    far[1, 0:5, 2:7] = False
    for name in ("key", "value"):
        assert torch.equal(found[name].movedim(1, -1)[far], clean[name].movedim(1, -1)[far])


def test_autocast_takes_parameters_of_float32() -> None:
    problem = case(Sizes(size=(6, 6)))
    exact = results(naive.patchwise_attention, problem, torch.float64)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        ours = results(patchwise_attention, problem, torch.float32)
    assert ours["out"].dtype == torch.bfloat16
    assert ours["query"].dtype == ours["weight 0"].dtype == torch.float32
    largest = exact["out"].abs().max().item()
    torch.testing.assert_close(ours["out"].double(), exact["out"], rtol=0, atol=0.05 * largest)


@pytest.mark.parametrize("training", [False, True])
def test_an_empty_batch_has_gradients(training: bool) -> None:
    found = results(patchwise_attention, case(Sizes(batch=0, training=training)), torch.float32)
    assert found["out"].shape == found["value"].shape == (0, 4, 4, 5)
    assert not found["weight 1"].any()


@pytest.mark.parametrize("backend", ["auto", "naive", pytest.param("cpu", marks=needs_a_compiler)])
def test_bad_arguments_are_named(backend: str) -> None:
    problem = case(Sizes())
    query, key, value = (tensor.float() for tensor in problem.maps)
    layers = [MappingLayer(*(None if t is None else t.float() for t in layer), 1e-5) for layer in problem.layers]
    good = {"query": query, "key": key, "value": value, "mapping": layers, "kernel_size": 3, "kind": "concatenation"}
    patchwise_attention(**good, backend=backend)
    scale, shift, *_, weight, bias, eps = vars(layers[1]).values()
    for bad, message in (
        ({"kernel_size": 2}, "kernel_size must"),
        ({"kind": "sum"}, "kind must"),
        ({"query": query[0]}, "query must"),
        ({"key": key[:, :1]}, "key must"),
        ({"key": key.double()}, "key must have the type"),
        ({"value": value[:1]}, "value must"),
        ({"value": value.half()}, "value must have the type"),
        ({"value": value[:, :3]}, "weight channels that divides the 3 channels"),
        ({"mapping": layers[:1]}, "weight of mapping must"),
        ({"mapping": layers[1:]}, r"mapping\[0\].weight must"),
        ({"mapping": []}, "mapping must"),
        ({"mapping": [layers[0], MappingLayer(scale.double(), shift, None, None, weight, bias, eps)]}, "norm_weight"),
        (
            {"query": query[:1, :, :1, :1], "key": key[:1, :, :1, :1], "value": value[:1, :, :1, :1]},
            "more than 1 value",
        ),
    ):
        with pytest.raises(ValueError, match=message):
            patchwise_attention(**{**good, **bad}, backend=backend)


def test_backends_that_cannot_run_say_why(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = case(Sizes(layers=3))
    with pytest.raises(ValueError, match="one or two layers"):
        results(patchwise_attention, problem, torch.float32, backend="cpu")
    with pytest.raises(ValueError, match="its loops take float32, not float64"):
        results(patchwise_attention, case(Sizes()), torch.float64, backend="cpu")
    monkeypatch.setenv("SASA_NAS_BACKEND", "triton")
    with pytest.raises(ValueError, match="'triton' cannot run"):
        results(patchwise_attention, case(Sizes()), torch.float32)
    assert explain_choice(torch.device("cpu"))[0] == "triton"


@needs_a_compiler
def test_no_memory_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(dict[str, object]):
        def __missing__(self, name: str) -> object:
            return lambda job: 1

    monkeypatch.setattr(cpu, "load_library", lambda source: Broken())
    with pytest.raises(MemoryError, match="3x3"):
        by_the_loops(Sizes())
