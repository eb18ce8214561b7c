"""What is wrong with a file before its tree is looked at, and what a file may be."""

import json
from pathlib import Path

import pytest

from sasa_nas.documents import DescriptionError
from sasa_nas.errors import UserError
from sasa_nas.space import Architecture, Stage, load_architecture, load_space, shipped_spaces

DEEP = 600


def write(folder: Path, name: str, content: str | bytes) -> Path:
    file = folder / name
    file.write_bytes(content.encode() if isinstance(content, str) else content)
    return file


def aliases(levels: int, width: int) -> str:
    """A list of lists of aliases: `width ** levels` values in `levels` lines."""
    lines = ["a0: &a0 [8, 16]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * width)}]" for i in range(1, levels)]
    return "\n".join([*lines, f"stages: *a{levels - 1}"])


def merges(levels: int, width: int) -> str:
    """As `aliases`, of mappings merged into one another."""
    lines = ["a0: &a0 {a: 1, b: 2}"]
    lines += [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * width)}]}}" for i in range(1, levels)]
    return "\n".join([*lines, f"stages: *a{levels - 1}"])


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.yaml", "", "must hold named fields"),
        ("a.yaml", "- 1\n- 2\n", "must hold named fields"),
        ("a.yaml", "7: 8\n", "must hold named fields"),
        ("a.yaml", "stages: [{}\n", "line 2, column 1: "),
        ("a.yaml", "stages:\n\t- {}\n", "line 2, column 1: "),
        ("a.yaml", "stages: [*missing]\n", "line 1, column 10: found undefined alias 'missing'"),
        ("a.yaml", "stages: [{}]\nname: a\nname: b\n", "line 3, column 1: 'name' is given twice"),
        ("a.yaml", "stages: [{width: 8, width: 16}]\n", "'width' is given twice"),
        ("a.yaml", "stages: [{[1]: 8}]\n", "line 1, column 11: a field's name must be plain"),
        ("a.yaml", "stages: !!python/object/apply:os.getcwd []\n", "could not determine a constructor"),
        ("a.yaml", b"\x89PNG\r\n\x1a\n\x00\xff", "cannot be read"),
        ("a.yaml", b"stages: \x00", "not allowed"),
        ("a.yaml", "stages: &a [*a]\n", "nested too deeply"),
        ("a.yaml", "stages: " + "[" * DEEP + "]" * DEEP, "nested too deeply"),
        ("a.yaml", aliases(9, 9), "holds more than 20,000 values, each alias counted"),
        ("a.yaml", aliases(60, 10), "holds more than 20,000 values, each alias counted"),
        ("a.yaml", "stages: [" + "{}, " * 20_000 + "]", "holds more than 20,000 values"),
        ("a.json", '{"stages": [' + "0, " * 20_000 + "0]}", "holds more than 20,000 values"),
        ("a.yaml", "stages: [{}]\n" + "# " * 2**17, "has more than 262,144 bytes"),
        ("a.yaml", "stages: [{blocks: 1001}]", "stages[0].blocks = 1001: should be less than or equal to 1000"),
        ("a.json", "{", "line 1 column 2"),
        ("a.json", "[]", "must hold named fields"),
        ("a.json", '{"stages": [{}], "stages": []}', "'stages' is given twice"),
        ("a.json", '{"stages": [{"width": NaN}]}', "stages[0].width = nan: must be a finite number"),
        ("a.json", '{"limits": {"max_flops": -Infinity}, "stages": [{}]}', "limits.max_flops = -inf"),
        ("a.json", '{"stages": [{"width": ' + "9" * 5000 + "}]}", "4300 digits"),
        ("a.json", '{"stages": ' + "[" * 100_000 + "]" * 100_000 + "}", "nested too deeply"),
    ],
)
def test_a_file_that_is_none_is_one_line(tmp_path: Path, name: str, content: str | bytes, words: str) -> None:
    file = write(tmp_path, name, content)
    for load in (load_space, load_architecture):
        with pytest.raises(DescriptionError) as caught:
            load(file)
        message = str(caught.value)
        assert message.startswith(f"{file}: ")
        assert words in message
        assert "\n" not in message


def test_a_space_that_is_not_there_brings_the_nearest_name() -> None:
    with pytest.raises(DescriptionError, match=r"^no search space 'tinny': did you mean 'tiny'\? shipped: .*tiny"):
        load_space("tinny")
    with pytest.raises(DescriptionError, match=r"^no search space 'no/such\.yaml': shipped: "):
        load_space(Path("no/such.yaml"))
    with pytest.raises(DescriptionError) as caught:
        load_space("two\nlines")
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_space(tmp_path: Path) -> None:
    with pytest.raises(DescriptionError, match="no search space"):
        load_space(tmp_path)
    with pytest.raises(DescriptionError, match="cannot be read"):
        load_architecture(tmp_path)


def test_every_complaint_is_a_users_error(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        load_architecture(tmp_path / "none.json")


def test_a_space_is_named_after_its_file_unless_it_says(tmp_path: Path) -> None:
    assert load_space(write(tmp_path, "thin.yaml", "stages: [{}]")).name == "thin"
    assert load_space(write(tmp_path, "thin.yaml", "name: fat\nstages: [{}]")).name == "fat"
    assert load_space(str(write(tmp_path, "other.json", '{"stages": [{}]}'))).name == "other"


@pytest.mark.parametrize("number", ["1e8", "1E+8", "1.0e8", "100000000", "1_0e7"])
def test_numbers_are_written_as_people_write_them(tmp_path: Path, number: str) -> None:
    space = load_space(write(tmp_path, "a.yaml", f"stages: [{{}}]\nlimits: {{max_flops: {number}}}"))
    assert space.limits.max_flops == 100_000_000


def test_words_with_an_e_stay_words(tmp_path: Path) -> None:
    assert load_space(write(tmp_path, "a.yaml", "stages: [{}]\nname: 1e\n")).name == "1e"


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_an_architecture_comes_back_from_a_file(tmp_path: Path, suffix: str) -> None:
    architecture = Architecture(block="basic", stages=(Stage(blocks=1, width=24), Stage(stride=2)))
    file = write(tmp_path, f"a.{suffix}", architecture.to_json())
    assert load_architecture(file) == architecture
    assert load_architecture(str(file)).id == architecture.id


def test_a_written_architecture_has_every_field() -> None:
    data = json.loads(Architecture(stages=(Stage(),)).to_json())
    assert set(data) == set(Architecture.model_fields)
    assert set(data["stages"][0]) == set(Stage.model_fields)
    assert data["stages"][0]["operator"] == {"kind": "conv", "kernel_size": 3}


def test_a_space_is_no_architecture(tmp_path: Path) -> None:
    file = write(tmp_path, "a.yaml", "stages: [{width: {choice: [8, 16]}}]")
    with pytest.raises(DescriptionError, match=r"a\.yaml: stages\[0\]\.width.*"):
        load_architecture(file)


def test_shipped_spaces_are_files_that_load_under_their_names() -> None:
    shipped = shipped_spaces()
    assert {"tiny", "resnet_hybrid"} <= set(shipped)
    for name, file in shipped.items():
        assert load_space(name).name == name
        assert load_space(file) == load_space(name)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        ("016", "016 is read as different numbers by different programs; write 16"),
        ("1:00", "1:00 is read as different numbers by different programs; write a decimal number"),
        ("0x10", "0x10 is read as different numbers"),
        ("-007", "-007 is read as different numbers by different programs; write 7"),
        ("1:30.5", "1:30.5 is read as different numbers"),
        ("1000000000000000000", "stages[0].width = 1000000000000000000: should be less than or equal to 2147483647"),
        ("{choice: [16, 32, 16]}", "stages[0].width.choice[2]: the option 16 is given twice; leave one out"),
    ],
)
def test_a_number_that_may_mean_another_is_refused(tmp_path: Path, number: str, words: str) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(f"stages: [{{width: {number}}}]", encoding="utf-8")
    with pytest.raises(DescriptionError) as caught:
        load_space(file)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("proxy", "words"),
    [
        ("{width_multiplier: 1e308}", "proxy.width_multiplier = 1e+308: should be less"),
        ("{recipe: {epochs: 2147483647}}", "proxy.recipe.epochs = 2147483647: should be less"),
    ],
)
def test_a_proxy_without_bounds_is_refused(tmp_path: Path, proxy: str, words: str) -> None:
    with pytest.raises(DescriptionError) as caught:
        load_space(write(tmp_path, "a.yaml", f"stages: [{{}}]\nproxy: {proxy}"))
    assert words in str(caught.value)


def test_merges_of_merges_end(tmp_path: Path) -> None:
    # newer versions of PyYAML merge a key once; with others there are too many values
    with pytest.raises(DescriptionError, match=r"a\.yaml: (a0: unknown field|holds more than 20,000 values)"):
        load_space(write(tmp_path, "a.yaml", merges(9, 9)))


def test_a_byte_order_mark_is_none_of_the_text(tmp_path: Path) -> None:
    for name, text in (("a.json", '{"stages": [{}]}'), ("a.yaml", "stages: [{}]")):
        assert load_space(write(tmp_path, name, b"\xef\xbb\xbf" + text.encode())).name == "a"


def test_limits_are_read_as_people_write_them(tmp_path: Path) -> None:
    file = tmp_path / "space.yaml"
    limits = "{max_params: 1e6, max_flops: 2.5G, max_memory: 512 MB}"
    file.write_text(f"stages: [{{}}]\nlimits: {limits}\nproxy: {{train_images: 10K}}", encoding="utf-8")
    space = load_space(file)
    assert (space.limits.max_params, space.limits.max_flops, space.limits.max_memory) == (10**6, 2.5e9, 5.12e8)
    assert space.proxy.train_images == 10_000
