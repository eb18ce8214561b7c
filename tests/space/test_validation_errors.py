"""Every mistake in a space's tree is one line: the file, the path, the value, and what would do."""

from pathlib import Path

import pytest

from sasa_nas.documents import DescriptionError
from sasa_nas.space import load_space

SPACE = """\
block: bottleneck
stem: {kind: conv, width: 16}
stages:
  - blocks: {choice: [1, 2]}
    width: 32
    operator:
      choice:
        - {kind: conv, kernel_size: {choice: [3, 5]}}
        - {kind: local_attention, num_heads: 4}
  - {blocks: 1, width: {range: [32, 64, 16]}, stride: 2, operator: {kind: pairwise}}
proxy: {dataset: digits}
"""

STEM = "{kind: conv, width: 16}"
BLOCKS = "{choice: [1, 2]}"
KERNEL = "kernel_size: {choice: [3, 5]}"
HEADS = "num_heads: 4"
LAST = "{kind: pairwise}"
PROXY = "proxy: {dataset: digits}"

FORMS = [
    ("block: bottleneck", "block: bottlneck", "block = 'bottlneck'", "'bottleneck', 'basic', "),
    ("block: bottleneck", "block: null", "block = None", "'bottleneck', 'basic', "),
    ("block: bottleneck", "block: {choice: [basic, deep]}", "block.choice[1] = 'deep'", "'bottleneck', 'basic', "),
    ("block: bottleneck", "block: {range: [1, 2, 1]}", "block = {'range': [1, 2, 1]}", "{choice: [...]}"),
    ("block: bottleneck", "block: {choices: [basic]}", "block.choices", "did you mean 'choice'"),
    (STEM, "7", "stem = 7", "object with named fields"),
    (STEM, "{width: 16}", "stem = {'width': 16}", "needs a 'kind'"),
    (STEM, "{kind: konv}", "stem = {'kind': 'konv'}", "did you mean 'conv'"),
    (STEM, "{kind: local_attention}", "stem = {'kind': 'local_attention'}", "known kinds: 'conv', 'attention'"),
    (STEM, "{kind: conv, width: wide}", "stem.width = 'wide'", "valid integer"),
    (STEM, "{kind: conv, width: '16'}", "stem.width = '16'", "valid integer"),
    (STEM, "{kind: conv, width: true}", "stem.width = True", "valid integer"),
    (STEM, "{kind: conv, width: 16.5}", "stem.width = 16.5", "valid integer"),
    (STEM, "{kind: conv, width: 0}", "stem.width = 0", "greater than or equal to 1"),
    (STEM, "{kind: conv, stride: 5}", "stem.stride = 5", "less than or equal to 4"),
    (STEM, "{kind: conv, pool: 'on'}", "stem.pool = 'on'", "valid boolean"),
    (STEM, "{kind: conv, pool: 1}", "stem.pool = 1", "valid boolean"),
    (STEM, "{kind: conv, widht: 16}", "stem.widht", "did you mean 'width'"),
    (STEM, "{choice: [conv]}", "stem.choice[0] = 'conv'", "object with named fields"),
    (STEM, "{choice: {kind: conv}}", "stem.choice = {'kind': 'conv'}", "must be a list"),
    (BLOCKS, "[1, 2]", "stages[0].blocks = [1, 2]", "valid integer"),
    (BLOCKS, "{choic: [1, 2]}", "stages[0].blocks.choic", "did you mean 'choice'"),
    (BLOCKS, "{rnage: [1, 2, 1]}", "stages[0].blocks.rnage", "did you mean 'range'"),
    (BLOCKS, "{choice: [1], weight: 3}", "stages[0].blocks.weight", "allowed here: choice"),
    (BLOCKS, "{choice: []}", "stages[0].blocks.choice = []", "at least one"),
    (BLOCKS, "{choice: [1, two]}", "stages[0].blocks.choice[1] = 'two'", "valid integer"),
    (BLOCKS, "{choice: [1, 0]}", "stages[0].blocks.choice[1] = 0", "greater than or equal to 1"),
    (BLOCKS, "{choice: [{choice: [1]}]}", "stages[0].blocks.choice[0].choice", "cannot stand here"),
    (BLOCKS, "{range: 5}", "stages[0].blocks.range = 5", "[low, high, step]"),
    (BLOCKS, "{range: [1, 2]}", "stages[0].blocks.range = [1, 2]", "[low, high, step]"),
    (BLOCKS, "{range: [1, 2, '1']}", "stages[0].blocks.range = [1, 2, '1']", "three numbers"),
    (BLOCKS, "{range: [true, 2, 1]}", "stages[0].blocks.range = [True, 2, 1]", "three numbers"),
    (BLOCKS, "{range: [3, 1, 1]}", "stages[0].blocks = {'range': [3, 1, 1]}", "low <= high"),
    (BLOCKS, "{range: [1, 4, 0]}", "stages[0].blocks = {'range': [1, 4, 0]}", "step > 0"),
    (BLOCKS, "{range: [1, 4, 2]}", "stages[0].blocks = {'range': [1, 4, 2]}", "from 1 to 4 exactly"),
    (BLOCKS, "{range: [1, 1000000000, 1]}", "stages[0].blocks = {'range': [1, 1000000000, 1]}", "more than 1000"),
    (BLOCKS, "{range: [0, 2, 1]}", "stages[0].blocks = 0", "greater than or equal to 1"),
    (BLOCKS, "{range: [1, 2, 0.5]}", "stages[0].blocks = 1.0", "valid integer"),
    (KERNEL, "kernel_size: 4", "stages[0].operator.choice[0].kernel_size = 4", "3 or 5 would do"),
    (KERNEL, "kernel_size: {choice: [3, 6]}", "stages[0].operator.choice[0].kernel_size.choice[1] = 6", "odd"),
    (KERNEL, "kernel_size: {range: [3, 5, 1]}", "stages[0].operator.choice[0].kernel_size = 4", "odd"),
    (KERNEL, "kernelsize: 3", "stages[0].operator.choice[0].kernelsize", "did you mean 'kernel_size'"),
    (KERNEL, "num_heads: 2", "stages[0].operator.choice[0].num_heads", "allowed here: kind, kernel_size"),
    (HEADS, "padding: zero", "stages[0].operator.choice[1].padding = 'zero'", "'mask' or 'zeros'"),
    (LAST, "{kind: pairwise, key_ratio: 1.5}", "stages[1].operator.key_ratio = 1.5", "less than or equal to 1"),
    (LAST, "{kind: pairwise, key_ratio: 0}", "stages[1].operator.key_ratio = 0", "greater than 0"),
    (LAST, "{choice: [{kind: conv}, conv]}", "stages[1].operator.choice[1] = 'conv'", "object with named fields"),
    ("stride: 2", "stride: 3", "stages[1].stride = 3", "less than or equal to 2"),
    ("stride: 2", "strid: 2", "stages[1].strid", "did you mean 'stride'"),
    (PROXY, "prxoy: {}", "prxoy", "did you mean 'proxy'"),
    (PROXY, "name: 7", "name = 7", "valid string"),
    (PROXY, "image: {heigth: 8}", "image.heigth", "did you mean 'height'"),
    (PROXY, "proxy: {datset: digits}", "proxy.datset", "did you mean 'dataset'"),
    (PROXY, "proxy: {width_multiplier: {choice: [1]}}", "proxy.width_multiplier.choice", "cannot stand here"),
    (PROXY, "proxy: {recipe: {epoch: 3}}", "proxy.recipe.epoch", "did you mean 'epochs'"),
    (PROXY, "proxy: {recipe: {learning_rate: .inf}}", "proxy.recipe.learning_rate = inf", "finite"),
    (PROXY, "limits: {max_flops: .nan}", "limits.max_flops = nan", "finite"),
    (PROXY, "limits: {max_param: 3}", "limits.max_param", "did you mean 'max_params'"),
    (PROXY, "limits: {max_flops: lots}", "limits.max_flops = 'lots'", "valid number"),
]

MISFITS = [
    (HEADS, "num_heads: 5", "stages[0].operator.choice[1].num_heads", "width=32 (divisors: 1, 2, 4, 8, 16, 32)"),
    (HEADS, "num_heads: 32", "stages[0].operator.choice[1].num_heads", "an even number"),
    (HEADS, "num_heads: {choice: [4, 6]}", "stages[0].operator.choice[1].num_heads.choice[1]", "num_heads=6 does not"),
    (HEADS, "num_heads: {choice: [3, 6]}", "stages[0].operator.choice[1].num_heads", "num_heads=3 does not"),
    (HEADS, "num_heads: {range: [5, 7, 1]}", "stages[0].operator.choice[1].num_heads", "num_heads=5 does not"),
    (
        HEADS,
        "num_heads: 4, interactions: relative, positions: none",
        "stages[0].operator.choice[1].interactions",
        "needs positions=relative",
    ),
    (LAST, "{kind: pairwise, share_channels: 7}", "stages[1].operator.share_channels", "share_channels=7 does not"),
    (LAST, "{kind: global_attention, num_heads: 5}", "stages[1].operator.num_heads", "num_heads=5 does not"),
    (LAST, "{kind: augmented_conv, num_heads: 65}", "stages[1].operator.num_heads", "num_heads=65 exceeds width"),
    (STEM, "{kind: attention, width: 18}", "stem.num_heads", "num_heads=4 does not divide width=18"),
    (STEM, "{choice: [{kind: conv}, {kind: attention, width: 18}]}", "stem.choice[1].num_heads", "width=18"),
    (STEM, "{kind: attention, num_heads: {choice: [4, 5]}}", "stem.num_heads.choice[1]", "num_heads=5 does not"),
    (STEM, "{kind: attention, width: {choice: [16, 18]}}", "stem.width.choice[1]", "width=18"),
]


def complaint(tmp_path: Path, text: str) -> str:
    """The one line about this space, without the file's name that it must begin with."""
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(DescriptionError) as caught:
        load_space(file)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{file}: ")
    return message.removeprefix(f"{file}: ")


def test_the_space_without_mistakes_is_one(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(SPACE, encoding="utf-8")
    assert load_space(file).name == "mine"


@pytest.mark.parametrize(("old", "new", "place", "words"), FORMS, ids=[form[1] for form in FORMS])
def test_a_mistake_names_its_place_and_what_would_do(
    tmp_path: Path, old: str, new: str, place: str, words: str
) -> None:
    assert old in SPACE
    message = complaint(tmp_path, SPACE.replace(old, new, 1))
    assert message.startswith(f"{place}: ")
    assert words in message
    assert "; st" not in message, "one mistake, one complaint"


@pytest.mark.parametrize(("old", "new", "place", "words"), MISFITS, ids=[misfit[1] for misfit in MISFITS])
def test_an_option_that_never_fits_is_refused(tmp_path: Path, old: str, new: str, place: str, words: str) -> None:
    assert old in SPACE
    message = complaint(tmp_path, SPACE.replace(old, new, 1))
    assert message.startswith(f"{place}: ")
    assert words in message


def test_heads_that_divide_at_full_width_alone_are_refused(tmp_path: Path) -> None:
    proxy = "proxy: {width_multiplier: 0.25}"
    heads = SPACE.replace(HEADS, "num_heads: 16")
    load = tmp_path / "wide.yaml"
    load.write_text(heads, encoding="utf-8")
    load_space(load)
    message = complaint(tmp_path, heads.replace(PROXY, proxy))
    assert message.startswith("stages[0].operator.choice[1].num_heads: num_heads=16 does not divide width=8 ")
    assert "proxy's width_multiplier=0.25" in message


def test_heads_inside_a_choice_of_stage_lists_are_checked(tmp_path: Path) -> None:
    bad = "{width: 32, operator: {kind: local_attention, num_heads: 5}}"
    message = complaint(tmp_path, f"stages: {{choice: [[{{width: 32}}], [{{width: 32}}, {bad}]]}}")
    assert message.startswith("stages.choice[1][1].operator.num_heads: num_heads=5 does not divide width=32")


def test_an_option_that_fits_some_width_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(
        SPACE.replace("width: 32", "width: {choice: [32, 40]}").replace(HEADS, "num_heads: {choice: [8, 10]}"),
        encoding="utf-8",
    )
    assert load_space(file).name == "mine"


def test_stages_must_be_there(tmp_path: Path) -> None:
    assert complaint(tmp_path, "block: basic") == "stages: is missing"
    assert complaint(tmp_path, "stages: []").startswith("stages = []: needs at least one item")
    assert complaint(tmp_path, "stages: 3").startswith("stages = 3: must be a list")


def test_of_many_mistakes_the_first_are_named(tmp_path: Path) -> None:
    stages = ", ".join(["{width: 0}"] * 5)
    message = complaint(tmp_path, f"stages: [{stages}]")
    assert message.count("= 0: ") == 3
    assert message.endswith("; and 2 more")
