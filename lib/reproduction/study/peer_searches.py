"""Choosing the settings of the methods beside the paper's, by the rule of the gradient families.

Every method has as many settings to choose from. All are tried on one training of the first tuning
seed, the best few of each on one of each other seed, all under the placement of target images that
amnesiac unlearning has. A setting is eligible if on every one of them it comes down to the primary
level within the steps allowed; its score is the lowest of its held-out D_r there. If none of a
method's settings is eligible, that one is taken which comes nearest to the level where it is worst.
"""

from collections.abc import Sequence
from dataclasses import replace

from reproduction.study.configs import Config
from reproduction.study.experiments import base_config
from reproduction.study.kinds import TABLES, Table, configured
from reproduction.study.profiles import PeerSetting, Profile
from reproduction.study.searches import Scored, Search, Trial, by_setting, ranked, score_arm
from reproduction.study.stored_runs import Result

FAMILY = "peers"


def score_peer(trials: list[Trial], seeds: int) -> Scored:
    """As an arm's; one that may not be taken by how much it leaves recognised at most."""
    scored = score_arm(trials, seeds)
    if scored.eligible:
        return scored
    left = [trial["recognised"] if trial["reached"] else trial["lowest"] for trial in trials]
    return replace(scored, score=-max(left))


class PeerSearch(Search):
    """The setting of one method; ``sought`` is the method, ``number`` the amnesiac table's.

    All methods' searches share their runs.
    """

    def _run(self, grid: list[tuple[str, PeerSetting]], seed: int) -> Config:
        profile = self.profile
        base = base_config(profile, self.table.dataset, self.model, seed)
        amnesiac = profile.datasets[self.table.dataset].models[self.model].amnesiac
        return configured(
            "peer_trials",
            **base,
            held_out=True,
            level=profile.comparison.primary,
            target_images=profile.comparison.target_images,
            target_placement=amnesiac.target_placement if amnesiac else {"affected_fraction": 1},
            grid=grid,
            images=profile.peers.images,
            steps=profile.peers.tuning_steps,
        )

    def first(self) -> list[Config]:
        """Every setting of every method, on the first seed."""
        grids = self.profile.peers.grids
        every = [(method, setting) for method, grid in grids.items() for setting in grid.settings]
        return [self._run(every, self.seeds[0])]

    def second(self) -> list[Config]:
        """The best settings of every method, on the others."""
        best = [
            (search.sought, setting)
            for search in peer_searches(self.profile, self.table.dataset, self.model)
            for setting in search.finalists(self.profile.peers.finalists)
        ]
        return [self._run(best, seed) for seed in self.seeds[1:]]

    def score(self, runs: Sequence[Result], seeds: int) -> list[Scored]:
        """What the settings of this method came to."""
        trials = [t for run in runs for t in run.trials if t["method"] == self.sought]
        return ranked(score_peer(tried, seeds) for tried in by_setting(trials))


def peer_searches(profile: Profile, dataset: str, model: str) -> list[PeerSearch]:
    """The searches behind a model's runs, a method each."""
    chosen = profile.datasets[dataset].models[model].peers or {}
    number = next(n for n, t in TABLES.items() if (t.family, t.dataset) == ("amnesiac", dataset))
    methods = profile.peers.grids
    return [PeerSearch(profile, number, model, m, chosen.get(m)) for m in methods]


def peer_rows(profile: Profile) -> list[tuple[Table, str]]:
    """What can be tuned: each data set, as a table of this family, with each of its models."""
    return [
        (Table(0, FAMILY, dataset), model)
        for dataset, models in profile.peers.models.items()
        for model in models
        if model in profile.datasets[dataset].models
    ]
