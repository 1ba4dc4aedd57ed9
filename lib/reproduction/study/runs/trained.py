"""Plainly trained models, kept as safetensors so that several experiments share one training."""

from pathlib import Path

from partial_unlearning.system.files import make_folder
from safetensors.torch import load_model, save_model
from torch import nn

from reproduction import places
from reproduction.datasets.sets import Dataset
from reproduction.study.runs.setup import fresh_model, make_plan, train
from reproduction.study.stored_runs import Config, run_hash

# All that the weights depend on: two runs that agree in these share them.
_KEYS = ("dataset", "source", "tuning", "target", "model", "width", "seed", "training")
_SHUFFLED = {"share": 1.0}


def weights_path(config: Config) -> Path:
    """Where the weights are cached; the folder may be deleted at any time."""
    needed = {key: config[key] for key in _KEYS if key in config}
    return (
        places.results()
        / "weights"
        / f"{config['dataset']}-{config['model']}-{run_hash(needed)}.safetensors"
    )


def trained_model(config: Config, data: Dataset) -> nn.Module:
    """The model of a configuration after plain training, loaded or computed."""
    path, model = weights_path(config), fresh_model(config, data)
    if path.exists():
        load_model(model, path, device=next(model.parameters()).device.type)
        return model
    train(config, model, data.train, make_plan(config, data, _SHUFFLED))
    make_folder(path.parent)
    half = path.with_suffix(f".{run_hash(config)}.part")
    save_model(model, half)
    half.replace(path)
    return model
