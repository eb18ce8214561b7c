"""The sections of `gpu_check.py`, each of which runs in a process of its own and writes what it finds as JSON."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import kernels
import torch
from contenders import Shape, attention_inputs
from gpu_correctness import Finding, checks_of_cases
from gpu_edges import checks_of_edges
from gpu_operators import checks_of_operators
from gpu_san import checks_of_san, time_san
from measure import machine, measure

from sasa_nas.files import write_text
from sasa_nas.ops.local_attention.problem import Problem
from sasa_nas.ops.local_attention.triton_launch import triton_backward, triton_forward
from sasa_nas.ops.local_attention.triton_plan import Pass, Plan, WindowShape, choose_plan, direct_plan, tile_plan


@dataclass(frozen=True)
class Section:
    """Arguments of a section.

    Attributes:
        device: Where to run.
        seconds: For all of it; begin nothing after that.
        out: The JSON file to write, whole or not at all.
        small: Tiny inputs, to try the script.
    """

    device: torch.device
    seconds: float
    out: Path
    small: bool


def run_section(name: str, section: Section) -> bool:
    """Run one section by name; whether nothing in it failed."""
    sections = {
        **{"cases": _cases, "operators": _operators, "san": _san, "edges": _edges},
        **{"kernels": _kernels, "san_kernels": _san_kernels, "plans": _plans, "steps": _steps, "networks": _networks},
        "full_training": _full_training,
    }
    return sections[name](section)


def _cases(section: Section) -> bool:
    return _checks(checks_of_cases(section.device, small=section.small), section)


def _operators(section: Section) -> bool:
    return _checks(checks_of_operators(section.device, small=section.small), section)


def _san(section: Section) -> bool:
    return _checks(checks_of_san(section.device, small=section.small), section)


def _edges(section: Section) -> bool:
    return _checks(checks_of_edges(section.device, small=section.small), section)


def _checks(checks: Iterable[Callable[[], Finding]], section: Section) -> bool:
    """Make one check after another while there is time."""
    # memory that a kernel should write and does not is NaN
    torch.use_deterministic_algorithms(True, warn_only=True)
    end = time.monotonic() + section.seconds
    findings: list[Finding] = []
    left_out = 0
    for check in checks:
        if time.monotonic() > end:
            left_out += 1
            continue
        try:
            finding = check()
        except Exception as error:
            finding = Finding(repr(check), False, f"{type(error).__name__}: {error}")
        findings.append(finding)
        if not finding.passed:
            print(f"FAILED {finding.name}: {finding.detail}", flush=True)
        if "CUDA error" in finding.detail:
            print("the GPU's context is broken: no more checks", flush=True)
            break
    failed = [finding.name for finding in findings if not finding.passed]
    _write(section, {"left_out": left_out, "failed": failed, "findings": [asdict(f) for f in findings]})
    print(f"{len(findings)} checks, {len(failed)} failed, no time for {left_out}", flush=True)
    return not failed


def _kernels(section: Section) -> bool:
    left_out = kernels.run(section.device, section.seconds, section.out, small=section.small)
    print(f"no time for {', '.join(left_out) or 'nothing more'}", flush=True)
    return True


def _san_kernels(section: Section) -> bool:
    left_out = time_san(section.device, section.seconds, section.out, small=section.small)
    print(f"no time for {', '.join(left_out) or 'nothing more'}", flush=True)
    return True


def _plans(section: Section) -> bool:
    """Time each kernel by other plans than the chosen one, which is how the rules of `triton_plan` get better."""
    end = time.monotonic() + section.seconds
    shapes = [Shape(128, size, 8, depth, 7) for size, depth in ((56, 8), (28, 16), (14, 32), (7, 64))]
    rows: list[dict[str, object]] = []
    for shape in [Shape(1, 3, 2, 4, 3)] if section.small else shapes:
        dtype = torch.bfloat16 if section.device.type == "cuda" else torch.float16
        inputs, grad_out = attention_inputs(shape, dtype, section.device)
        query, key, value, rel_rows, rel_cols = (tensor.detach() for tensor in inputs)
        problem = Problem(query, key, value, rel_rows, rel_cols, shape.kernel_size, 1, 1.0, "mask")
        out, lse = triton_forward(problem)
        for name, change in _plan_changes():
            if time.monotonic() > end:
                break
            planner = partial(_changed_plan, change)
            try:
                forward = measure(partial(triton_forward, problem, planner), section.device, seconds=0.1)
                backward = measure(
                    partial(triton_backward, problem, out, lse, grad_out, planner), section.device, seconds=0.1
                )
            except Exception as error:
                rows.append({"shape": shape.name, "plan": name, "error": f"{type(error).__name__}: {error}"[:300]})
                continue
            print(
                f"{shape.name:28} {name:24} forward {forward.milliseconds:.4f} backward {backward.milliseconds:.4f} ms",
                flush=True,
            )
            rows.append({"shape": shape.name, "plan": name, "forward": asdict(forward), "backward": asdict(backward)})
        _write(section, {"rows": rows})
    return True


Change = Callable[[Plan], Plan]


def _plan_changes() -> Iterator[tuple[str, Change | None]]:
    """Names and changes of the tile plan; None is the kernel without tensor cores."""
    yield "chosen", lambda plan: plan
    yield "direct", None
    for rows, warps in ((32, 2), (64, 2), (128, 4), (128, 8), (16, 1)):
        yield f"rows {rows} warps {warps}", lambda plan, rows=rows, warps=warps: replace(plan, rows=rows, warps=warps)  # type: ignore[misc]
    for stages in (2, 3):
        yield f"stages {stages}", lambda plan, stages=stages: replace(plan, stages=stages)  # type: ignore[misc]
    yield "half steps", lambda plan: replace(plan, step_rows=max(plan.step_rows // 2, 16 // plan.span, 1))


def _changed_plan(change: Change | None, step: Pass, shape: WindowShape) -> Plan:
    if change is None:
        return direct_plan(step, shape)
    return change(tile_plan(step, shape) if shape.dtype != torch.float32 else choose_plan(step, shape))


def _steps(section: Section) -> bool:
    # the first sections need neither pydantic nor PyYAML
    import operators

    return _on_a_gpu(operators.run, section)


def _networks(section: Section) -> bool:
    import networks

    return _on_a_gpu(networks.run, section)


def _full_training(section: Section) -> bool:
    # which needs Pillow
    import full_training

    return _on_a_gpu(full_training.run, section)


def _on_a_gpu(run: Callable[..., list[str]], section: Section) -> bool:
    """Run a benchmark of whole networks, which would say nothing in an interpreter."""
    if section.device.type != "cuda":
        _write(section, {"left_out": "takes a GPU"})
        return True
    left_out = run(section.device, section.seconds, section.out, small=section.small)
    print(f"no time for {', '.join(left_out) or 'nothing more'}", flush=True)
    return True


def _write(section: Section, result: dict[str, object]) -> None:
    text = json.dumps({"machine": machine(section.device)} | result, indent=1)
    write_text(section.out, text + "\n")
