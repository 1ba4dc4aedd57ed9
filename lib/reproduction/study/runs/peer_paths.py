"""The path of each method beside the paper's: from the trained model to where it has forgotten.

A method of steps has a point after each of them. One of a single blow has the straight line to what
it makes of the model, so that it too can be stopped where it has forgotten enough.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from time import process_time

from torch import nn
from torch.optim import Optimizer

from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.unlearners import (
    bad_teaching,
    finetuning,
    last_layer,
    neggrad_plus,
    salun,
    scrub,
    ssd,
    steps,
    svd_removal,
)
from partial_unlearning.unlearners.gradient import flipped_labels
from reproduction.study.profiles import PeerSetting
from reproduction.study.runs.optimizers import make_optimizer
from reproduction.study.runs.paths import subtraction
from reproduction.study.runs.strength import Point

Own = dict[str, float]
"""A method's own settings, without optimizer and rate."""

Step = Callable[[Split, Split], None]
"""One step on a batch of target and one of retained images."""


@dataclass(frozen=True)
class Case:
    """A trained model that is to forget a class.

    Attributes:
        model: trained; stays as it is.
        untrained: of the same architecture, with random weights of another seed.
        train: all that the model was trained on.
        target: the class.
        classes: number of classes.
        seed: of everything drawn.
        images: of either kind, that a step or a closed form sees.
        steps: made.
    """

    model: nn.Module
    untrained: nn.Module
    train: Split
    target: int
    classes: int
    seed: int
    images: int
    steps: int

    @cached_property
    def request(self) -> Split:
        """The target images."""
        return self.train.subset(self.train.of_class(self.target))

    @cached_property
    def retained(self) -> Split:
        """All others."""
        return self.train.without(self.train.of_class(self.target))

    def batches(self, data: Split) -> Iterator[Split]:
        """Of ``images`` each, without end."""
        return steps.batches(data, self.images, seed=self.seed)


def _finetuning(case: Case, model: nn.Module, optimizer: Optimizer) -> Step:
    return lambda target, retained: finetuning.step(model, optimizer, retained)


def _neggrad_plus(case: Case, model: nn.Module, optimizer: Optimizer, **own: float) -> Step:
    return partial(neggrad_plus.step, model, optimizer, **own)


def _salun(case: Case, model: nn.Module, optimizer: Optimizer, *, fraction: float) -> Step:
    chosen, all_of = salun.salient(model, case.request, fraction=fraction), case.request
    wrong = flipped_labels(all_of.labels, classes=case.classes, seed=case.seed)
    relabelled = Split(all_of.images, wrong, all_of.ids)

    def step(target: Split, retained: Split) -> None:
        batch = relabelled.subset(target.ids)
        salun.step(model, optimizer, batch, retained, selected=chosen)

    return step


def _scrub(case: Case, model: nn.Module, optimizer: Optimizer, **own: float) -> Step:
    return partial(scrub.step, model, optimizer, teacher=case.model, **own)


def _bad_teaching(case: Case, model: nn.Module, optimizer: Optimizer, **own: float) -> Step:
    teachers = {"competent": case.model, "incompetent": case.untrained}
    return partial(bad_teaching.step, model, optimizer, **teachers, **own)


def _last_layer(case: Case, model: nn.Module, optimizer: Optimizer, *, layers: float) -> None:
    batches = islice(case.batches(case.retained), case.steps)
    last_layer.retrain(model, optimizer, batches, layers=int(layers), seed=case.seed)


def _ssd(case: Case, model: nn.Module, *, batch: float, **own: float) -> None:
    target, every = (
        ssd.importance(model, next(case.batches(data)), batch=int(batch))
        for data in (case.request, case.train)
    )
    ssd.dampen(model, target, every, **own)


def _svd_removal(case: Case, model: nn.Module, **own: float) -> None:
    target, retained = (next(case.batches(data)) for data in (case.request, case.retained))
    svd_removal.remove(model, target.images, retained.images, **own)


IN_STEPS: dict[str, Callable[..., Step]] = {
    "finetuning": _finetuning,
    "neggrad_plus": _neggrad_plus,
    "salun": _salun,
    "scrub": _scrub,
    "bad_teaching": _bad_teaching,
}
AT_ONCE: dict[str, Callable[..., None]] = {
    "last_layer": _last_layer,
    "ssd": _ssd,
    "svd_removal": _svd_removal,
}
"""How each method changes a copy of the model: with its own settings by name, and an optimizer
where it has one."""


def peer_path(case: Case, method: str, setting: PeerSetting) -> Iterator[Point]:
    """The trained weights, and on to where a method leads."""
    copy, own = deepcopy(case.model).eval(), dict(setting)
    how = {}
    if "optimizer" in own:
        name, rate = str(own.pop("optimizer")), float(own.pop("learning_rate"))
        how = {"optimizer": make_optimizer(name, copy, learning_rate=rate)}
    layout, before = Layout.of(copy), Layout.of(copy).vector(copy)
    if method in AT_ONCE:
        AT_ONCE[method](case, copy, **how, **own)
        yield from subtraction(case.model, before - layout.vector(copy))
        return
    step = IN_STEPS[method](case, copy, **how, **own)
    yield Point(0, before)
    pairs = zip(case.batches(case.request), case.batches(case.retained), strict=True)
    for number, (target, retained) in enumerate(islice(pairs, case.steps), start=1):
        step(target, retained)
        yield Point(number, layout.vector(copy))


class Timed(Iterator[Point]):
    """A path with the processor time that making its points has taken, in ``seconds``."""

    def __init__(self, path: Iterator[Point]) -> None:
        self._path, self.seconds = path, 0.0

    def __next__(self) -> Point:
        """The next point."""
        started = process_time()
        try:
            return next(self._path)
        finally:
            self.seconds += process_time() - started
