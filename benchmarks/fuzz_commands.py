"""Command lines gone wrong: every command with options missing, repeated, contradictory, of wrong types and unknown.

The options of each command and their types are asked of the program, so that a new one is mutated at once. Each case
runs in a folder of its own that holds a space, a design, a run, a training, an export, a table and an image.

Nothing is trained: BORDERS names the functions with which long work begins. They are replaced by one that ends the
command like a mistake of the person's, so that whatever comes before is run as it is.
"""

import importlib
import inspect
import json
import os
import random
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NoReturn, get_args, get_origin

import typer
from PIL import Image
from report_run import make_run

from sasa_nas.cli.app import app, main
from sasa_nas.errors import UserError

ROOT = Path(__file__).parent.parent

BORDERS = (
    "sasa_nas.searching.driver.cluster:ray_cluster",
    "sasa_nas.searching.session:simulate",
    "sasa_nas.searching.simulate.replay:simulate",
    "sasa_nas.searching.plan:dry_run",
    "sasa_nas.workflows.seed_session:train_with_checkpoints",
    "sasa_nas.workflows.latency:latency_of",
    "sasa_nas.workflows.evaluate:evaluate",
    "sasa_nas.workflows.evaluate:evaluate_attacked",
    "sasa_nas.workflows.export:export_network",
    "sasa_nas.workflows.attention:build",
    "sasa_nas.exporting.verifying:verify_export",
    "sasa_nas.workflows.courses:ProcessPoolExecutor",
    "sasa_nas.testing:conformance_checks",
    "sasa_nas.data.download:_fetch_one",
)
"""Where long work begins: Ray's start, a simulated search, the drawing of any number of designs, an epoch, a timed
forward pass, an evaluation, the writing and the verification of an export, a pool of processes, the checks of
an operator, a download."""
REACHED = "long work begins here"

LINES: tuple[tuple[str, ...], ...] = (
    ("search", "--space", "tiny", "--dry-run", "2"),
    ("search", "--space", "space.yaml", "--trials", "4", "--out", "new"),
    ("search", "--space", "tiny", "--dataset", "synthetic:additive", "--out", "new", "--halving", "--eta", "2"),
    ("search", "--space", "resnet_hybrid", "--max-flops", "2.5G", "--objectives", "accuracy,params", "--dry-run", "1"),
    ("search", "--replay", "table.json.gz", "--out", "new"),
    ("resume", "run", "--trials", "99"),
    ("pareto", "run", "--json"),
    ("pareto", "run", "--plot", "front.svg"),
    ("scores", "run"),
    ("report", "run"),
    ("retrain", "run", "--trial", "1", "--seeds", "2", "--epochs", "3"),
    ("where", "run", "--json", "--resolution", "0.05"),
    ("where", "run", "--more", "4", "--swaps"),
    ("export", "run", "--pick", "knee", "--out", "new"),
    ("export", "training", "--format", "module,torch_export", "--out", "new"),
    ("export", "design.json", "--seed", "1", "--out", "new"),
    ("verify-export", "export"),
    ("train", "design.json", "--dataset", "digits", "--epochs", "1", "--out", "new"),
    ("train", "--resume", "training"),
    ("train-detector", "retinanet_resnet50", "--dataset", "coco:missing", "--epochs", "1", "--out", "new"),
    ("train-detector", "--resume", "training"),
    ("evaluate", "training", "--rotations", "--pgd", "--pgd-epsilon", "8/255"),
    ("detect", "training", "--image", "image.png", "--score-threshold", "0.5"),
    ("attention-map", "training", "--image", "image.png", "--pixel", "3,3", "--heads", "0,1"),
    ("attention-map", "design.json", "--dataset", "digits", "--index", "3", "--stage", "0"),
    ("describe", "design.json", "--set", "stages[0].width=16", "--image-size", "32"),
    ("describe", "sasa_resnet26", "--convention", "san", "--json"),
    ("check-operator", "own_operator.py", "--quick"),
    ("table", "--space", "space.yaml", "--out", "new.json.gz", "--seeds", "2"),
    ("list", "spaces", "--schema"),
    ("list", "datasets", "--json"),
    ("doctor", "--json"),
)
"""Values that are right, or nearly: a space's data may be missing."""

NUMBERS = (
    *("0", "-1", "1", "2", "007", "1e3", "1e400", "-1e400", "nan", "inf", "-inf", "1_0", "0x10", "1.5", ".", "+5"),
    *("9" * 30, "9" * 5000, "-" + "9" * 30, "1e-400", "1/0", "8/255", "1/" + "9" * 400, "2M", "2.5G", "1e99T", "٣"),
    *("9223372036854775807", "9223372036854775808", "2147483648", "4294967296"),
)
PATHS = (
    *("run", "training", "export", "design.json", "space.yaml", "table.json.gz", "image.png", "own_operator.py", "new"),
    *(
        "missing",
        "",
        ".",
        "..",
        "./",
        "run/trials",
        "run/run.json",
        "run/trials.jsonl",
        "training/missing",
        "new/deep/er",
    ),
    *("image.png/below", "a" * 300, "a/" * 2000, "Kätzchen 🐕", "two\nlines", "tab\t", "-dash", "~", "~nobody/x"),
    *("nul\0nul", "\udcff", "/proc/self/mem", "pipe", "/dev/null/x", "/proc/nope/x", "new.png", "new.svg"),
    *("new.nope", "new.json.gz", "loop", "s3://bucket/x", "file:///proc/x", "http://localhost:1/x", "new.HTML"),
)
TEXTS = (
    *("", " ", "tiny", "resnet_hybrid", "nope", "TINY", "a" * 5000, "%s", "{x}", "[red]x[/red]", "\x1b[31m", "\u202e"),
    *("digits", "cifar10", "coco:", "coco:missing", "imagefolder", "synthetic:", "synthetic:additive", "run", "."),
    *("accuracy", "accuracy,flops", "accuracy,accuracy", "flops", ",", "accuracy,", "synflow,nope", "latency", "auto"),
    *("cpu", "cuda", "cuda:9", "cuda:-1", "meta", "mps", "float32", "0,1", "0,", "-1,0", "stem", "knee", "best"),
    *("stages[0].width=16", "stages[*].width=0", "stages[9].width=1", "stages=", "=", "x=y", "stem.kind=attention"),
    *("stages[0].operator={kind: conv}", "stages[0].width=&a [*a]", "stages[0].width=!!python/name:os.system"),
    *("stages[0].operator.kind=[]", "image.height=2147483647", "num_classes=99999999999", "stages[0].blocks=100000"),
    *("stages[99999999999999999999].width=1", "stages[0].width=.nan", "module", "onnx", "module,module", "ray://x"),
)
PLAUSIBLE: dict[str, tuple[str, ...]] = {
    "--space": ("tiny", "space.yaml", "san"),
    "--dataset": ("digits", "synthetic:additive", "cifar10", "imagefolder:run"),
    "--objectives": ("accuracy,params", "accuracy,flops,memory", "accuracy,latency"),
    "--scores": ("synflow", "naswot,zico"),
    "--score-filter": ("zico", "synflow"),
    "--max-params": ("2M", "500000", "1"),
    "--max-flops": ("2.5G", "1e5"),
    "--max-memory": ("512M", "1"),
    "--train-images": ("100", "1e3", "1G"),
    "--cpus-per-trial": ("1", "auto", "64"),
    "--gpus-per-trial": ("0", "0.5", "auto"),
    "--device": ("cpu", "auto", "cuda"),
    "--dtype": ("float32", "float16"),
    "--format": ("module", "module,onnx", "torch_export"),
    "--pick": ("best", "knee"),
    "--set": ("stages[0].width=8", "stages[*].blocks=2", "stem.width=16", "image.height=9"),
    "--stage": ("0", "1", "stem"),
    "--pixel": ("0,0", "15,15", "3,99"),
    "--heads": ("0", "0,1", "5"),
    "--image": ("image.png",),
    "--weights": ("training/seeds/0/weights.safetensors", "image.png"),
    "--plot": ("new.svg", "new.png"),
    "--figures": ("new",),
    "--out": ("new", "new/er", "run"),
    "--replay": ("table.json.gz",),
    "--kind": ("dilated_attention", "conv"),
    "--name": ("target", "other", "../x"),
    "--pgd-epsilon": ("8/255", "0.03"),
    "--pgd-step-size": ("2/255", "0.01"),
}
"""Plausible values of options whose type tells little."""
WORDS = ("--", "-", "--help", "--version", "--json", "--nope", "-x", "--operators", "--space=tiny", "--trials=", "@x")


@dataclass(frozen=True)
class Option:
    """An option of a command.

    Attributes:
        names: As they are written, `--json` or `--augment` and `--no-augment`.
        values: That its type has; empty for a flag.
    """

    names: tuple[str, ...]
    values: tuple[str, ...]


@dataclass(frozen=True)
class CommandCase:
    """One command line.

    Attributes:
        number: Counted from 0.
        arguments: Behind the program's name.
        mutations: What was done to a line that would be right, in words.
    """

    number: int
    arguments: tuple[str, ...]
    mutations: tuple[str, ...]


class Border(UserError):
    """Long work would begin now."""

    def __init__(self, *arguments: object, **options: object) -> None:
        super().__init__(REACHED)


def close_borders() -> None:
    """Replace the functions of BORDERS; there is no way back in this process."""

    def stop(*arguments: object, **options: object) -> NoReturn:
        raise Border

    for border in BORDERS:
        module, _, name = border.partition(":")
        place = importlib.import_module(module)
        assert callable(getattr(place, name)), border
        setattr(place, name, stop)


def make_material(folder: Path) -> None:
    """Fill an empty folder with what command lines name; trains one small network for an epoch.

    Args:
        folder: An empty folder.
    """
    shutil.copy(ROOT / "examples" / "own_operator.py", folder)
    shutil.copy(ROOT / "sasa_nas" / "search_spaces" / "tiny.yaml", folder / "space.yaml")
    stage = {"blocks": 1, "width": 8, "expansion": 1}
    attention = {"kind": "local_attention", "kernel_size": 3, "num_heads": 2}
    design = {
        "stem": {"kind": "conv", "width": 8, "kernel_size": 3, "stride": 1, "pool": False},
        "stages": [stage | {"operator": attention}, stage | {"operator": {"kind": "conv"}}],
    }
    (folder / "design.json").write_text(json.dumps(design), encoding="utf-8")
    Image.new("RGB", (16, 16), (1, 2, 3)).save(folder / "image.png")
    (folder / "loop").symlink_to("loop")
    make_run(folder / "run", 8)
    made = ("train", str(folder / "design.json"), "--dataset", "digits", "--epochs", "1", "--train-images", "100")
    assert main([*made, "--out", str(folder / "training")]) == 0
    assert main(["export", str(folder / "training"), "--out", str(folder / "export")]) == 0
    shutil.copy(ROOT / "tables" / "hybrid256_digits.json.gz", folder / "table.json.gz")


def add_pipe(folder: Path) -> None:
    """Put a pipe that nobody writes to into a folder: whoever opens it waits.

    Args:
        folder: A case's, before it runs.
    """
    os.mkfifo(folder / "pipe")


def command_cases(seed: int, count: int) -> Iterator[CommandCase]:
    """Yield mutated command lines.

    Args:
        seed: Fixes all of them.
        count: How many.
    """
    options = {one.name: _options(one.callback) for one in app.registered_commands if one.callback is not None}
    for number in range(count):
        draw = random.Random(f"{seed} {number}")
        line = list(draw.choice(LINES))
        options_here = options[line[0]]
        mutations = []
        for _ in range(draw.choice((1, 1, 1, 1, 1, 2, 4))):
            mutation = draw.choice(MUTATIONS)
            mutations.append(mutation.__name__)
            line = mutation(line, options_here, draw)
        yield CommandCase(number, tuple(line), tuple(mutations))


def _options(command: Callable[..., Any]) -> list[Option]:
    """Return the options of a command's function, as Typer reads them."""
    found = []
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        annotation, *metadata = get_args(parameter.annotation) or (None,)
        for info in metadata:
            if isinstance(info, typer.models.OptionInfo):
                # Typer takes the first name of an annotated option for its default
                first = (info.default,) if isinstance(info.default, str) else ()
                written = (*first, *(info.param_decls or ())) or (f"--{name.replace('_', '-')}",)
                names = tuple(one for part in written for one in part.split("/"))
                found.append(Option(names, _values(_plain(annotation))))
    return found


def _plain(annotation: Any) -> Any:
    """Return the type of one value: of `list[int] | None`, int."""
    while (arms := [arm for arm in get_args(annotation) if arm is not type(None)]) and get_origin(
        annotation
    ) is not Literal:
        annotation = arms[0]
    return annotation


def _values(kind: Any) -> tuple[str, ...]:
    if kind is bool:
        return ()
    if kind in (int, float):
        return NUMBERS
    if kind is Path:
        return PATHS
    if get_origin(kind) is Literal:
        return tuple(map(str, get_args(kind)))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return tuple(kind)
    return (*TEXTS, *PATHS)


def _value(option: Option, draw: random.Random) -> str:
    """Return a value for an option: mostly of its type."""
    return draw.choice(option.values if option.values and draw.random() < 0.75 else (*NUMBERS, *PATHS, *TEXTS))


def add_option(line: list[str], options: list[Option], draw: random.Random) -> list[str]:
    """Return an option more, in its place or anywhere."""
    option = draw.choice(options)
    name = draw.choice(option.names)
    if not option.values:
        added = [name]
    elif draw.random() < 0.2:
        added = [f"{name}={_value(option, draw)}"]
    else:
        added = [name, _value(option, draw)]
    place = len(line) if draw.random() < 0.8 else draw.randrange(len(line) + 1)
    return [*line[:place], *added, *line[place:]]


def combine_options(line: list[str], options: list[Option], draw: random.Random) -> list[str]:
    """Options more, with values that could be meant, whether or not they go together."""
    meant = [option for option in options if "--operators" not in option.names]
    for option in draw.sample(meant, min(len(meant), draw.randrange(1, 4))):
        line = [*line, draw.choice(option.names), *([draw.choice(_plausible(option))] if option.values else [])]
    return line


def _plausible(option: Option) -> tuple[str, ...]:
    found = next((PLAUSIBLE[name] for name in option.names if name in PLAUSIBLE), None)
    if found is None:
        found = ("1", "2", "3", "16") if option.values == NUMBERS else option.values
    return found


def change_argument(line: list[str], options: list[Option], draw: random.Random) -> list[str]:
    """Return a word behind the command is another one."""
    if len(line) < 2:
        return line
    place = draw.randrange(1, len(line))
    named = [option for option in options if line[place - 1] in option.names]
    value = _value(named[0], draw) if named else draw.choice((*PATHS, *TEXTS))
    return [*line[:place], value, *line[place + 1 :]]


def delete_word(line: list[str], options: list[Option], draw: random.Random) -> list[str]:
    """Return a word is missing."""
    place = draw.randrange(len(line))
    return line[:place] + line[place + 1 :]


def repeat_words(line: list[str], options: list[Option], draw: random.Random) -> list[str]:
    """Words come twice, or a hundred times."""
    place = draw.randrange(len(line))
    return line + line[place : place + 2] * draw.choice((1, 1, 100))


def swap_words(line: list[str], options: list[Option], draw: random.Random) -> list[str]:
    """Two words have each other's place."""
    place, other = draw.randrange(len(line)), draw.randrange(len(line))
    line = list(line)
    line[place], line[other] = line[other], line[place]
    return line


def insert_word(line: list[str], options: list[Option], draw: random.Random) -> list[str]:
    """Return a word more that means something to command lines."""
    place = draw.randrange(len(line) + 1)
    return [*line[:place], draw.choice(WORDS), *line[place:]]


def misspell(line: list[str], options: list[Option], draw: random.Random) -> list[str]:
    """Return a word has a letter more, less, or another one."""
    place = draw.randrange(len(line))
    word = line[place]
    at = draw.randrange(len(word) + 1)
    return [
        *line[:place],
        word[:at] + draw.choice("-=x0 \n🐕\x07") + word[at + draw.choice((0, 1)) :],
        *line[place + 1 :],
    ]


MUTATIONS = (
    *(add_option, add_option, *(combine_options,) * 5, change_argument, change_argument),
    *(delete_word, repeat_words, swap_words, insert_word, misspell),
)
