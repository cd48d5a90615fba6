"""Fixtures shared by the tests of reports."""

import html
import os
import re
from pathlib import Path

import pytest
from served import server_of
from synthetic_runs import config, write_run, write_sweep


@pytest.fixture(scope="session")
def sweep(tmp_path_factory):
    """A finished sweep of 24 runs: two optimizers, four lengths, three seeds. Read only."""
    root = tmp_path_factory.mktemp("sweep") / "results"
    write_sweep(root)
    return root


@pytest.fixture
def report(capsys):
    """Run the command in this process; give back its exit status, screen and errors."""
    from irnn.report import main

    def run(*arguments):
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as stopped:  # argparse
            status = stopped.code
        printed = capsys.readouterr()
        return status, printed.out, printed.err

    return run


@pytest.fixture
def section():
    """Render the page of some runs and give back the text of one of its sections; "" if it has none."""
    from irnn.reporting.charts import page_data
    from irnn.reporting.page import render_page
    from irnn.reporting.run import Loaded
    from irnn.reporting.summary import summarise_tasks

    def render(runs, name):
        summaries = summarise_tasks(runs)
        loaded = Loaded(tuple(runs), (), ())
        page = render_page(loaded, summaries, None, page_data(summaries), Path("/nowhere"))
        found = re.search(rf'<section id="{name}".*?</section>', page, re.S)
        return html.unescape(found.group(0)) if found else ""

    return render


@pytest.fixture(autouse=True)
def plain_surroundings(monkeypatch):
    """No test may depend on the caller's own runs or terminal."""
    monkeypatch.delenv("IRNN_RUNS", raising=False)
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    assert os.environ.get("IRNN_RUNS") is None


@pytest.fixture
def root(tmp_path):
    """Two finished runs and one that goes on."""
    folder = tmp_path / "runs"
    for seed in range(2):
        write_run(folder, config(seed))
    write_run(folder, config(2), finish=False)
    return folder


@pytest.fixture
def served(root):
    with server_of(root) as one:
        yield one
