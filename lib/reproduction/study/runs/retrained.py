"""The reference of all unlearning: a model trained from the same seed without the target data."""

from typing import Any

from partial_unlearning.batching import shuffled_plan
from partial_unlearning.metrics import History

from reproduction.study.runs.setup import fresh_model, load_data, measure, point, row, train
from reproduction.study.stored_runs import Config


def run(config: Config) -> dict[str, Any]:
    """Train on the retained data alone and measure.

    Returns:
        ``rows`` with the one row ``retrained`` and the ``curves`` of its training.
    """
    data = load_data(config)
    retained = data.train.without(data.train.of_class(config["target"]))
    training = config["training"]
    plan = shuffled_plan(
        retained.ids.cpu(),
        batch_size=training["batch_size"],
        epochs=training["epochs"],
        seed=config["seed"],
    )
    model = fresh_model(config, data)
    history = History(data.evaluation, target=config["target"], classes=len(data.classes))
    train(config, model, retained, plan, [history])
    return {
        "rows": [row(config, "retrained", measure(config, model, data))],
        "curves": {"training": [point(measured) for measured in history.curve]},
    }
