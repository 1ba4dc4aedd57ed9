"""Runs on a Dask cluster: the same results as without, and nothing is lost with a worker."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import dask
import pytest
from click.testing import CliRunner
from distributed import Client, LocalCluster

from benchmarks.scheduler import copied
from partial_unlearning.errors import InputError
from reproduction import __main__ as cli
from reproduction import places
from reproduction.study import runner
from reproduction.study import stored_runs as store
from reproduction.study.configs import Config
from reproduction.study.experiments import configs_of
from reproduction.study.overrides import override
from reproduction.study.profiles import load_profile

OF_THE_MACHINE = ("seconds", "peak_memory_mb", "finished", "commit", "dirty")
"""Facts of a run's provenance that two equal runs need not share."""


def started(project: Path, *arguments: str) -> subprocess.Popen:
    """A scheduler or worker of Dask, with the code of a project."""
    environment = os.environ | {
        "PYTHONPATH": str(project / "lib"),
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "0",  # the first death ends a task
    }
    return subprocess.Popen(
        [sys.executable, "-m", "dask", *arguments, "--scheduler-file", project / "scheduler.json"],
        cwd=project,
        env=environment,
        stderr=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def cluster(tmp_path_factory) -> Iterator[Client]:
    """Two workers that share no folder with the tests, and what watches them."""
    project = copied(tmp_path_factory.mktemp("elsewhere"))
    address = ("--host", "127.0.0.1")
    processes = [
        started(project, "scheduler", *address, "--port", "0", "--dashboard-address", ":0"),
        started(project, "worker", *address, "--nthreads", "1", "--nworkers", "2"),
    ]
    file = project / "scheduler.json"
    while not file.exists():
        time.sleep(0.05)
    with Client(scheduler_file=str(file)) as client:
        client.wait_for_workers(2)
        yield client
    for process in reversed(processes):
        process.send_signal(signal.SIGINT)
        process.wait()


def configs(*names: str, **changes) -> list[Config]:
    profile = override(load_profile("smoke"), {"models": "MLP", **changes})
    return [config for name in names for config in configs_of(name, profile)]


def make(folder: Path, wanted: list[Config], scheduler: str | None) -> dict[str, dict]:
    """What is stored of configurations, by name of file, when a scheduler or none makes them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(places, "results", lambda: folder)
        runner.run_missing("smoke", wanted, jobs=1, scheduler=scheduler)
    return stored(folder)


def stored(folder: Path) -> dict[str, dict]:
    found = {path.name: json.loads(path.read_text()) for path in folder.glob("smoke/runs/*.json")}
    for run in found.values():
        run["provenance"] = {
            key: value for key, value in run["provenance"].items() if key not in OF_THE_MACHINE
        }
    return found


SOME = configs("table_1", "table_3", "controls_label_flipping", epochs=3)


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> dict[str, dict]:
    """What these runs give without a grid."""
    return make(tmp_path_factory.mktemp("alone"), SOME, None)


def test_hashes_and_numbers_are_those_without_a_grid(cluster, alone, tmp_path):
    assert len(alone) == 7 < len(SOME)  # both tables name the same retrained model
    assert all(run["provenance"]["threads"] == 1 for run in alone.values())
    assert make(tmp_path, SOME, cluster.scheduler.address) == alone


def test_the_run_of_a_killed_worker_is_done_again(cluster, alone, tmp_path):
    killed = []

    def kill() -> None:
        before: set[str] = set()
        while not killed:
            for name, tasks in cluster.processing().items():
                if before & set(tasks):  # it has been under way for a while
                    (process,) = cluster.run(os.getpid, workers=[name]).values()
                    os.kill(process, signal.SIGKILL)
                    killed.extend(tasks)
                    return
            before = {task for tasks in cluster.processing().values() for task in tasks}
            time.sleep(0.05)

    killer = Thread(target=kill, daemon=True)
    killer.start()
    found = make(tmp_path, SOME, cluster.scheduler.address)
    killer.join(timeout=1)
    assert len(killed) == 1
    assert found == alone


def test_a_run_that_raises_is_reported_and_the_rest_is_done(alone, tmp_path, caplog):
    good, other = configs("table_1", epochs=3)
    refused = other.model_copy(update={"target": 42})
    faulty = good.model_copy(update={"target_images": "many"})
    with pytest.raises(InputError) as raised:
        make(tmp_path, [refused, faulty, good], "local:1")
    first, *said = str(raised.value).splitlines()
    assert first.startswith("2 of 3 runs failed; the others are stored")
    reasons = {line.split(":")[0]: line for line in said if not line.startswith("  ")}
    assert "InputError: class 42 has no images" in reasons[store.run_name(refused)]
    assert "TypeError: '>=' not supported" in reasons[store.run_name(faulty)]
    assert f"  configuration: {faulty.model_dump_json()}" in said
    assert f"{store.run_name(faulty)} failed" in caplog.text and "Traceback" in caplog.text
    name = f"{store.run_name(good)}.json"
    assert stored(tmp_path) == {name: alone[name]}


@pytest.mark.parametrize(
    "address",
    ["", "local", "local:0", "local:two", "tcp://", "tcp://host", "http://host:80", "host:8786"],
)
def test_an_address_of_another_form_is_refused(address):
    options = ("--profile", "smoke", "--scheduler", address)
    for command in (("run", "table_1"), ("tune",), ("book",)):
        result = CliRunner().invoke(cli.main, [*command, *options])
        assert result.exit_code == 2
        assert re.search(f"--scheduler {address}: give tcp://HOST:PORT, .* local:N", result.stderr)


def test_where_no_scheduler_answers_it_says_how_to_start_one(tmp_path):
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "0.2s"}),
        pytest.raises(InputError, match="no Dask scheduler answers at tcp://127.0.0.1:1 .*dask wo"),
    ):
        make(tmp_path, configs("table_1"), "tcp://127.0.0.1:1")
    assert stored(tmp_path) == {}


def test_a_worker_with_several_threads_is_refused(tmp_path):
    options = {"n_workers": 1, "threads_per_worker": 2, "dashboard_address": ":0"}
    with (
        LocalCluster(processes=False, protocol="tcp", **options) as cluster,
        pytest.raises(InputError, match=r"the worker tcp:.* has 2 threads.*--nthreads 1"),
    ):
        make(tmp_path, configs("table_1"), cluster.scheduler_address)
    assert stored(tmp_path) == {}


def test_a_worker_with_other_code_is_refused_also_when_it_joins_late(tmp_path):
    project = copied(tmp_path / "other")
    with (project / "lib" / "reproduction" / "paper.py").open("a") as file:
        file.write("# changed\n")
    with LocalCluster(n_workers=0, dashboard_address=":0") as cluster:
        (project / "scheduler.json").write_text(json.dumps(cluster.scheduler.identity()))
        worker = started(project, "worker", "--nthreads", "1", "--no-nanny")
        try:
            with pytest.raises(InputError, match="has another code than this checkout: bring"):
                make(tmp_path, configs("table_1")[:1], cluster.scheduler_address)
        finally:
            worker.kill()
            worker.wait()
    assert stored(tmp_path) == {}


def test_without_the_option_nothing_of_dask_is_imported(tmp_path):
    code = """if True:
        import sys
        from reproduction.__main__ import main
        options = ["--profile", "smoke", "--jobs", "1", "-p", "models=MLP", "-p", "epochs=1"]
        main(["run", "table_1", *options], standalone_mode=False)
        print({"dask", "distributed"} & set(sys.modules))
    """
    environment = os.environ | {"PYTHONPATH": str(copied(tmp_path / "copy") / "lib")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    assert "retrained" in done.stdout and done.stdout.splitlines()[-1] == "set()"
