"""`sasa-nas describe`: a network's parts, parameters and cost."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from sasa_nas.analysis.description import Description, LatencyDescription, PartDescription, StageDescription


class ConventionName(StrEnum):
    """Names of `sasa_nas.cost.CONVENTIONS`, without an import of torch."""

    SASA = "sasa"
    AA = "aa"
    SAN = "san"
    MACS = "macs"


def describe(
    target: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE",
            help="A named network, a JSON or YAML file that describes one, or a trained network's folder.",
            show_default=False,
        ),
    ],
    image_size: Annotated[
        int | None,
        typer.Option(min=1, max=16384, help="Height and width of the image; the network's own where left out."),
    ] = None,
    convention: Annotated[
        ConventionName, typer.Option(help="How to count FLOPs: sasa is two for every multiply-accumulate.")
    ] = ConventionName.SASA,
    changes: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="PATH=VALUE",
            help="Change a field first, as stages[0].operator.kernel_size=11 or stages[*].width=32; may be repeated.",
            show_default=False,
        ),
    ] = None,
    latency: Annotated[
        bool, typer.Option("--latency", help="Also measure how long a forward pass takes here.")
    ] = False,
    batch: Annotated[
        list[int] | None,
        typer.Option(min=1, help="With --latency: images of a pass; may be repeated.", show_default="1 and 128"),
    ] = None,
    device: Annotated[str, typer.Option(help="With --latency: auto, cpu, cuda or cuda:N.")] = "auto",
    threads: Annotated[
        int | None, typer.Option(min=1, help="With --latency: threads of the CPU.", show_default="as many as cores")
    ] = None,
    dtype: Annotated[str, typer.Option(help="With --latency: float32, bfloat16 or float16.")] = "float32",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="With --latency: measure anew what was measured before.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Show a network's stages, parameters, multiply-accumulates and FLOPs."""
    import sasa_nas
    from sasa_nas.cli.output import print_json, stdout_console

    request = None
    if latency:
        request = sasa_nas.LatencyRequest(batch or (1, 128), device, threads, dtype, fresh)
    described = sasa_nas.describe(
        target, changes or [], image_size=image_size, convention=convention.value, latency=request
    )
    if as_json:
        print_json(described)
    else:
        print_description(stdout_console(), described)


def print_description(console: Console, described: Description) -> None:
    """Print a network's parts as a table, with a line of facts above and the multiply-accumulates by kind below."""
    from sasa_nas.analysis.labels import compact_bytes, compact_count
    from sasa_nas.cli.output import plain_table

    image = described.image
    console.print(
        f"{described.name} (id {described.architecture_id}): {described.params:,} parameters, "
        f"{described.flops:,} FLOPs ({described.convention} convention) for one image of "
        f"{image.channels} x {image.height} x {image.width}, {described.num_classes:,} classes",
        soft_wrap=True,
    )
    numbers = ("blocks", "width", "params", "MACs", "FLOPs")
    table = plain_table("part", "kind", "blocks", "width", "output", "params", "MACs", "FLOPs", right=numbers)
    rows: list[tuple[str, str, str, str, PartDescription | StageDescription]] = [
        ("stem", described.stem.kind, "", "", described.stem)
    ]
    for stage in described.stages:
        kind = f"{_operator(stage.operator, stage.settings)}{_options(stage.options)}"
        rows.append((stage.name, kind, str(stage.blocks), str(stage.width), stage))
    rows += [(name, part.kind, "", "", part) for name, part in described.after_stages.items()]
    for name, kind, blocks, width, part in rows:
        output = f"{part.output.channels} x {part.output.height} x {part.output.width}"
        work = (compact_count(part.params), compact_count(part.macs.total), compact_count(part.flops))
        table.add_row(name, kind, blocks, width, output, *work)
    console.print(table)
    kinds = described.macs.model_dump(exclude={"total"})
    shown = ", ".join(f"{kind} {compact_count(count)}" for kind, count in kinds.items() if count)
    console.print(f"MACs by kind: {shown}; total {described.macs.total:,}", soft_wrap=True)
    memory = described.training_memory
    if memory is not None:
        each, fixed = compact_bytes(memory.per_image), compact_bytes(memory.fixed)
        console.print(f"Training memory: {fixed}, and {each} an image of the batch (float32, AdamW)", soft_wrap=True)
    for timing in described.latency or ():
        console.print(_timing(timing), soft_wrap=True)


def _timing(timing: LatencyDescription) -> str:
    """Return the text of one latency."""
    from sasa_nas.analysis.labels import compact_seconds

    images = "1 image" if timing.batch == 1 else f"{timing.batch} images"
    median, low, high = map(compact_seconds, (timing.seconds, timing.low, timing.high))
    threads = "1 thread" if timing.threads == 1 else f"{timing.threads} threads"
    return (
        f"Latency of {images}: {median} (half of {timing.calls} calls within {low} to {high}; {timing.dtype}, "
        f"{threads}, {timing.device})"
    )


def _options(options: dict[str, Any]) -> str:
    """Return the text of a stage's other options, such as `, channel_attention se`."""
    told = [f"{name} {value['kind'] if isinstance(value, dict) else value}" for name, value in options.items()]
    return "".join(f", {item}" for item in told)


def _operator(kind: str, settings: dict[str, object]) -> str:
    return f"{kind} ({', '.join(f'{name}={value}' for name, value in settings.items())})" if settings else kind
