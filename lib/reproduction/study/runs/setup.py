"""What every kind of run begins with: data, a model, its training, a measurement."""

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_model, save_model
from torch import Tensor, nn

from partial_unlearning.batching import BatchPlan, shuffled_plan
from partial_unlearning.masks import Mask, build_mask
from partial_unlearning.metrics import Accuracy, accuracy
from partial_unlearning.models import build
from partial_unlearning.samples import Split
from partial_unlearning.state import Layout
from partial_unlearning.training import Callback, fit
from reproduction.datasets import sets as data_sets
from reproduction.datasets.sets import Dataset
from reproduction.machine.folders import make_folder
from reproduction.study.cache import weights_file
from reproduction.study.configs import Config
from reproduction.study.measures.history import History
from reproduction.study.profiles import Pruning, TargetPlacement
from reproduction.study.runs.optimizers import make_optimizer
from reproduction.study.runs.target_placement import plan_batches
from reproduction.study.stored_runs import run_hash


def device() -> torch.device:
    """CUDA where there is some, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


@lru_cache(maxsize=4)
def _load(name: str, source: str, tuning: bool) -> Dataset:
    return data_sets.load(name, source=source, tuning=tuning, device=device())


def load_data(config: Config) -> Dataset:
    """The data set a configuration names; held-out images take the test's place when tuning."""
    return _load(config.dataset, config.source, getattr(config, "held_out", False))


def fresh_model(config: Config, data: Dataset) -> nn.Module:
    """The model as it is before training."""
    model = build(config.model, classes=len(data.classes), seed=config.seed, width=config.width)
    return model.to(device())


def make_plan(config: Config, data: Dataset, placement: TargetPlacement | None = None) -> BatchPlan:
    """The batch plan of a run: all images plainly shuffled, or a placement of target images."""
    how = config.training
    options = {"batch_size": how.batch_size, "epochs": how.epochs, "seed": config.seed}
    ids = data.train.ids.cpu()
    if placement is None:
        return shuffled_plan(ids, **options)
    return plan_batches(ids, data.train.of_class(config.target).cpu(), placement, **options)


def pruning_mask(pruning: Pruning, model: nn.Module, seed: int) -> Mask:
    """The pruning mask P that a configuration names."""
    return build_mask(
        pruning.strategy,
        Layout.of(model),
        sparsity_first=pruning.sparsity_first,
        sparsity_last=pruning.sparsity_last,
        seed=seed,
    )


def train(
    config: Config,
    model: nn.Module,
    split: Split,
    plan: BatchPlan,
    callbacks: Sequence[Callback] = (),
) -> nn.Module:
    """Train a model as the configuration says (Section 5.4.1)."""
    how = config.training
    optimizer = make_optimizer(how.optimizer, model, learning_rate=how.learning_rate)
    title = f"{config.model} on {config.dataset}, seed {config.seed}"
    return fit(model, split, plan, optimizer, callbacks, title=title)


def trained_model(config: Config, data: Dataset) -> nn.Module:
    """The model of a configuration after plain training, from the cache or trained now."""
    return cached(weights_file(config), config, data, _plainly_trained)


def _plainly_trained(config: Config, data: Dataset) -> nn.Module:
    return train(config, fresh_model(config, data), data.train, make_plan(config, data))


def cached(
    path: Path, config: Config, data: Dataset, make: Callable[[Config, Dataset], nn.Module]
) -> nn.Module:
    """The model that a file holds; where there is none, it is made and the file with it."""
    if path.exists():
        model = fresh_model(config, data)
        load_model(model, path, device=next(model.parameters()).device.type)
        return model
    return keep(path, config, make(config, data))


def keep(path: Path, config: Config, model: nn.Module) -> nn.Module:
    """Write the weights of a run's model to a file, which appears whole or not at all."""
    make_folder(path.parent)
    half = path.with_suffix(f".{run_hash(config)}.part")
    save_model(model, half)
    half.replace(path)
    return model


def target_ids(config: Config, data: Dataset, plan: BatchPlan) -> Tensor:
    """The ids of the deletion request: all target images that were trained on."""
    ids = data.train.of_class(config.target).cpu()
    return ids[torch.isin(ids, plan.ids)]


def measure(config: Config, model: nn.Module, data: Dataset) -> Accuracy:
    """Accuracy of the model on the evaluation split."""
    return accuracy(model, data.evaluation, target=config.target, classes=len(data.classes))


def history_of(config: Config, data: Dataset) -> History:
    """The recorder of the accuracies after each epoch of a training."""
    return History(data.evaluation, target=config.target, classes=len(data.classes))


def accuracies(config: Config, model: nn.Module, data: Dataset) -> dict[str, Any]:
    """D_t, D_r and the accuracy on each class, in percent."""
    measured = measure(config, model, data)
    classes = [round(measured.of(label), 4) for label in range(len(data.classes))]
    return {**point(measured), "classes": classes}


def rows_of(
    config: Config, data: Dataset, models: Iterable[tuple[str, nn.Module]]
) -> list[dict[str, Any]]:
    """Each method's accuracies, as :func:`accuracies` gives them."""
    return [{"method": name, **accuracies(config, model, data)} for name, model in models]


def point(measured: Accuracy) -> dict[str, float]:
    """D_t and D_r in percent."""
    return {"d_t": round(measured.d_t, 4), "d_r": round(measured.d_r, 4)}
