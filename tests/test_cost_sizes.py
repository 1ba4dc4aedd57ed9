"""What a whole log would take."""

from partial_unlearning.models import build
from partial_unlearning.state import Layout
from reproduction.chapters.complete import complete_runs
from reproduction.costs.measured import dense_bytes


def test_a_whole_log_is_of_the_width_and_the_classes_that_were_run():
    runs = {run.config.model: run for run in complete_runs("figure_2")}
    config = runs["ResNet9"].config
    assert (config.width, config.dataset) == (8, "organamnist")
    size = Layout.of(build("ResNet9", classes=11, seed=0, width=8)).size
    assert dense_bytes(config, 2168) == 4 * size * 2168 < 1e9
