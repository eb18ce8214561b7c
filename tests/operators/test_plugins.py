"""Operators of one's own: loaded where they are named, with one line where they cannot be."""

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from own_file import SOURCE

from sasa_nas.cost import count_network
from sasa_nas.documents import DescriptionError
from sasa_nas.errors import UserError
from sasa_nas.models import build
from sasa_nas.operators import OPERATORS
from sasa_nas.operators.foreign import RecordedKind, register_foreign
from sasa_nas.operators.plugins import load_operators, loaded_operators, receive_operators, unload_operators
from sasa_nas.space import Architecture, load_space
from sasa_nas.space.choosers import RandomChooser
from sasa_nas.space.sampling import sample

BUILT_IN = OPERATORS.kinds
NETWORK = {
    "stem": {"kind": "conv", "width": 8, "kernel_size": 3, "stride": 1, "pool": False},
    "stages": [{"blocks": 1, "width": 8, "operator": {"kind": "doubled"}}],
    "image": {"channels": 1, "height": 8, "width": 8},
    "num_classes": 3,
}


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    """Nothing that a test loads is left."""
    yield
    for file in loaded_operators():
        unload_operators(file.name)
    for kind in OPERATORS.kinds:
        if kind not in BUILT_IN:
            OPERATORS.remove(kind)


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.py"
    path.write_text(SOURCE, encoding="utf-8")
    return path


def test_a_kind_of_ones_own_is_described_built_and_counted(mine: Path) -> None:
    with pytest.raises(ValueError, match="union_tag_invalid"):
        Architecture.model_validate(NETWORK)
    assert load_operators(mine).name == "mine"
    network = Architecture.model_validate(NETWORK)
    assert build(network)(torch.zeros(2, 1, 8, 8)).shape == (2, 3)
    plain = network.model_dump()
    plain["stages"][0]["operator"] = {"kind": "conv"}
    more = count_network(network).total.params - count_network(Architecture.model_validate(plain)).total.params
    assert more == 8 * 8
    assert Architecture.model_validate_json(network.to_json()) == network


def test_the_same_file_again_changes_nothing_and_another_of_its_name_is_refused(mine: Path, tmp_path: Path) -> None:
    first = load_operators(mine)
    assert load_operators(mine) == first
    assert [file.name for file in loaded_operators()] == ["mine"]
    other = tmp_path / "other" / "mine.py"
    other.parent.mkdir()
    other.write_text(SOURCE.replace("doubled", "tripled"), encoding="utf-8")
    with pytest.raises(UserError, match=r"another file mine\.py is loaded already"):
        load_operators(other)


def test_a_changed_file_can_be_loaded_anew(mine: Path) -> None:
    load_operators(mine)
    before = build(Architecture.model_validate(NETWORK))
    unload_operators("mine")
    mine.write_text(SOURCE.replace("out_channels, 1, bias=False", "out_channels, 1, bias=True"), encoding="utf-8")
    load_operators(mine)
    after = build(Architecture.model_validate(NETWORK))
    assert len(list(after.parameters())) == len(list(before.parameters())) + 1


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("mine.txt", SOURCE, "needs a name such as my_operators.py"),
        ("my-own.py", SOURCE, "needs a name such as my_operators.py"),
        ("mine.py", "x = 1\n", "registers no operator"),
        ("mine.py", "def f(:\n", "mine.py cannot be loaded: SyntaxError: line 1"),
        ("mine.py", "import no_such_package_anywhere\n", "ModuleNotFoundError: No module named"),
        ("mine.py", SOURCE + "\n1 / 0\n", "ZeroDivisionError"),
        ("mine.py", SOURCE.replace('letter="W"', 'letter="L"'), "taken by the operator 'local_attention'"),
        ("mine.py", SOURCE.replace('short="twice"', 'short="far too long"'), "one to six small letters"),
        ("mine.py", SOURCE.replace("#123456", "red"), "two hexadecimal colours"),
        ("mine.py", SOURCE.replace('"doubled"', '"pairwise"'), "kind 'pairwise' is registered already"),
        ("mine.py", SOURCE.replace('    kind: Literal["doubled"] = "doubled"\n', ""), "needs a field kind"),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line_and_leaves_nothing(
    tmp_path: Path, name: str, text: str, words: str
) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_operators(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert OPERATORS.kinds == BUILT_IN
    assert loaded_operators() == ()


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.py cannot be read as a file of operators: No such file"):
        load_operators(tmp_path / "nowhere.py")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.py")
    with pytest.raises(UserError, match=r"pipe\.py cannot be read as a file of operators: it is no regular file"):
        load_operators(tmp_path / "pipe.py")


def test_a_worker_loads_from_text(mine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = load_operators(mine)
    unload_operators("mine")
    mine.unlink()
    receive_operators((file,))
    receive_operators((file,))
    assert "doubled" in OPERATORS.kinds


def test_an_installed_package_offers_kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "offering_operators.py").write_text(SOURCE, encoding="utf-8")
    facts = tmp_path / "offering-1.0.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: offering\nVersion: 1.0\n", encoding="utf-8")
    points = (
        "[sasa_nas.operators]\ndoubled = offering_operators\nabsent = offering_operators\nbroken = no_such_module\n"
    )
    (facts / "entry_points.txt").write_text(points, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert "doubled" not in OPERATORS
    assert "offering_operators" not in sys.modules
    network = Architecture.model_validate(NETWORK)
    assert build(network)(torch.zeros(1, 1, 8, 8)).shape == (1, 3)
    with pytest.raises(UserError, match="is said to register the operator 'absent' and does not"):
        assert OPERATORS.knows("absent")
    with pytest.raises(UserError, match="the operator 'broken' of no_such_module cannot be loaded: ModuleNotFound"):
        assert OPERATORS.knows("broken")
    sys.modules.pop("offering_operators")


def test_a_space_names_files_relative_to_itself(mine: Path, tmp_path: Path) -> None:
    space = tmp_path / "space.yaml"
    text = "operators: [mine.py]\nstages: [{operator: {choice: [{kind: conv}, {kind: doubled, kernel_size: 5}]}}]\n"
    space.write_text(text, encoding="utf-8")
    loaded = load_space(space)
    assert "operators" not in loaded.model_dump()
    kinds = {sample(loaded, RandomChooser(random.Random(seed))).stages[0].operator.kind for seed in range(9)}
    assert kinds == {"conv", "doubled"}
    space.write_text(text.replace("[mine.py]", "mine.py"), encoding="utf-8")
    with pytest.raises(DescriptionError, match="must be a list of Python files"):
        load_space(space)


def test_a_function_that_makes_a_module_of_ones_own_is_refused(mine: Path) -> None:
    text = SOURCE.replace("    return nn.Sequential(", "    return Own(").replace(
        "def doubled", "class Own(nn.Sequential):\n    pass\n\n\ndef doubled"
    )
    mine.write_text(text, encoding="utf-8")
    load_operators(mine)
    with pytest.raises(UserError, match="a function that makes a Own; register that class"):
        build(Architecture.model_validate(NETWORK))


def test_a_recorded_kind_is_read_with_its_id_but_not_built(mine: Path) -> None:
    load_operators(mine)
    known = Architecture.model_validate(NETWORK)
    recorded = RecordedKind.of("doubled")
    unload_operators("mine")
    register_foreign(RecordedKind.model_validate_json(recorded.model_dump_json()))
    read = Architecture.model_validate_json(known.to_json())
    assert (read.id, read.to_json()) == (known.id, known.to_json())
    assert OPERATORS["doubled"].letter == "W"
    with pytest.raises(UserError, match="give its code too: --operators FILE"):
        build(read)
    # the code, once it is there, takes the record's place
    load_operators(mine)
    assert build(Architecture.model_validate(NETWORK))(torch.zeros(1, 1, 8, 8)).shape == (1, 3)
