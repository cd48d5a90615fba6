"""A served page in a real browser: new points and runs appear in what its reader has set up."""

import json
import shutil

import pytest
from browser import browsing
from served import going, server_of
from synthetic_runs import config, write_run

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium or chrome is installed")

CHOOSE = """
const set = (id, value) => {
  const node = document.getElementById(id);
  if (node.type === "checkbox") node.checked = value; else node.value = value;
  node.dispatchEvent(new Event("change"));
};
set("curves-unit", "b");
set("curves-lines", "seeds");
document.querySelector("#curves-groups input:last-of-type");
const boxes = [...document.querySelectorAll("#curves-groups input")];
boxes.at(-1).click();
document.querySelector("details.tools").open = true;
document.querySelector("#curves-legend input").click();
const filter = document.getElementById("curves-filter");
filter.value = "irnn";
filter.dispatchEvent(new Event("input"));
filter.focus();
document.querySelectorAll("#groups th button")[1].click();
"""

STATE = """JSON.stringify({
  unit: document.getElementById("curves-unit").value,
  lines: document.getElementById("curves-lines").value,
  filter: document.getElementById("curves-filter").value,
  open: document.querySelector("details.tools").open,
  focus: document.activeElement.id,
  seeds: [...document.querySelectorAll("#curves-groups input")].at(-1).checked,
  shown: [...document.querySelectorAll("#curves-legend input")].map((box) => box.checked),
  sorted: document.querySelectorAll("#groups [aria-sort]").length,
})"""


def test_a_page_follows_its_runs_and_keeps_what_its_reader_chose(tmp_path):
    root = tmp_path / "runs"
    write_run(root, config(0))
    write_run(root, config(1), finish=False)
    curve = "document.querySelector('#curves-figure .seed').getAttribute('d')"
    with server_of(root) as served, browsing(CHROMIUM, tmp_path / "profile") as page:
        page.open(served.server.url)
        page.ask(f"{{ {CHOOSE} }}")
        before, drawn = json.loads(page.ask(STATE)), page.ask(curve)
        assert before["shown"] == [False, True]
        with (going(root) / "metrics.jsonl").open("a") as file:
            file.write('{"step": 30000, "test_mse": 0.0123, "train_mse": 0.01}\n')
        assert page.until(f"{curve} !== {drawn!r}") < 3
        assert json.loads(page.ask(STATE)) == before
        write_run(root, config(2))
        page.until("document.querySelectorAll('#curves-legend label').length === 3")
        assert json.loads(page.ask(STATE)) == {**before, "shown": [False, True, True]}
        page.ask("document.getElementById('curves-svg').dispatchEvent(new Event('mouseover'))")
        assert page.messages == []
        assert {address.split("?")[0] for address in page.requests} <= {
            served.server.url,
            f"{served.server.url}state",
            "data:,",
        }
