"""What of the planned trainings is run: a census, for the first page and the README."""

from reproduction import paper
from reproduction.chapters.provenance_table import lacking
from reproduction.study.kinds import TABLES
from reproduction.study.profiles import Profile, load_profile

PLANNED = {
    **{f"table_{number}": f"Table {number}" for number in TABLES},
    "kept_images": "Tables 1 and 2 with 100 plainly shuffled images",
    "variation_width": "amnesiac unlearning at another width",
    "controls_label_flipping": "controls of learning wrong labels",
    "controls_optimization": "controls of going uphill on the loss",
    "forgotten": "what the features know",
    "membership": "attacks",
    "peers": "today’s methods",
    "frontier": "how few entries are enough",
}
"""The runs behind the findings, by experiment, and what they are about."""


def standing(profile: str) -> str:
    """How much of a profile's planned trainings is run, and in which sizes."""
    parts, settings = [*_untuned(profile), *_begun(profile)], load_profile(profile)
    alone = [m for models in settings.forgotten.models.values() for m in models]
    peers = {m for models in settings.peers.models.values() for m in models} - {*alone}
    beside = f"; today’s methods were tried in {', '.join(peers)} too" if peers else ""
    open_yet = f"Not all is run yet: {'; '.join(parts)}. Findings may change. " if parts else ""
    return (
        f"{open_yet}Features were probed, and attacks made, in {', '.join(alone)} "
        f"alone{beside}.{_narrow(settings)}"
    )


def _narrow(settings: Profile) -> str:
    """Which networks are run narrower than their usual width, in a sentence."""
    from partial_unlearning.models import MODELS  # torch is slow

    widths = {m: own.width for of in settings.datasets.values() for m, own in of.models.items()}
    parts = [
        f"{model} {width} for {MODELS[model][1]}"
        for model, width in widths.items()
        if width and width < MODELS[model][1]
    ]
    said = " The paper gives no widths. To save time some networks are narrower than usual"
    return f"{said}, channels of the first layer: {', '.join(parts)}." if parts else ""


def _untuned(profile: str) -> list[str]:
    """The networks that no run is planned of before their settings are chosen."""
    names = [
        f"{model} on {paper.TITLES[dataset]}"
        for dataset, of_data in load_profile(profile).datasets.items()
        for model, own in of_data.models.items()
        if own.amnesiac is None
    ]
    return [f"none of {' and of '.join(names)}"] if names else []


def _begun(profile: str) -> list[str]:
    """The experiments that lack trainings of a network, with their numbers."""
    return [
        f"{about}, {network} trainings"
        for experiment, about in PLANNED.items()
        for network in lacking(experiment, profile)
    ]
