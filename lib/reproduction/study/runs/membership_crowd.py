"""Attacks on single images: what models say that had an image, and those that had it not.

Half of a pool of images is in each model. Models 2j and 2j + 1 have the one half and the other, so
that of each pair one model had an image and one had not. Twins are trained without the pool.
"""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from partial_unlearning.metrics import predict
from partial_unlearning.models import MODELS
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from reproduction.datasets.sets import Dataset
from reproduction.study.configs import CrowdConfig
from reproduction.study.measures.membership import label_logits, log_ratios, rmia, roc, tpr_at
from reproduction.study.runs.membership import rates
from reproduction.study.runs.membership_arms import Ending, endings, mean_logit
from reproduction.study.runs.membership_draw import REFERENCES, Draw, draw, plan_of
from reproduction.study.runs.membership_ensemble import train_at_once, train_in_turn
from reproduction.study.runs.paths import Record
from reproduction.study.runs.setup import fresh_model, load_data

DRAWS = 200
"""Of pairs of models and of images, for an interval."""
FALSE = tuple(10 ** (-n / 6) for n in range(18, -1, -1))
"""False positive rates at which a curve is kept, from 0.1 % to 100 %."""
TWIN = "retrained"


def trained_crowd(
    config: CrowdConfig, data: Dataset, drawn: Draw, requests: list[list[Tensor]]
) -> Iterator[tuple[nn.Module, Tensor]]:
    """Each model with the sums of the updates that each of its requests affects.

    Args:
        config: of the run.
        data: for the number of classes.
        drawn: whose ``common`` images, and those of their requests, models are trained on.
        requests: of each model; a twin has none.
    """
    constructor, usual = MODELS[config.model]
    bare = constructor(len(data.classes), config.width or usual)
    for first in range(0, len(requests), config.at_once):
        asked = requests[first : first + config.at_once]
        seeds = [1000 * config.seed + first + n for n in range(len(asked))]
        plans = [
            plan_of(config, torch.cat([drawn.common, *ids]), ids, seed)
            for ids, seed in zip(asked, seeds, strict=True)
        ]
        models = [fresh_model(config.model_copy(update={"seed": s}), data) for s in seeds]
        if config.at_once == 1:
            sums = train_in_turn(models, drawn.data, plans, asked, config.training)
        else:
            sums = train_at_once(bare, models, drawn.data, plans, asked, config.training)
        yield from zip(models, sums, strict=True)


class Scores:
    """What models of each method say of every image of the pool: label logits, and RMIA's score.

    Args:
        config: of the run.
        drawn: the images.

    Attributes:
        logits: method -> ``(models, n)``.
        rmia: the same; the first twins are what it compares with, and have none.
        notes: method -> of each model whether it has forgotten enough, the fraction of unseen
            images that it recognises, and their mean label logit.
    """

    def __init__(self, config: CrowdConfig, drawn: Draw) -> None:
        self.config, self.drawn = config, drawn
        self.logits: dict[str, Tensor] = {}
        self.rmia: dict[str, Tensor] = {}
        self.notes: dict[str, list[tuple[bool, float, float]]] = {}
        self._references: list[Tensor] = []

    def look(self, ending: Ending, row: int, model: nn.Module, judging: Tensor) -> None:
        """Note what a model of a method says of the images that judge it, bool ``(n,)``.

        Twins come first.
        """
        said, count = label_logits(model, *self.drawn.looked_at).cpu(), len(self.drawn.pool)
        own, unseen = said[:count], said[count:]
        self._row(self.logits, ending.method, row)[judging] = own[judging]
        if len(self._references) < REFERENCES:
            self._references.append(said.sigmoid())
        else:
            known = torch.stack(self._references)
            score = rmia(own.sigmoid(), known[:, :count], unseen.sigmoid(), known[:, count:])
            self._row(self.rmia, ending.method, row)[judging] = score[judging]
        hits = predict(model, self.drawn.unseen.images) == self.drawn.unseen.labels
        note = (ending.reached, hits.double().mean().item(), unseen.mean().item())
        self.notes.setdefault(ending.method, []).append(note)

    def _row(self, kept: dict[str, Tensor], method: str, row: int) -> Tensor:
        if method not in kept:
            rows = self.config.twins if method == TWIN else self.config.models
            shape = (rows, len(self.drawn.pool))
            kept[method] = torch.full(shape, torch.nan, dtype=torch.float64)
        return kept[method][row]

    def sides(self, method: str) -> tuple[Tensor, Tensor]:
        """The label logits as :func:`sides` has them; twins as if they had been models."""
        logits = self.logits[method]
        return sides(logits, self.drawn.members[: len(logits)])


def sides(scores: Tensor, members: Tensor) -> tuple[Tensor, Tensor]:
    """Of each pair of models what the one that had an image says of it, and the other.

    Args:
        scores: ``(2 k, n)``.
        members: whether a model had an image, bool, ``(2 k, n)``.

    Returns:
        Two tensors ``(k, n)``.
    """
    pairs = scores.view(-1, 2, scores.shape[1])
    had = members.view(pairs.shape).int().argmax(1, keepdim=True)
    inside, outside = (pairs.gather(1, which).squeeze(1) for which in (had, 1 - had))
    return inside, outside


def attacks(scores: Scores) -> Iterator[Record]:
    """How well each attack tells the models that had an image, of every method.

    ``U-LiRA`` compares with twins, ``LiRA`` with models of the same method that had not the image;
    ``population`` has one threshold on the label logit for all images.
    """
    for method in scores.logits:
        pairs = scores.sides(method)
        found = {"population": pairs, "LiRA": log_ratios(*pairs)}
        if method != TWIN:
            found["U-LiRA"] = log_ratios(pairs[0], scores.logits[TWIN][: len(pairs[0])])
        first = REFERENCES if method == TWIN else 0
        own = scores.rmia[method][first:]
        found["RMIA"] = sides(own, scores.drawn.members[first : first + len(own)])
        for attack, (inside, outside) in found.items():
            yield {"method": method, "attack": attack, **_measured(inside, outside)}


def _measured(inside: Tensor, outside: Tensor) -> Record:
    """Rates in percent with 95 % intervals over pairs of models and images, and the curve."""
    curve = roc(inside.flatten(), outside.flatten())
    known, generator = rates(curve), torch.Generator().manual_seed(0)
    drawn = []
    for _ in range(DRAWS):
        rows, columns = (torch.randint(n, (n,), generator=generator) for n in inside.shape)
        again = [side[rows][:, columns].flatten() for side in (inside, outside)]
        drawn.append([*rates(roc(*again)).values()])
    ends = torch.tensor(drawn).quantile(torch.tensor([0.025, 0.975]), dim=0).T
    record = {name: round(100 * value, 4) for name, value in known.items()}
    for name, (low, high) in zip(known, ends.tolist(), strict=True):
        record |= {f"{name}_low": round(100 * low, 4), f"{name}_high": round(100 * high, 4)}
    return record | {"curve": [round(100 * tpr_at(rate, curve), 3) for rate in FALSE]}


def _levels(scores: Scores) -> Iterator[Record]:
    """What models of each method know, mean over them; percent, and label logits."""
    for method, notes in scores.notes.items():
        reached, right, unseen = torch.tensor(notes, dtype=torch.float64).mean(0).tolist()
        inside, outside = scores.sides(method)
        yield {
            "method": method,
            "reached": round(100 * reached, 2),
            "accuracy": round(100 * right, 3),
            "inside_logit": round(inside.mean().item(), 4),
            "outside_logit": round(outside.mean().item(), 4),
            "unseen_logit": round(unseen, 4),
        }


def forgotten(
    config: CrowdConfig, drawn: Draw, row: int, model: nn.Module, sums: Tensor
) -> Iterator[tuple[Ending, Tensor]]:
    """A model after each of its requests, by every method, and which images judge it then.

    Enough is forgotten where the model is as unsure of the request as it was of unseen images.

    Args:
        config: of the run.
        drawn: the images.
        row: number of the model.
        model: the trained one.
        sums: of the updates that each request affects, ``(requests, size)``.
    """
    copy, layout = deepcopy(model), Layout.of(model)
    level = mean_logit(model, drawn.unseen_alike)
    asked = (drawn.requests(row, config.request), drawn.judging(row, config.request), sums)
    for ids, judging, update in zip(*asked, strict=True):
        request = drawn.data.subset(ids)

        def measure(weights: Tensor, request: Split = request) -> float:
            layout.load(copy, weights)
            return mean_logit(copy, request)

        options = {"classes": drawn.classes, "measure": measure, "level": level}
        for ending in endings(config, model, update, request, **options):
            yield ending, judging


def run(config: CrowdConfig) -> dict[str, Any]:
    """Train twins and models, forget every model's requests by every method, and attack.

    Returns:
        ``attacks``: for each method and attack its rates, with intervals; ``levels``: of each
        method how many models have forgotten enough, and what they still know.
    """
    data = load_data(config)
    drawn = draw(config, data)
    scores, everything = Scores(config, drawn), torch.ones(config.pool, dtype=torch.bool)
    none: list[list[Tensor]] = [[] for _ in range(config.twins)]
    for row, (model, _) in enumerate(trained_crowd(config, data, drawn, none)):
        scores.look(Ending(TWIN, Layout.of(model).vector(model), True), row, model, everything)
    asked = [drawn.requests(row, config.request) for row in range(config.models)]
    for row, (model, sums) in enumerate(trained_crowd(config, data, drawn, asked)):
        copy, layout = deepcopy(model), Layout.of(model)
        scores.look(Ending("trained", layout.vector(model), False), row, model, everything)
        for ending, judging in forgotten(config, drawn, row, model, sums):
            layout.load(copy, ending.weights)
            scores.look(ending, row, copy, judging)
    return {"attacks": list(attacks(scores)), "levels": list(_levels(scores))}
