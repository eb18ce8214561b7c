"""The tables of the study's page, in Markdown, from the results."""

from collections.abc import Callable, Mapping
from typing import Any

from study.answer import answer
from study.markdown import markdown
from study.style import NAMES, TITLES
from study.tables import NATURAL

Results = Mapping[str, Any]
"""Results by table, as `table_result` gives them."""

GROUPS = "groups_64_tiny_imagenet"
SASA = {
    "CCCL": "gains",
    "CCLL": "gains",
    "LCCC": "does not gain",
    "LLCC": "does not gain",
}
"""Findings of Ramachandran et al. (2019, Table 3): attention in late groups alone and in early ones alone, against
all convolution, on ImageNet."""
COMPARED = ("CCCL", "CCLL", "CLLL", "LLLL", "LLLC", "LLCC", "LCCC")
"""Late groups alone, then all, then early ones alone."""
_MISSING = "*Not trained yet.*"


def blocks(results: Results) -> dict[str, str]:
    """Return every generated block of the page by its name."""
    return {
        "answer": answer(results),
        "picture": picture(results),
        "quality": quality(results),
        "effects_groups": effects(results, GROUPS),
        "effects_hybrid": effects(results, "hybrid256_32_cifar10"),
        "effects_digits": effects(results, "hybrid256_digits"),
        "networks": networks(results),
        "interactions": interactions(results),
        "sasa": sasa(results),
        "predictors": predictors(results),
        "epochs": epochs(results),
    }


def picture(results: Results) -> str:
    """Return the figure of effects, once there is a table of natural images."""
    if not any(name in results for name in NATURAL):
        return _MISSING
    return "![Effect of attention in each stage, raw, at equal FLOPs and at equal latency](natural_images_effects.png)"


def quality(results: Results) -> str:
    """Return size and reliability of each table, a column a table."""
    rows: list[tuple[str, Callable[[Any], str]]] = [
        ("networks, trainings", lambda q: f"{q['networks']}, {q['trainings']}"),
        ("networks with several seeds, up to", lambda q: f"{q['repeated_networks']}, {q['seeds']}"),
        ("images to train, to validate", lambda q: f"{q['train_images']:,}, {q['validation_images']:,}"),
        ("epochs", lambda q: f"{q['epochs']}"),
        ("median seconds of a training", lambda q: f"{q['median_seconds']:.0f}"),
        (
            "mean accuracies, %",
            lambda q: f"{100 * q['mean_accuracy']['least']:.1f} to {100 * q['mean_accuracy']['most']:.1f}",
        ),
        ("sd between networks, points", lambda q: f"{100 * q['accuracy']['sd_between_networks']:.2f}"),
        ("sd between seeds, points", lambda q: f"{100 * q['accuracy']['sd_between_seeds']:.2f}"),
        ("reliability of one training", lambda q: _reliability(q["accuracy"])),
        ("the same, among trainings of one seed", lambda q: _paired(q["accuracy"])),
        ("reliability of one training's validation loss", lambda q: _reliability(q["validation_loss"])),
        ("the same, among trainings of one seed", lambda q: _paired(q["validation_loss"])),
        ("reliability of the mean of all seeds", lambda q: f"{q['accuracy']['reliability_of_mean']:.2f}"),
        ("tau that a perfect predictor would reach", lambda q: _tau(q["tau_of_truth"])),
        ("tau between two seeds", lambda q: f"{q['accuracy']['tau_between_seeds']:.2f}"),
    ]
    header = ["", *(TITLES[name] for name in results)]
    told = [[label, *(tell(one["quality"]) for one in results.values())] for label, tell in rows]
    told.insert(4, ["batch size, learning rate", *(_recipe(one["recipe"]) for one in results.values())])
    return markdown(header, told)


def _recipe(recipe: Mapping[str, Any]) -> str:
    augmented = "augmented" if recipe["augment"] else "not augmented"
    return f"{recipe['batch_size']}, {recipe['learning_rate']:g}, {augmented}"


def _paired(found: Mapping[str, Any] | None) -> str:
    paired = None if found is None else found["among_one_seed"]
    return "-" if paired is None else f"{paired['single']:.2f} ({paired['low']:.2f} to {paired['high']:.2f})"


def _reliability(found: Mapping[str, float] | None) -> str:
    return "-" if found is None else f"{found['reliability']:.2f} ({found['low']:.2f} to {found['high']:.2f})"


def effects(results: Results, name: str) -> str:
    """Each operator in each stage, in points of accuracy and per cent of cost."""
    if name not in results:
        return _MISSING
    header = ["stage", "operator", "raw", "FLOPs", "latency", "at equal FLOPs", "at equal latency"]
    rows = []
    for effect in results[name]["effects"]:
        costs = [effect["flops"], effect["latency"]]
        star = "*" if effect["p_adjusted"] < 0.05 else ""
        rows.append(
            [
                results[name]["stages"][effect["stage"]],
                NAMES[effect["operator"]],
                points(effect["raw"], star),
                *("-" if cost is None else f"{100 * cost['relative']:+.0f} %" for cost in costs),
                *(_matched(cost) for cost in costs),
            ]
        )
    return markdown(header, rows)


def _matched(cost: Mapping[str, Any] | None) -> str:
    if cost is None or cost["matched"] is None:
        return "-"
    if "p_adjusted" in cost["matched"]:
        return points(cost["matched"], "*" if cost["clear"] else "")
    return points(cost["matched"], "†" if cost["misleading"] else "")


def points(estimate: Mapping[str, float], mark: str = "") -> str:
    """Return an effect in points of accuracy with its 95 % interval."""
    value, low, high = (100 * estimate[name] for name in ("value", "low", "high"))
    return f"{value:+.2f}{mark} ({low:+.2f} to {high:+.2f})"


def networks(results: Results) -> str:
    """Return the networks of `groups_64` one by one."""
    if GROUPS not in results:
        return _MISSING
    header = ["network", "accuracy, %", "against all convolution", "MFLOPs", "parameters", "latency, ms"]
    rows = [
        [
            one["name"],
            f"{100 * one['accuracy']['value']:.2f} ± {100 * one['accuracy']['error']:.2f}",
            "-" if one["gain"] is None else points(one["gain"]),
            f"{one['flops'] / 1e6:.2f}",
            f"{one['params']:,}",
            "-" if one["latency"] is None else f"{1e3 * one['latency']:.2f}",
        ]
        for one in results[GROUPS]["networks"]
    ]
    figure = "![Accuracy of the 16 networks against FLOPs and latency, with the front](natural_images_groups_64.png)"
    return f"{markdown(header, rows)}\n\n{figure}"


def interactions(results: Results) -> str:
    """Pairs of stages of `groups_64`."""
    if GROUPS not in results:
        return _MISSING
    rows = [
        [
            " and ".join(str(stage + 1) for stage in pair["stages"]),
            points(pair["effect"], "*" if pair["p_adjusted"] < 0.05 else ""),
        ]
        for pair in results[GROUPS]["interactions"]
    ]
    return markdown(["stages", "attention in both, beyond the sum"], rows)


def sasa(results: Results) -> str:
    """Networks with attention in late or in early groups alone, beside what SASA finds."""
    if GROUPS not in results:
        return _MISSING
    found = {one["name"]: one for one in results[GROUPS]["networks"]}
    rows = [
        [
            ", ".join(str(i) for i, letter in enumerate(name, start=1) if letter == "L"),
            name,
            points(found[name]["gain"]),
            SASA.get(name, "-"),
        ]
        for name in COMPARED
    ]
    return markdown(["attention in groups", "network", "here, against all convolution", "SASA on ImageNet"], rows)


def predictors(results: Results) -> str:
    """Kendall's tau of costs and scores; a column a table."""
    names = dict.fromkeys(name for one in results.values() for name in one["predictors"])
    rows = [[name, *(_tau(one["predictors"].get(name)) for one in results.values())] for name in names]
    return markdown(["predictor", *(TITLES[name] for name in results)], rows)


def epochs(results: Results) -> str:
    """Tau of early epochs, after a quarter, a half and all of a training; a column a table."""
    shares = {"a quarter": 0.25, "half": 0.5, "three quarters": 0.75, "all": 1.0}
    rows = []
    for measure, words in (("accuracy", "accuracy"), ("validation_loss", "validation loss")):
        for label, share in shares.items():
            cells = []
            for one in results.values():
                taus = one["early_epochs"].get(measure)
                cells.append("-" if taus is None else _tau(taus[max(1, round(share * len(taus))) - 1]))
            rows.append([f"{words} after {label} of the epochs", *cells])
    return markdown(["one seed's", *(TITLES[name] for name in results)], rows)


def _tau(found: Mapping[str, float] | None) -> str:
    return "-" if found is None else f"{found['tau']:.2f} ({found['low']:.2f} to {found['high']:.2f})"
