"""The benchmarks run on tiny inputs, those for a GPU in Triton's interpreter."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from assertions import every
from forked import run_forked
from headless import CHROMIUM

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"

pytestmark = pytest.mark.slow


def run(script: str, *arguments: str, timeout: float = 100.0) -> subprocess.CompletedProcess[str]:
    return run_forked([BENCHMARKS / script, *arguments], timeout=timeout)


@pytest.mark.night
def test_kernels_are_timed_beside_a_convolution(tmp_path: Path) -> None:
    out = tmp_path / "kernels.json"
    answer = run("kernels.py", "--device", "cpu", "--small", "--out", str(out))
    assert answer.returncode == 0, answer.stderr
    (row,) = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert set(row["timings"]) == {"auto", "naive", "slices", "conv3x3"}
    assert every(timing["both"]["milliseconds"] > 0 for timing in row["timings"].values())


@pytest.mark.night
def test_sans_operators_are_timed_in_all_forms(tmp_path: Path) -> None:
    out = tmp_path / "san_kernels.json"
    answer = run("san_kernels.py", "--device", "cpu", "--small", "--out", str(out))
    assert answer.returncode == 0, answer.stderr
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert [row["operator"] for row in rows] == ["aggregate", "subtraction", "hadamard", "star", "concatenation"]
    for row in rows:
        assert set(row["timings"]) == {"auto", "slices", "naive"}
        assert every(timing["both"]["milliseconds"] > 0 for timing in row["timings"].values())


@pytest.mark.night
def test_networks_are_timed_beside_resnet50(tmp_path: Path) -> None:
    out = tmp_path / "networks.json"
    answer = run("networks.py", "--device", "cpu", "--small", "--out", str(out))
    assert answer.returncode == 0, answer.stderr
    (row,) = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert (row["network"], row["mode"], row["error"]) == ("resnet50", "eager", None)
    assert set(row["images_per_second"]) == {"training", "inference"}
    peaks = [timing["peak_bytes"] for timing in row["timings"].values()]
    assert every((peak is None) != (sys.platform == "linux") for peak in peaks)


@pytest.mark.night
@pytest.mark.timeout(300)
def test_exports_are_compared_in_every_runtime(tmp_path: Path) -> None:
    out = tmp_path / "versions.json"
    answer = run("export_versions.py", "--kinds", "conv", "--python", sys.executable, "--out", str(out))
    assert answer.returncode == 0, answer.stderr
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert [row["format"] for row in rows] == ["module"] * 2 + ["onnx"] * 3 + ["torch_export"] * 2
    assert every(row["error"] is None and row["difference"] < 1e-4 for row in rows)


@pytest.mark.night
def test_networks_that_differ_in_the_operator_are_timed_beside_the_convolutional_one(tmp_path: Path) -> None:
    out = tmp_path / "operators.json"
    answer = run("operators.py", "--device", "cpu", "--small", "--out", str(out))
    assert answer.returncode == 0, answer.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["left_out"] == []
    rows = {row["network"]: row for row in result["rows"]}
    assert list(rows) == ["conv", "pairwise", "resnet50", "san10_patchwise"]
    for network, baseline in (("pairwise", "conv"), ("san10_patchwise", "resnet50")):
        row, base = rows[network], rows[baseline]
        assert (row["error"], base["error"], base["time_ratio"]) == (None, None, 1.0)
        assert row["time_ratio"] == pytest.approx(row["milliseconds"] / base["milliseconds"])
    if sys.platform == "linux":
        peaks = [rows[network]["peak_bytes"] for network in ("san10_patchwise", "resnet50")]
        assert rows["san10_patchwise"]["peak_ratio"] == pytest.approx(peaks[0] / peaks[1])
        # the gradients of resnet50's 25.6 million weights are part of it
        assert peaks[1] > 1e8


@pytest.mark.night
def test_proxies_are_timed_beside_their_parts_and_a_bare_loop(tmp_path: Path) -> None:
    out = tmp_path / "proxy.json"
    answer = run("proxy.py", "--device", "cpu", "--small", "--out", str(out))
    assert answer.returncode == 0, answer.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    assert {row["operator"] for row in result["rows"]} == {"conv", "local_attention"}
    for row in result["rows"]:
        assert row["step_over_parts"] == pytest.approx(row["trainer_ms"] / sum(row["parts_ms"].values()))
        assert row["trainer_over_bare"] == pytest.approx(row["bare_ms"] / row["trainer_ms"])
        assert every(milliseconds > 0 for milliseconds in row["parts_ms"].values())
    assert result["machine"]["threads"] == 1


@pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")
def test_the_report_of_a_made_up_run_is_weighed_and_opened(tmp_path: Path) -> None:
    out = tmp_path / "report.json"
    answer = run("report.py", "--trials", "24", "--repeats", "1", "--keep", str(tmp_path / "run"), "--out", str(out))
    assert answer.returncode == 0, answer.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    page = (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert result["bytes"] == len(page.encode())
    for screen in result["screens"].values():
        assert screen["complaints"] == []
        assert screen["requests"] == 1
        assert 0 < screen["milliseconds"]["dom_content_loaded"]["median"] <= screen["milliseconds"]["load"]["median"]
    for section in ("where", "front", "networks", "retrained-target", "predictors", "progress", "curves", "time"):
        assert f'<section id="{section}"' in page


@pytest.mark.night
def test_estimates_are_compared_with_what_trainings_take(tmp_path: Path) -> None:
    out = tmp_path / "estimates.json"
    answer = run("estimates.py", "--device", "cpu", "--small", "--out", str(out))
    assert answer.returncode == 0, answer.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["epochs"] == 2
    assert set(result["medians"]) == {"proxy", "full"}
    assert every(ratio > 0 for ratio in result["medians"].values())


@pytest.mark.night
def test_a_small_load_is_measured(tmp_path: Path) -> None:
    out = tmp_path / "load.json"
    answer = run("load.py", "--small", "--section", "search", "space", "folder", "--out", str(out))
    assert answer.returncode == 0, answer.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    assert [quarter["trials"] for quarter in result["search"]["quarters"]] == [9, 10, 10, 10]
    assert result["search"]["open_files"]["after_a_fifth"] == result["search"]["open_files"]["after_all"]
    assert float(result["large_space"]["designs"]) > 1e30
    assert (result["large_folder"]["files"], result["large_folder"]["classes"]) == (200, 20)
    assert set(result["read_searched"]) == {"pareto", "where", "report"}
    assert every(one["peak_bytes"] > 1e7 for one in result["read_searched"].values())
    assert result["report_searched"]["bytes"] > 1e4


@pytest.mark.night
@pytest.mark.timeout(400)
def test_loaders_are_compared_on_a_few_images(tmp_path: Path) -> None:
    out = tmp_path / "loading.json"
    answer = run("loading.py", "--small", "--section", "resume", "memory", "--out", str(out))
    assert answer.returncode == 0, answer.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    assert result["resume"]["same_order"]
    assert result["memory"]["images"] == 2400
    assert result["memory"]["folder_bytes"] // 3 == result["memory"]["allowed_bytes"]


@pytest.mark.night
def test_a_full_training_is_timed_beside_its_loader_and_its_updates(tmp_path: Path) -> None:
    out = tmp_path / "full_training.json"
    answer = run("full_training.py", "--device", "cpu", "--small", "--workers", "1", "--out", str(out))
    assert answer.returncode == 0, answer.stderr
    result = json.loads(out.read_text(encoding="utf-8"))
    assert (result["small"], result["workers"], result["left_out"]) == (True, 1, [])
    assert [row["network"] for row in result["rows"]] == ["resnet50", "sasa_resnet50"]
    for row in result["rows"]:
        rates = row["images_per_second"]
        assert every(rate > 0 for rate in rates.values())
        assert row["ratio"] == pytest.approx(rates["training"] / min(rates["loader"], rates["step"]))


@pytest.mark.skipif(torch.cuda.is_available(), reason="the kernels themselves are checked by make gpu-check")
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    "sections",
    # by day the kernels themselves run in the interpreter in the tests of `ops`
    [{"cases": 8}, pytest.param({"operators": 8, "san": 4, "edges": 8}, marks=pytest.mark.night)],
    ids=" ".join,
)
def test_what_a_gpu_is_checked_for_holds_in_the_interpreter(tmp_path: Path, sections: dict[str, int]) -> None:
    command = [sys.executable, BENCHMARKS / "gpu_check.py", "--small", "--seconds", "320", "--out", tmp_path]
    # a process of its own: triton is its interpreter from when it is imported on
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TRITON_INTERPRET": "1"}
    answer = subprocess.run(
        [*command, "--section", *sections], capture_output=True, text=True, timeout=350, check=False, env=environment
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    for section, least in sections.items():
        result = json.loads((tmp_path / f"gpu_check_{section}.json").read_text(encoding="utf-8"))
        assert result["failed"] == []
        assert len(result["findings"]) >= least


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_nothing_is_checked(tmp_path: Path) -> None:
    answer = run("gpu_check.py", "--out", str(tmp_path / "results"))
    assert answer.returncode == 2
    assert "no CUDA GPU" in answer.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_the_peak_of_memory_is_what_a_step_holds_at_once() -> None:
    code = (
        "import torch; from resident import peak_growth;"
        "print(peak_growth(lambda: torch.ones(10**7)), peak_growth(lambda: [torch.ones(10**7) for _ in range(3)]))"
    )
    environment = os.environ | {"PYTHONPATH": str(BENCHMARKS)}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    one, three = map(int, answer.stdout.split())
    assert one == pytest.approx(4e7, rel=0.1)
    assert three == pytest.approx(12e7, rel=0.1)


@pytest.mark.night
@pytest.mark.timeout(800)
def test_recipes_are_compared_from_training_to_transfer(tmp_path: Path) -> None:
    out = tmp_path / "recipes.json"
    kept = ["--folder", str(tmp_path / "kept"), "--out", str(out)]
    answer = run("recipes.py", "--small", *kept, timeout=500.0)
    assert answer.returncode == 0, answer.stderr
    rows = json.loads(out.read_text(encoding="utf-8"))["rows"]
    both, one = ("conv", "attention"), ("conv",)
    ways = {"cifar10": both, "proxy": both, "small_20": both, "strong": both, "mild": one, "gentle": one}
    ways |= {"pretrained": both, "head_only": both}
    assert [(row["condition"], row["network"]) for row in rows] == [(w, n) for w, names in ways.items() for n in names]
    assert every(len(row["test"]) == (1 if row["condition"] in ("cifar10", "gentle") else 2) for row in rows)
    # some alone: what is known of others stays
    out.write_text(json.dumps({"rows": [row | {"test": []} for row in rows]}), encoding="utf-8")
    # one as if it had been stopped before its end: it goes on
    (tmp_path / "kept" / "conv_head_only_0" / "result.json").unlink()
    again = run("recipes.py", "--small", *kept, "--only", "head_only", timeout=200.0)
    assert again.returncode == 0, again.stderr
    merged = json.loads(out.read_text(encoding="utf-8"))["rows"]
    trained = {"cifar10", "head_only"}
    assert [row["test"] for row in merged] == [row["test"] if row["condition"] in trained else [] for row in rows]
