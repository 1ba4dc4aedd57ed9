"""The command line: what a person sees, and one readable message for each mistake."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conftest import heed_interrupts
from reproduction import __main__ as cli
from reproduction import places
from reproduction.machine.workers import worker_pool


@pytest.fixture
def results_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(places, "results", lambda: tmp_path / "results")
    monkeypatch.delenv("UNLEARN_DATA", raising=False)
    return tmp_path / "results"


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


TUNE = ("tune", "--profile", "smoke")
SMALL = ("run", "table_1", "--profile", "smoke", "--jobs", "1", "-p", "models=MLP")


def refused(result: Result) -> str:
    """The one message of a command that was refused."""
    assert result.exit_code == 2, result.output
    message = result.stderr.strip().splitlines()[-1]
    assert message.lower().startswith("error:"), result.stderr
    assert "Traceback" not in result.stderr
    return message


def test_help_names_every_command():
    result = run("--help")
    assert result.exit_code == 0
    for command in (
        "book",
        "execute",
        "build",
        "run",
        "status",
        "tune",
        "claims",
        "sample",
        "log",
        "forget",
    ):
        assert re.search(rf"^  {command} ", result.output, re.MULTILINE)
        assert run(command, "--help").exit_code == 0


def test_run_prints_the_rows_it_stored(results_folder):
    result = run(*SMALL)
    assert result.exit_code == 0, result.output
    for method in ("trained", "baseline", "proposed", "retrained"):
        assert method in result.stdout
    assert len(list((results_folder / "smoke" / "runs").glob("*.json"))) == 2


def test_status_tells_what_exists_and_how_long_it_took(results_folder):
    run(*SMALL)
    result = run("status", "--profile", "smoke")
    assert re.search(r"table_1: 2 of 6 runs", result.stdout)
    assert re.search(r"\d+\.\d s  amnesiac-mnist-MLP-seed0", result.stdout)
    assert "missing  amnesiac-mnist-LeNet-seed0" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("run", "table_1", "--profile", "fast"), "'full', 'quick', 'smoke'"),
        (("book", "--profile", "fast"), "'full', 'quick', 'smoke'"),
        (("run", "table_9"), "table_1"),
        (("execute", "table_9", "--profile", "smoke"), "table_1"),
        (("execute", "models", "--profile", "smoke", "-p", "colour=red"), "colour"),
        (("execute", "table_1", "-p", "table=3"), "no parameter table; it has: models, seeds"),
        (("execute", "table_1", "-p", "fraction_last=0.3"), "no parameter fraction_last"),
        (("execute", "table_1", "-p", "sparsity_first=95"), "give a number from 0 to 1"),
        (("execute", "table_1", "-p", "models=ConvNet"), "choose from MLP, LeNet"),
        (("execute", "table_3", "-p", "sparsity_first=0.9"), "no parameter sparsity_first"),
        ((*SMALL[:-1], "models=VGG"), "LeNet"),
        ((*SMALL, "-p", "colour=red"), "affected_fraction"),
        ((*SMALL, "-p", "affected_fraction=0"), "above 0 and at most 1"),
        ((*SMALL, "-p", "affected_fraction=1.5"), "above 0 and at most 1"),
        ((*SMALL, "-p", "affected_fraction=much"), "affected_fraction"),
        ((*SMALL, "-p", "epochs=1:30"), "epochs = '1:30'"),
        ((*SMALL[:-1], "models=no"), "models = ['no']: choose from"),
        ((*SMALL, "-p", "target=10"), "class 10 has no images"),
        ((*SMALL, "-p", "seeds"), "NAME=VALUE"),
        ((*SMALL, "-p", "epochs=0"), "epochs = 0"),
        ((*SMALL, "-p", "seeds=-1"), "seeds = ['-1']: give a whole number, at least 0"),
        ((*SMALL[:-1], "models=ConvNet"), "table_1 has no runs with these settings"),
        ((*TUNE, "--model", "MLP", "--dataset", "organamnist"), "nothing to tune"),
    ],
)
def test_mistakes_are_answered_in_one_line_and_leave_nothing(results_folder, arguments, message):
    assert message.lower() in refused(run(*arguments)).lower()
    assert not list(results_folder.rglob("*.json"))


def test_full_without_data_says_how_to_get_it(results_folder, tmp_path):
    (tmp_path / "empty").mkdir()
    arguments = ("run", "table_1", "--profile", "full", "--jobs", "1", "-p", "models=MLP")
    result = run(*arguments, "-p", "seeds=0", "--data", str(tmp_path / "empty"))
    assert "MNIST/raw" in refused(result)
    assert not list(results_folder.rglob("*.json"))


def test_book_names_all_missing_data_before_it_runs_anything(results_folder, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "organamnist.npz").write_bytes(b"PK\x03\x04 cut short")
    result = run("book", "--profile", "full", "--jobs", "1", "--data", str(tmp_path / "data"))
    assert result.exit_code == 2 and "Traceback" not in result.stderr
    assert "MNIST/raw" in result.stderr and "organamnist.npz" in result.stderr
    assert not list(results_folder.rglob("*.json"))


def test_a_truncated_file_is_named(results_folder, tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "organamnist.npz").write_bytes(b"PK\x03\x04 cut short")
    arguments = ("run", "table_2", "--profile", "full", "--jobs", "1", "-p", "models=ConvNet")
    result = run(*arguments, "-p", "seeds=0", "--data", str(tmp_path / "data"))
    assert "organamnist.npz" in refused(result)


def test_an_unwritable_folder_is_named(results_folder):
    results_folder.write_text("a file where the folder should be")
    assert str(results_folder) in refused(run(*SMALL))


def test_an_interrupt_is_answered_calmly():
    """As a person would: the real command, stopped with Ctrl-C before it is done."""
    command = [sys.executable, "-m", "reproduction", *SMALL, "-p", "epochs=200"]
    process = subprocess.Popen(
        command, cwd=places.ROOT, stderr=subprocess.PIPE, text=True, preexec_fn=heed_interrupts
    )
    for line in iter(lambda: process.stderr.read(1), ""):
        if line == "%":  # the first progress bar: training has begun
            break
    process.send_signal(2)
    rest = process.stderr.read()
    assert process.wait() == 130
    assert "start again to go on" in rest
    assert "Traceback" not in rest


def test_no_worker_outlives_a_parent_that_is_killed():
    """A worker left alone would train on for hours, unseen."""
    code = """if True:
        import os, sys
        from reproduction.machine.workers import worker_pool
        if __name__ == "__main__":
            with worker_pool(1) as pool:
                print(pool.submit(os.getpid).result(), flush=True)
                sys.stdin.read()
    """
    command = [sys.executable, "-c", code]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    parent = subprocess.Popen(command, cwd=places.ROOT, **pipes)
    worker = int(parent.stdout.readline())
    os.kill(worker, 0)  # it lives
    parent.kill()
    parent.wait()
    deadline = time.monotonic() + 20
    while _lives(worker) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _lives(worker)


def test_an_interrupt_ends_a_worker_that_has_missed_it():
    """Here the signal reaches the parent alone, as where a worker is just starting."""
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt), worker_pool(1) as pool:
        pool.submit(os.getpid).result()  # it has started
        task = pool.submit(time.sleep, 60)
        while not task.running():
            time.sleep(0.05)
        raise KeyboardInterrupt
    assert time.monotonic() - began < 30


def _lives(process: int) -> bool:
    """Whether a process runs; one that has ended but was not reaped yet does not."""
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_only_the_cores_that_a_process_may_use_are_counted():
    if not hasattr(os, "sched_setaffinity"):
        pytest.skip("this system has no processor affinity")
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
    code += "from reproduction.machine.workers import cores; print(cores())"
    assert subprocess.check_output([sys.executable, "-c", code], cwd=places.ROOT).strip() == b"1"
