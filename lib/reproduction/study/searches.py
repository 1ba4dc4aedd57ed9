"""Choosing what the paper leaves open, on held-out training data, by one rule.

**The rule.** A setting is tried on trainings of its own seeds, which no published run has. It is
eligible if on every one of them it brings the recognised share of target images down to the
primary level within the steps allowed; its score is the lowest of its held-out D_r there. The
highest score is chosen. Every arm of Tables 3 to 6 tries the same rates: all on the first seed,
the best few of them on the others. Where one of the paper's two methods does best at the end of its
grid, rates beyond are tried as well, to say what the grid costs it; the tables keep to the grid.

The placement of target images is settled before, on plain training and conventional amnesiac
unlearning alone. A placement may be taken if the model trained under it knows the class as well as
one trained on plainly shuffled images: held-out D_t of at least :data:`KNOWN` of that one's, D_r at
most :data:`HARM` points lower. Of those the one is taken whose baseline, with everything
subtracted, comes nearest to the paper's cell on average. If none may, it is the one that knows the
class best. The second placement, a few target images plainly shuffled, has nothing to choose.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from math import log10
from statistics import mean
from typing import Any

from reproduction import paper
from reproduction.study.arms import PAPER_ARMS, gradient_arm, tuned_arms
from reproduction.study.configs import Config
from reproduction.study.experiments import base_config
from reproduction.study.kinds import TABLES, Table, configured
from reproduction.study.profiles import Amnesiac, GradientSettings, Profile
from reproduction.study.stored_runs import Result, find

KNOWN, HARM = 0.95, 1.0

FURTHER = 5
"""At most so many rates beyond the end of the grid."""

Setting = dict[str, Any]
Trial = dict[str, Any]


@dataclass(frozen=True)
class Scored:
    """What a setting came to on its tuning trainings.

    Attributes:
        setting: that was tried.
        trials: one for each seed that it was tried on.
        eligible: whether it may be taken.
        score: the more the better, in points; only compared with others of the same search.
    """

    setting: Setting
    trials: list[Trial]
    eligible: bool
    score: float


def score_arm(trials: list[Trial], seeds: int) -> Scored:
    """A setting that reaches the level on all seeds, by the worst held-out D_r there."""
    reached = [trial["d_r"] for trial in trials if trial["reached"]]
    eligible = len(reached) == len(trials) == seeds
    return Scored(trials[0]["setting"], trials, eligible, min(reached, default=0.0))


def score_placement(trials: list[Trial], seeds: int, printed: float) -> Scored:
    """A placement that leaves the class known, by its distance to the paper's baseline D_r."""
    known = min(trial["trained_d_t"] / max(trial["plain_d_t"], 1.0) for trial in trials)
    harm = max(trial["plain_d_r"] - trial["trained_d_r"] for trial in trials)
    eligible = len(trials) == seeds and known >= KNOWN and harm <= HARM
    distance = mean(abs(trial["d_r"] - printed) for trial in trials)
    return Scored(trials[0]["setting"], trials, eligible, -distance if eligible else known)


def ranked(scored: Iterable[Scored]) -> list[Scored]:
    """In the order of the rule's preference; what was tried on more seeds stands first."""
    return sorted(scored, key=lambda s: (-len(s.trials), not s.eligible, -s.score))


def by_setting(trials: Iterable[Trial]) -> list[list[Trial]]:
    """The trials of each setting, in the order in which settings come first."""
    found: dict[str, list[Trial]] = {}
    for trial in trials:
        found.setdefault(repr(trial["setting"]), []).append(trial)
    return list(found.values())


def next_rate(rate: float, *, up: bool) -> float:
    """The one after it, or before, of 1, 3, 10, 30."""
    place = round(2 * log10(rate)) + (1 if up else -1)
    return float(f"{(1, 3)[place % 2]}e{place // 2}")


def goes_on(tried: list[Scored]) -> bool:
    """Whether the next rate is tried too: the best of the grid comes first, then those beyond."""
    return len(tried) <= FURTHER and ranked(tried)[0] is tried[-1]


@dataclass(frozen=True)
class Search(ABC):
    """One search for a setting.

    Attributes:
        profile: whose grid is tried.
        number: of the table whose runs use the setting.
        model: that they train.
        sought: what is searched for, by its name in the book.
        chosen: the setting that the profile has, None before there is one.
    """

    profile: Profile
    number: int
    model: str
    sought: str
    chosen: Setting | None

    @property
    def table(self) -> Table:
        """The table that the setting is for."""
        return TABLES[self.number]

    @property
    def seeds(self) -> tuple[int, ...]:
        """Of the tuning trainings."""
        return self.profile.tuning.seeds

    def configured(self, kind: str, seed: int, **own: Any) -> Config:  # noqa: ANN401
        """A run of this search."""
        base = base_config(self.profile, self.table.dataset, self.model, seed)
        return configured(kind, **base, held_out=True, **own)

    @abstractmethod
    def first(self) -> list[Config]:
        """The runs that depend on nothing."""

    def second(self) -> list[Config]:
        """The finalists' runs on the other seeds; the first runs have to be stored."""
        return []

    def further(self) -> list[Config]:
        """The next runs beyond the grid, which the setting does not depend on."""
        return []

    def score(self, runs: Sequence[Result], seeds: int) -> list[Scored]:
        """What the settings came to in these runs, in the rule's order."""
        trials = [trial for run in runs for trial in run.trials]
        return ranked(score_arm(tried, seeds) for tried in by_setting(trials))

    def _stored(self, configs: list[Config]) -> list[Result]:
        """The results of all these runs; none where one is missing."""
        runs = [find(self.profile.name, config) for config in configs]
        return [] if None in runs else [run for run in runs if run]

    def finalists(self, count: int) -> list[Setting]:
        """The best settings of the first runs."""
        return [found.setting for found in self.score(self._stored(self.first()), 1)[:count]]

    @property
    def configs(self) -> list[Config]:
        """All runs behind the setting, as far as it is known yet which they are."""
        first = self.first()
        return [*first, *(self.second() if self._stored(first) else [])]

    @property
    def scored(self) -> list[Scored]:
        """All that was tried, in the rule's order; empty where not all of it was run yet."""
        return self.score(self._stored(self.configs), len(self.seeds))

    @property
    def best(self) -> Setting:
        """The setting that the rule prefers; all of it has to be run."""
        return self.scored[0].setting

    @property
    def obeys_the_rule(self) -> bool:
        """Whether the profile has what the rule prefers; true where nothing was tried."""
        return not self.scored or self.best == self.chosen


class RateSearch(Search):
    """The optimizer and learning rate of an arm of a gradient family; ``sought`` is the arm."""

    def _run(self, rates: Sequence[tuple[str, float]], seed: int) -> Config:
        grids, family = self.profile.tuning, self.table.family
        return self.configured(
            "gradient_trials",
            seed,
            level=self.profile.comparison.primary,
            target_images=self.profile.comparison.target_images,
            family=family,
            arm=self.sought,
            **gradient_arm(family, self.sought).model_dump(),
            rates=rates,
            max_steps=grids.max_steps,
        )

    def first(self) -> list[Config]:
        """Every rate on the first seed."""
        grid = self.profile.tuning.learning_rates
        rates = [(name, rate) for name, values in grid.items() for rate in values]
        return [self._run(rates, self.seeds[0])]

    def second(self) -> list[Config]:
        """The best rates on the others."""
        best = self.finalists(self.profile.tuning.rate_finalists)
        rates = [(setting["optimizer"], setting["learning_rate"]) for setting in best]
        return [self._run(rates, seed) for seed in self.seeds[1:]]

    @property
    def at_the_end(self) -> bool:
        """Whether the best rate is the lowest or the highest of its optimizer's grid."""
        tried = self.profile.tuning.learning_rates[self.best["optimizer"]]
        return self.best["learning_rate"] in (min(tried), max(tried))

    def _beyond(self) -> list[list[Config]]:
        """The rates beyond that end, each on every seed."""
        rate, optimizer = self.best["learning_rate"], self.best["optimizer"]
        up = rate == max(self.profile.tuning.learning_rates[optimizer])
        found = []
        for _ in range(FURTHER):
            rate = next_rate(rate, up=up)
            found.append([self._run([(optimizer, rate)], seed) for seed in self.seeds])
        return found

    @property
    def beyond(self) -> list[Scored]:
        """What rates beyond the grid came to, one after another, as far as they were run."""
        if not self.scored or not self.at_the_end:
            return []
        runs = takewhile(bool, map(self._stored, self._beyond()))
        return [self.score(found, len(self.seeds))[0] for found in runs]

    @property
    def better_beyond(self) -> Setting | None:
        """The rate beyond the grid that does best, None where none is better than the chosen."""
        if not self.beyond:
            return None
        chosen = self.scored[0]
        best = ranked([chosen, *self.beyond])[0]
        return None if best is chosen else best.setting

    def further(self) -> list[Config]:
        """A rate beyond the grid, on every seed, while the one before it is the best of all."""
        if self.sought not in PAPER_ARMS or not self.scored or not self.at_the_end:
            return []
        tried = [self.scored[0], *self.beyond]
        return self._beyond()[len(tried) - 1] if goes_on(tried) else []


@dataclass(frozen=True)
class PruningSearch(Search):
    """The pruning of partial amnesiac unlearning, under a placement that is settled."""

    placement: Setting = field(default_factory=dict)

    def first(self) -> list[Config]:
        """Every pruning on every seed, from one training each."""
        return [_placed(self, self.placement, seed) for seed in self.seeds]


class PlacementSearch(Search):
    """Which part of the batches hold target images."""

    def first(self) -> list[Config]:
        """Every placement on the first seed; plain training on all."""
        placed = [{"affected_fraction": f} for f in self.profile.tuning.affected_fractions]
        plain = [self.configured("plain_trial", seed) for seed in self.seeds]
        return [*(_placed(self, placement, self.seeds[0]) for placement in placed), *plain]

    def second(self) -> list[Config]:
        """The best placements on the others."""
        best = self.finalists(self.profile.tuning.placement_finalists)
        return [_placed(self, placement, seed) for placement in best for seed in self.seeds[1:]]

    def score(self, runs: Sequence[Result], seeds: int) -> list[Scored]:
        """What the placements came to in these runs, in the rule's order."""
        plain = {run.config.seed: run.rows[0] for run in runs if not run.trials}
        trials = [_placement_trial(run, plain[run.config.seed]) for run in runs if run.trials]
        printed = paper.cell(self.number, self.model, "baseline").d_r
        found = [score_placement(tried, seeds, printed) for tried in by_setting(trials)]
        return ranked(found)


def _placed(search: Search, placement: Setting, seed: int) -> Config:
    """A training under a placement, and every pruning under it."""
    grids = search.profile.tuning
    grid = [{"sparsity_first": first, "sparsity_last": last} for first, last in grids.pruning]
    return search.configured(
        "amnesiac_trials",
        seed,
        level=search.profile.comparison.primary,
        target_images=search.profile.comparison.target_images,
        buffers=search.profile.buffers,
        target_placement=placement,
        grid=grid,
    )


def _placement_trial(run: Result, plain: dict[str, Any]) -> Trial:
    """What conventional unlearning and training itself came to under a placement."""
    trained, baseline = run.rows
    return {
        "setting": run.config.target_placement,
        **run.facts,
        **{name: baseline[name] for name in ("d_t", "d_r")},
        **{f"trained_{name}": trained[name] for name in ("d_t", "d_r")},
        **{f"plain_{name}": plain[name] for name in ("d_t", "d_r")},
    }


def searches_of(profile: Profile, table: Table, model: str) -> list[Search]:
    """The searches behind a model's row of a table.

    The search for a pruning is there as soon as the profile has a placement.
    """
    known = profile.datasets[table.dataset].models[model]
    here = (profile, table.number, model)
    if table.family != "amnesiac":
        chosen = getattr(known, table.family) or {}
        arms = tuned_arms(model, profile.comparison.controls)
        return [RateSearch(*here, arm, _rate(chosen.get(arm))) for arm in arms]
    found: list[Search] = [PlacementSearch(*here, "placement", _placement(known.amnesiac))]
    if known.amnesiac:
        found.append(pruning_search(profile, table, model, known.amnesiac.target_placement))
    kept = {"target_images": profile.tuning.kept_images}
    return [*found, pruning_search(profile, table, model, kept)]


def pruning_search(profile: Profile, table: Table, model: str, placement: Setting) -> PruningSearch:
    """The search for a pruning under a placement, one of the profile's two."""
    sought = "kept_images" if "target_images" in placement else "amnesiac"
    known = getattr(profile.datasets[table.dataset].models[model], sought)
    chosen = known.pruning.model_dump() if known else None
    return PruningSearch(profile, table.number, model, sought, chosen, placement)


def _placement(chosen: Amnesiac | None) -> Setting | None:
    return chosen.target_placement if chosen else None


def _rate(chosen: GradientSettings | None) -> Setting | None:
    return chosen.model_dump(include={"optimizer", "learning_rate"}) if chosen else None
