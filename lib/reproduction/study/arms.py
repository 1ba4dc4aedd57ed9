"""The arms of the gradient families: the paper's two methods, and controls that tell what helps."""

from reproduction.study.profiles import GradientArm

PAPER_FRACTIONS = {"label_flipping": (0.9, 0.1), "optimization": (0.1, 0.9)}
"""Of the weights that move, in the first and the last layer: Sections 4.2 and 4.3 ask that few of
the last layers' move when labels are flipped, and few of the first layers' when the loss is
ascended; no numbers are printed."""

PAPER_ARMS = ("baseline", "proposed")
MINIBATCHES = ("baseline_minibatches", "proposed_minibatches")
MINIBATCH_MODELS = ("LeNet", "ConvNet")
CONTROLS = ("reversed", "uniform", "last_layer", "layer_rates", *MINIBATCHES)


def gradient_arm(family: str, name: str) -> GradientArm:
    """An arm of a family by its name, one of :data:`PAPER_ARMS` and :data:`CONTROLS`."""
    first, last = PAPER_FRACTIONS[family]
    profile = {"fraction_first": first, "fraction_last": last}
    arms = {
        "baseline": {},
        "proposed": profile,
        "reversed": {"fraction_first": last, "fraction_last": first},
        "uniform": {"fraction_first": 0.5, "fraction_last": 0.5},
        "last_layer": {"form": "last_layer"},
        "layer_rates": {"form": "rates", **profile},
        "baseline_minibatches": {"batch_size": 128},
        "proposed_minibatches": {"batch_size": 128, **profile},
    }
    return GradientArm(**arms[name])


def arms_of(model: str, controls: tuple[str, ...]) -> list[str]:
    """The arms that a model runs, of the paper's and these controls: minibatches on two models."""
    wanted = [name for name in controls if name not in MINIBATCHES or model in MINIBATCH_MODELS]
    return [*PAPER_ARMS, *wanted]
