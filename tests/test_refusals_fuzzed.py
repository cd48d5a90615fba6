"""Whatever is typed: composed as Hydra does at once, or refused by naming an override that is wrong."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from irnn.spec.composition import Composer
from irnn.spec.config import Config, ConfigError
from irnn.spec.groups import Groups
from irnn.spec.known import known_settings
from irnn.spec.wording import shown
from irnn.sweeps.request import left_open, read_request
from tests.at_once import compose_at_once

KEYS = sorted(known_settings())
GROUPS = Groups()
OPTIONS = [f"{group}={name}" for group in sorted(GROUPS.names()) for name in GROUPS.options(group)]
LISTS = {
    "right": """seq_len=20 clip=5 seed=3 task.marks=first_ten stop.min_updates=9 stop.test_mse=null
        init.gain=0.5 budget.updates=null batch_size=8 task.train_size=4 optim.momentum=0.9
        optim.schedule=cosine init.firings=3""",
    "wrong": """foo foo=1 =1 optim hydra.run.dir=x hydra/launcher=basic hydra=1 optim.lr.x=1 +seed=1
        ++clip=5 ~seed=1 --seed=3 optim.lr@x=1 budget={updates:5} clip=[] clip=${over:1,2}
        experiment=[fast,long] a.b.c=1""",
    "values": """1 0 -1 0.5 .5 1e1 1e400 nan null none true abc ??? [] {a:1} '' 007 1_0 ${seed}
        ${nosuch} ${over:1,0} 100 150 adam lstm /x/y a(b) ü ' \\ = ${ 1,2""",
    "names": """clip=none clip=10 clip.max_norm=5 ++clip.max_norm=3 clip=choice(7) seq_len=20 task.seq_len=30
        optim=sgd optim=adam optim.name=adamw optim.lr=1e-3 ++optim.lr=0.01 init.name=orthogonal
        init=split_identity init_scale=0.5 init.gain=0.9 init_scale=none model.name=gru experiment=fast
        tracker=none tracker=wandb tracker.mode=offline seed=1 sweep=clip_adam sweep=none""",
}
RIGHT, WRONG, PLAIN, NAMES = (text.split() for text in LISTS.values())
VALUES = [*PLAIN, "a b", "9" * 400, "9" * 5000, "3\r", "r\udcff", ""]

word = st.one_of(
    st.sampled_from(OPTIONS),
    st.sampled_from(RIGHT),
    st.sampled_from(WRONG),
    st.builds("{}={}".format, st.sampled_from(KEYS), st.sampled_from(VALUES)),
    st.text(st.characters(exclude_categories=()), max_size=8),
)
COMPOSER = Composer()


def outcome(compose: object, words: list[str]) -> Config | str:
    try:
        return compose(words)  # type: ignore[operator, no-any-return]
    except ConfigError as error:
        return str(error)


def check(words: list[str]) -> None:
    alone, quickly = outcome(compose_at_once, words), outcome(COMPOSER.compose, words)
    assert alone == quickly
    if isinstance(alone, Config):
        return
    alone.encode()
    assert len(alone.splitlines()) <= 2
    assert alone.startswith(tuple(map(shown, words)))
    head = alone.partition(": ")[0]
    named = [each for each in words if shown(each) in head or alone.startswith(shown(each))]
    assert isinstance(outcome(COMPOSER.compose, named), str), "an innocent override is blamed"


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(word, min_size=1, max_size=5))
def test_lists_of_overrides_compose_alike_or_name_what_is_wrong(words: list[str]) -> None:
    check(words)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)
@given(st.lists(word, min_size=1, max_size=6))
def test_many_lists_of_overrides_compose_alike_or_name_what_is_wrong(words: list[str]) -> None:
    check(words)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(st.lists(st.sampled_from(NAMES), min_size=1, max_size=5))
@example(["sweep=clip_adam", "clip=none", "seed=1"])
def test_what_one_run_leaves_open_is_all_that_a_sweep_of_the_same_words_varies(
    words: list[str],
) -> None:
    alone = outcome(COMPOSER.compose, words)
    try:
        jobs = {COMPOSER.compose(job) for job in read_request(words, COMPOSER).jobs}
    except ConfigError:
        assert isinstance(alone, str)
        return
    if left_open(words, GROUPS) is None:
        assert jobs == {alone}
    else:
        assert len(jobs) > 1
