import torch

from irnn.seeding import below, generator, random_words, stream_key, uniforms

KEY = stream_key(0, "train")


def test_a_word_depends_on_its_position_only() -> None:
    together = random_words(KEY, torch.arange(1000))
    backwards = random_words(KEY, torch.arange(999, -1, -1)).flip(0)
    alone = torch.stack([random_words(KEY, torch.tensor(place)) for place in (0, 17, 999)])
    assert torch.equal(together, backwards)
    assert torch.equal(together[[0, 17, 999]], alone)


def test_words_are_those_of_splitmix64() -> None:
    """The first outputs of SplitMix64 from state 1234567, as published with other implementations."""
    expected = [6457827717110365317, 3203168211198807973, -8629252141511181193]
    assert random_words(1234567, torch.arange(3)).tolist() == expected


def test_drawing_leaves_the_positions_alone() -> None:
    positions = torch.arange(5)
    random_words(KEY, positions)
    assert positions.tolist() == [0, 1, 2, 3, 4]


def test_streams_of_another_seed_name_or_index_share_no_word() -> None:
    keys = [
        stream_key(0, "train"),
        stream_key(1, "train"),
        stream_key(0, "test"),
        stream_key(0, "train", 1),
    ]
    words = torch.cat([random_words(key, torch.arange(10_000)) for key in keys])
    assert len(words.unique()) == 40_000


def test_uniforms_fill_the_unit_interval_evenly_and_independently() -> None:
    high, low = uniforms(random_words(KEY, torch.arange(200_000)))
    for numbers in (high, low):
        assert numbers.min() >= 0
        assert numbers.max() < 1
        counts = torch.histc(numbers, bins=50, min=0, max=1)
        chi_square = ((counts - 4000) ** 2 / 4000).sum()
        assert chi_square < 94  # 49 degrees of freedom, p = 0.0001
    correlation = torch.corrcoef(torch.stack((high, low)))[0, 1]
    assert abs(correlation) < 0.01


def test_bounded_integers_are_even_and_in_range() -> None:
    drawn = below(random_words(KEY, torch.arange(70_000)), 7)
    counts = torch.bincount(drawn, minlength=7)
    assert len(counts) == 7
    assert ((counts - 10_000).abs() < 400).all()  # four standard deviations


def test_generators_are_named_and_repeatable() -> None:
    first, again = (torch.rand(5, generator=generator(3, "init")) for _ in range(2))
    other = torch.rand(5, generator=generator(3, "init", 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
