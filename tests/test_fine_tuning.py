"""The batches of brief fine-tuning: as many as were asked for, also beyond an epoch."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from reproduction.study.experiments import configs_of
from reproduction.study.profiles import load_profile
from reproduction.study.runs.fine_tuning import tuning_plan
from reproduction.study.stored_runs import find


@given(
    images=st.integers(1, 60),
    steps=st.integers(1, 40),
    batch_size=st.integers(1, 20),
    seed=st.integers(0, 99),
)
def test_there_are_as_many_batches_as_were_asked_for(images, steps, batch_size, seed):
    ids = torch.arange(images) * 3
    plan = tuning_plan(ids, steps=steps, batch_size=batch_size, seed=seed)
    assert len(plan) == steps
    seen = [torch.cat(batches).tolist() for batches in plan.epochs]
    for one_epoch in seen:
        assert len(one_epoch) == len(set(one_epoch)) and set(one_epoch) <= set(ids.tolist())
    assert all(sorted(whole) == sorted(seen[0]) for whole in seen[:-1])
    full = [len(batch) for batches in plan.epochs for batch in batches[:-1]]
    assert set(full) <= {batch_size}
    if steps * batch_size <= images:
        assert len(plan.epochs) == 1 and len(seen[0]) == steps * batch_size


def test_every_stored_run_was_measured_after_each_number_of_steps_it_names():
    tables = [c for n in (1, 2) for c in configs_of(f"table_{n}", load_profile("full"))]
    asked = [config for config in tables if getattr(config, "fine_tuning", ())]
    runs = [run for config in asked if (run := find("full", config))]
    assert runs
    for run in runs:
        assert {row["steps"] for row in run.fine_tuned} == set(run.config.fine_tuning)
