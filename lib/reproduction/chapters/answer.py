"""The result in five sentences, each with its number from the stored runs."""

from collections.abc import Iterable

from reproduction import paper
from reproduction.checking.comparing import Comparison, How, by_model, of_family, printed
from reproduction.checking.measurements import Measurements
from reproduction.checking.samples import Evidence, grouped
from reproduction.study.experiments import configs_of
from reproduction.study.profiles import load_profile
from reproduction.study.stored_runs import find

TABLES = {"amnesiac": (1, 2), "label flipping": (3, 4), "loss ascent": (5, 6)}
"""The families of methods, and their tables."""


def _models(evidence: Evidence, tables: Iterable[int], reading: str, how: How) -> list[Comparison]:
    """Each model's comparison, where it was run and can be made."""
    found = [c for table in tables for c in by_model(evidence, table, reading, how).values()]
    return [comparison for comparison in found if comparison.pairs]


def _points(value: float) -> str:
    """Points without a sign: ``0.4`` below ten, whole above."""
    return f"{abs(value):.1f}" if abs(value) < 10 else f"{abs(value):.0f}"


def _more(value: float) -> str:
    return f"{_points(value)} points {'more' if value > 0 else 'less'}"


def _range(found: list[Comparison]) -> str:
    means = [comparison.mean for comparison in found]
    cases = f"{len(found)} model{'' if len(found) == 1 else 's'}"
    ends = f"{min(means):+.1f} to {max(means):+.1f}".replace("-", "−")
    return f"{ends} over {cases}" if len(found) > 1 else cases


def _published(evidence: Evidence) -> str:
    whole = of_family(evidence, TABLES["amnesiac"], "published", How())
    each = _models(evidence, TABLES["amnesiac"], "published", How())
    said = [printed(*pair) for pair in paper.comparisons() if pair[0] in TABLES["amnesiac"]]
    return (
        f"Run to the paper's own end, pruned amnesiac unlearning keeps {_more(whole.mean)} "
        f"accuracy on retained classes than the whole of it ({_range(each)}; the paper prints "
        f"{sum(said) / len(said):+.0f} on average)."
    )


def _equal(evidence: Evidence) -> str:
    whole = of_family(evidence, TABLES["amnesiac"], "equal", How())
    each = _models(evidence, TABLES["amnesiac"], "equal", How())
    return (
        f"Stopped where both have forgotten equally much, it keeps {_more(whole.mean)} "
        f"({_range(each)}): {whole.finding.word}."
    )


def _gradient(evidence: Evidence, name: str) -> str:
    whole = of_family(evidence, TABLES[name], "equal", How())
    each = _models(evidence, TABLES[name], "equal", How())
    said = [printed(*pair) for pair in paper.comparisons() if pair[0] in TABLES[name]]
    return (
        f"Moving a part of each layer's weights at {name} keeps {_more(whole.mean)} at equal "
        f"forgetting than moving all ({_range(each)}; the paper prints "
        f"{sum(said) / len(said):+.1f}): {whole.finding.word}."
    )


def _last_layer(evidence: Evidence) -> str:
    how = How(("last_layer", "proposed"))
    whole = of_family(evidence, TABLES["amnesiac"], "equal", how)
    each = _models(evidence, TABLES["amnesiac"], "equal", how)
    return (
        f"Subtracting the last layer's updates alone, which needs no mask, keeps "
        f"{_more(whole.mean)} than the paper's masks ({_range(each)})."
    )


def _is_run(evidence: Evidence, family: str) -> bool:
    """Whether there is anything to compare at both readings."""
    readings = ("equal", "published")
    return all(of_family(evidence, TABLES[family], at, How()).pairs for at in readings)


def standing(profile: str) -> str:
    """How much of a profile's comparisons is run; empty where all is."""
    settings = load_profile(profile)
    configs = [c for number in (1, 2) for c in configs_of(f"table_{number}", settings)]
    pairs = {(c.dataset, c.model, c.seed) for c in configs if find(profile, c)}
    parts = []
    for dataset, of_data in settings.datasets.items():
        for model, own in of_data.models.items():
            seeds = own.seeds or settings.seeds
            there = sum((dataset, model, seed) in pairs for seed in seeds)
            if there < len(seeds):
                parts.append(f"{model} on {paper.TITLES[dataset]} {there} of {len(seeds)}")
    if not parts:
        return ""
    return f"So far, and until all seeds are run: {', '.join(parts)}. Findings may change."


def sentences(data: Measurements) -> list[str]:
    """What came out, in five sentences; one that says so where a family has no runs."""
    evidence = grouped(data)
    parts = [
        (_published, "amnesiac", ()),
        (_equal, "amnesiac", ()),
        (_gradient, "label flipping", ("label flipping",)),
        (_gradient, "loss ascent", ("loss ascent",)),
        (_last_layer, "amnesiac", ()),
    ]
    return [
        say(evidence, *given) if _is_run(evidence, family) else f"{family.capitalize()}: not run."
        for say, family, given in parts
    ]
