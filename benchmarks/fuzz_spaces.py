"""Search spaces gone wrong: the shipped files, the example's and a design's, with their text or their tree mutated.

The same seed gives the same cases. Every case is one file that `sasa-nas search --dry-run` or `describe` is asked to
read; what they should do with it is not known, but that they end at once, with status 0 or with one line and status 2.
"""

import copy
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
SOURCES = (*sorted((ROOT / "sasa_nas" / "search_spaces").glob("*.yaml")), ROOT / "examples" / "own_operator.yaml")

NUMBERS: tuple[Any, ...] = (
    *(0, -1, 1, 2, 3, 7, 10**6, 2**31 - 1, 2**31, 2**63, 10**18, -(10**18), 10**400, 0.0, -0.5, 1e-300, 1e300, 0.1),
    *(float("nan"), float("inf"), -float("inf"), True, False),
)
WORDS: tuple[Any, ...] = (
    *("", " ", "conv", "local_attention", "none", "null", "~", "yes", "0x10", "1e5", "2M", "016", "1:00", "x" * 10_000),
    *("Kätzchen 🐕", "a\nb", "\x1b[31m", "\u202ereversed", "../../etc/passwd", "synthetic:additive", "{{7*7}}", "%s%n"),
    *("stages[0]", "digits", "cifar10", "<script>", "\ud7ff", "a" * 300 + ".yaml", "/dev/zero", "choice", "range"),
)
VALUES: tuple[Any, ...] = (
    *NUMBERS,
    *WORDS,
    *(None, [], {}, [[]], [{}], {"choice": []}, {"choice": {}}, {"choice": None}, {"range": []}, {"kind": None}),
    *({"range": [1, 1000, 1]}, {"range": [0, 10**18, 1]}, {"range": [1, 2, 1e-300]}, {"range": [1e300, 1e308, 1e300]}),
    *({"range": [float("nan")] * 3}, {"range": [1, 2, 3, 4]}, {"range": "123"}, {"range": [10**400, 10**401, 10**400]}),
    *({"choice": [10**18, 10**19]}, {"choice": [1, 1.0, True]}, {"choice": [{"choice": [{"choice": [3, 5]}]}]}),
    *(
        {"choice": list(range(1, 3000))},
        {"choice": [8, 16], "range": [8, 16, 8]},
        {"kind": "conv", "kernel_size": 9999},
    ),
    *({"kind": "local_attention", "kernel_size": 2**31 - 1}, {"kind": "nope"}, {"kind": ["conv"]}, {"kind": {"a": 1}}),
    *({"kind": "global_attention", "num_heads": 2**31 - 1}, {"kind": "pairwise", "mapping_layers": 10**6}),
)
LINES = (
    "<<: *operator",
    "<<: [1, 2]",
    "<<: {<<: {<<: 1}}",
    "? [a, b]\n: 1",
    "*missing : 1",
    "--- !!python/object/apply:os.system ['touch canary']",
    "name: !!python/object/new:os.system ['touch canary']",
    "name: !!binary aGVsbG8=",
    "name: !!timestamp 2001-12-14",
    "name: 2001-12-14",
    "name: !!set {a, b}",
    "name: !!omap [a: 1]",
    "name: !custom x",
    "name: !!float x",
    "name: !!int ''",
    "name: !!int [1]",
    "name: !!bool maybe",
    "name: !!null 7",
    "name: !!str {a: 1}",
    "stages: !!int 016",
    "stages: &s [*s]",
    "operators: [nope.py]",
    "operators: [..]",
    "operators: ['\\0']",
    "operators: 7",
    "%YAML 9.9\n---",
    "%TAG ! tag:x,2000:\n---",
    "...\n---\nname: other",
    "proxy: {dataset: 'synthetic:additive', width_multiplier: 1.0e-300}",
    "proxy: {width_multiplier: 1.0e+300}",
    "proxy: {depth_multiplier: 1.0e+9}",
    "proxy: {recipe: {epochs: 2147483647, batch_size: 2147483647}}",
    "limits: {max_params: 1}",
    "limits: {max_flops: 1e400, max_memory: 1e-400}",
    "limits: {max_latency: .nan}",
    "num_classes: 2147483647",
    "image: {channels: 2147483647, height: 2147483647, width: 2147483647}",
    "head_width: {range: [8, 2147483640, 8]}",
    "block: {choice: [bottleneck, basic, san, inverted, preactivation]}",
    "shortcut: parameter_free",
)
CHARACTERS = "\0\t\r\n\x85\u2028\ufeff\x1b🐕é:-{}[],&*!|>'\"%@`#?0919.eE_<= "


@dataclass(frozen=True)
class SpaceCase:
    """One file.

    Attributes:
        number: Counted from 0.
        name: Of the file.
        content: Of the file.
        mutations: What was done, in words.
        design: Whether it describes one network, for `describe`, rather than a space.
    """

    number: int
    name: str
    content: bytes
    mutations: tuple[str, ...]
    design: bool = False


def space_cases(seed: int, count: int) -> Iterator[SpaceCase]:
    """Yield mutated files.

    Args:
        seed: Fixes all of them.
        count: How many.
    """
    texts = [source.read_text(encoding="utf-8") for source in SOURCES]
    trees = [yaml.safe_load(text) for text in texts]
    for number in range(count):
        draw = random.Random(f"{seed} {number}")
        source = draw.randrange(len(SOURCES))
        design = draw.random() < 0.15
        if draw.random() < 0.4 and not design:
            content, mutations = _text_case(texts[source], draw)
            name = "space.yaml"
        else:
            tree = _first_design(trees[source]) if design else copy.deepcopy(trees[source])
            content, mutations, name = _tree_case(tree, draw)
        yield SpaceCase(number, name, content, mutations, design)


def _text_case(text: str, draw: random.Random) -> tuple[bytes, tuple[str, ...]]:
    mutations = []
    if draw.random() < 0.1:
        bomb = draw.choice(BOMBS)
        mutations.append(bomb.__name__)
        text = bomb(text, draw)
    for _ in range(draw.choice((1, 1, 1, 1, 2, 5))):
        mutate = draw.choice(TEXT_MUTATIONS)
        mutations.append(mutate.__name__)
        text = mutate(text, draw)
    encoding = draw.choice(("utf-8",) * 12 + ("utf-16", "latin-1", "utf-8-sig"))
    return text.encode(encoding, errors="surrogatepass" if encoding != "latin-1" else "replace"), tuple(mutations)


def _tree_case(tree: Any, draw: random.Random) -> tuple[bytes, tuple[str, ...], str]:
    mutations = []
    for _ in range(draw.choice((1, 1, 1, 1, 2, 4))):
        mutate = draw.choice(TREE_MUTATIONS)
        mutations.append(mutate.__name__)
        tree = mutate(tree, draw)
    if draw.random() < 0.3:
        return json.dumps(tree).encode(), tuple(mutations), "space.json"
    try:
        text = yaml.safe_dump(tree, sort_keys=False)
    except RecursionError:  # JSON is YAML, but for what is no number
        text = json.dumps(tree).replace("NaN", ".nan").replace("Infinity", ".inf")
    return text.encode("utf-8", "surrogatepass"), tuple(mutations), "space.yaml"


def _first_design(node: Any) -> Any:
    """Return the design that comes of taking the first option of every choice."""
    if isinstance(node, dict):
        if "choice" in node:
            return _first_design(node["choice"][0])
        if "range" in node:
            return node["range"][0]
        left_out = ("name", "description", "proxy", "target", "limits", "operators")
        return {key: _first_design(value) for key, value in node.items() if key not in left_out}
    return [_first_design(item) for item in node] if isinstance(node, list) else node


# mutations of the text: what a slip of the hand, a bad transfer or an ill will makes of a file


def change_character(text: str, draw: random.Random) -> str:
    """One character is another one."""
    place = draw.randrange(len(text) + 1)
    return text[:place] + draw.choice(CHARACTERS) + text[place + draw.choice((0, 1)) :]


def delete_characters(text: str, draw: random.Random) -> str:
    """Up to forty characters are missing."""
    place = draw.randrange(len(text) + 1)
    return text[:place] + text[place + draw.randrange(1, 40) :]


def cut_off(text: str, draw: random.Random) -> str:
    """Return the file ends too early."""
    return text[: draw.randrange(len(text) + 1)]


def change_lines(text: str, draw: random.Random) -> str:
    """Return a line comes twice, is missing, or has another's place."""
    lines = text.splitlines()
    if not lines:
        return text
    place, other = draw.randrange(len(lines)), draw.randrange(len(lines))
    match draw.randrange(3):
        case 0:
            lines.insert(other, lines[place])
        case 1:
            del lines[place]
        case _:
            lines[place], lines[other] = lines[other], lines[place]
    return "\n".join(lines)


def change_indentation(text: str, draw: random.Random) -> str:
    """Return a line begins elsewhere."""
    lines = text.splitlines() or [""]
    place = draw.randrange(len(lines))
    lines[place] = draw.choice(("", " ", "  ", "    ", "\t", " " * 200)) + lines[place].lstrip()
    return "\n".join(lines)


def insert_line(text: str, draw: random.Random) -> str:
    """Return a line that means something to YAML or to spaces."""
    lines = text.splitlines()
    lines.insert(draw.choice((0, len(lines), draw.randrange(len(lines) + 1))), draw.choice(LINES))
    return "\n".join(lines)


def change_value(text: str, draw: random.Random) -> str:
    """Replace the value behind a colon."""
    places = [place for place, character in enumerate(text) if character == ":"]
    if not places:
        return text
    place = draw.choice(places)
    end = next((at for at in range(place + 1, len(text)) if text[at] in "\n,}"), len(text))
    return f"{text[:place]}: {_flow(draw.choice(VALUES))}{text[end:]}"


def nest(text: str, draw: random.Random) -> str:
    """Return a value is nested deeply."""
    depth = draw.choice((10, 50, 90, 200, 1000, 30_000))
    opening, closing = draw.choice((("[", "]"), ("{choice: [", "]}"), ("{a: ", "}"), ("- ", ""), ("? ", "")))
    return f"{text}\nhead_width: {opening * depth}8{closing * depth}\n"


def repeat(text: str, draw: random.Random) -> str:
    """Return a part of the file comes very often."""
    place = draw.randrange(len(text) + 1)
    return text[:place] + text[place : place + draw.randrange(1, 200)] * draw.choice((10, 100, 5000)) + text[place:]


def _flow(value: Any) -> str:
    return yaml.safe_dump(value, default_flow_style=True, width=10**9).removesuffix("\n...\n").strip()


TEXT_MUTATIONS: tuple[Callable[[str, random.Random], str], ...] = (
    *(change_character, delete_characters, cut_off, change_lines, change_indentation),
    *(insert_line, insert_line, change_value, change_value, nest, repeat),
)


def alias_bomb(text: str, draw: random.Random) -> str:
    """List of aliases of lists of aliases, which would be 10^levels values if written out."""
    levels, width = draw.choice(((3, 3), (9, 9), (30, 2), (60, 10), (9, 100)))
    lines = ["bomb0: &b0 [8, 16]"]
    lines += [f"bomb{i}: &b{i} [{', '.join([f'*b{i - 1}'] * width)}]" for i in range(1, levels)]
    place = draw.choice(("head_width: ", "name: ", "num_classes: {choice: ", "stages: "))
    closing = "}" if "{" in place else ""
    return "\n".join([*lines, f"{place}*b{levels - 1}{closing}", text])


def merge_bomb(text: str, draw: random.Random) -> str:
    """Return the same with merged mappings."""
    levels, width = draw.choice(((3, 3), (9, 9), (30, 2)))
    lines = ["bomb0: &b0 {a: 1, b: 2}"]
    lines += [f"bomb{i}: &b{i} {{<<: [{', '.join([f'*b{i - 1}'] * width)}]}}" for i in range(1, levels)]
    return "\n".join([*lines, f"image: *b{levels - 1}", text])


def choice_bomb(text: str, draw: random.Random) -> str:
    """Choices of choices through aliases, in a place where choices may stand."""
    levels, width = draw.choice(((4, 2), (12, 2), (40, 2), (9, 9)))
    lines = [f"head_width: &c0 {{choice: [{', '.join(str(8 * i) for i in range(1, width + 1))}]}}"]
    lines += [f"bomb{i}: &c{i} {{choice: [{', '.join([f'*c{i - 1}'] * width)}]}}" for i in range(1, levels)]
    return "\n".join([*lines, f"num_classes: *c{levels - 1}", text])


BOMBS: tuple[Callable[[str, random.Random], str], ...] = (alias_bomb, merge_bomb, choice_bomb)


# mutations of the tree: what stands in the file is YAML or JSON, and something else than was meant


def _places(node: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Every container below `node` with every key or index of it."""
    keys: list[Any] = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
    for key in keys:
        found.append((node, key))
        _places(node[key], found)
    return found


def _any_place(tree: Any, draw: random.Random) -> tuple[Any, Any] | None:
    places = _places(tree, [])
    return draw.choice(places) if places else None


def replace_value(tree: Any, draw: random.Random) -> Any:
    """Return a value is something else."""
    if (place := _any_place(tree, draw)) is not None:
        place[0][place[1]] = copy.deepcopy(draw.choice(VALUES))
    return tree


def replace_number(tree: Any, draw: random.Random) -> Any:
    """Return a number is another number."""
    places = [place for place in _places(tree, []) if isinstance(place[0][place[1]], int | float)]
    if places:
        node, key = draw.choice(places)
        node[key] = draw.choice((*NUMBERS, node[key] * 1000, node[key] + 1, -node[key], str(node[key])))
    return tree


def tweak_number(tree: Any, draw: random.Random) -> Any:
    """Return a whole number is a little larger or smaller."""
    places = [place for place in _places(tree, []) if type(place[0][place[1]]) is int]
    if places:
        node, key = draw.choice(places)
        number = node[key]
        node[key] = draw.choice((number + 1, number + 2, 2 * number, max(1, number // 2), 8 * number))
    return tree


def search_number(tree: Any, draw: random.Random) -> Any:
    """Return a whole number is to be searched over."""
    places = [place for place in _places(tree, []) if type(place[0][place[1]]) is int]
    if places:
        node, key = draw.choice(places)
        number = node[key]
        node[key] = draw.choice(
            ({"choice": [number, 2 * number]}, {"range": [number, 5 * number, number]}, {"choice": [number]})
        )
    return tree


def move_value(tree: Any, draw: random.Random) -> Any:
    """Return a value, or a whole part, stands in another's place."""
    place, other = _any_place(tree, draw), _any_place(tree, draw)
    if place is not None and other is not None:
        place[0][place[1]] = copy.deepcopy(other[0][other[1]])
    return tree


def delete_value(tree: Any, draw: random.Random) -> Any:
    """Return a field or an item is missing."""
    if (place := _any_place(tree, draw)) is not None:
        del place[0][place[1]]
    return tree


def rename_field(tree: Any, draw: random.Random) -> Any:
    """Return a field is called otherwise."""
    places = [place for place in _places(tree, []) if isinstance(place[0], dict)]
    if places:
        node, key = draw.choice(places)
        value = node.pop(key)
        node[draw.choice((f"{key}s", key[:-1], key.upper(), "", "choice", "kind", "<<", "🐕", "x" * 1000))] = value
    return tree


def add_field(tree: Any, draw: random.Random) -> Any:
    """There is a field more."""
    places = [place[0] for place in _places(tree, []) if isinstance(place[0], dict)]
    if places:
        words = ("x", "kind", "choice", "range", "stages", "width", "operators", "se", "channel_attention", "expansion")
        draw.choice(places)[draw.choice(words)] = copy.deepcopy(draw.choice(VALUES))
    return tree


def wrap_value(tree: Any, draw: random.Random) -> Any:
    """Return a value stands in a choice, or in choices of choices."""
    if (place := _any_place(tree, draw)) is not None:
        node, key = place
        for _ in range(draw.choice((1, 1, 2, 20, 120))):
            others = copy.deepcopy(draw.sample(VALUES, draw.choice((0, 0, 1))))
            node[key] = {"choice": [node[key], *others]}
    return tree


def multiply_items(tree: Any, draw: random.Random) -> Any:
    """Return a list is very long."""
    places = [place for place in _places(tree, []) if isinstance(place[0][place[1]], list) and place[0][place[1]]]
    if places:
        node, key = draw.choice(places)
        node[key] = node[key] * draw.choice((2, 3, 10))
    return tree


TREE_MUTATIONS: tuple[Callable[[Any, random.Random], Any], ...] = (
    *(replace_value, replace_value, replace_number, replace_number, move_value, delete_value, rename_field),
    *(add_field, wrap_value, multiply_items, *(tweak_number,) * 4, *(search_number,) * 2),
)
