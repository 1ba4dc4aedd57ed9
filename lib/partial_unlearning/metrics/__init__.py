"""What is measured of a model: accuracies here, and each other measure in a file of its own."""

from partial_unlearning.metrics.accuracy import (
    FORGOTTEN,
    Accuracy,
    History,
    accuracy,
    forgotten,
    predict,
)

__all__ = ["FORGOTTEN", "Accuracy", "History", "accuracy", "forgotten", "predict"]
