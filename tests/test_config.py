"""Options: their rules, and parsing of their values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seqgen.config import (
    BudgetConfig,
    CorpusConfig,
    ModelConfig,
    ModelOptions,
    OptimizationOptions,
    SamplingConfig,
    TrainConfig,
    TrainOptions,
)
from seqgen.errors import UsageError
from seqgen.options import parse_size, parse_time
from tests.conftest import resolved


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("80s", 80),
        ("10m", 600),
        ("1h30m", 5400),
        ("1h2m3.5s", 3723.5),
        (" 2h ", 7200),
        ("1.5m", 90),
        (".5h", 1800),
        ("1d", 86400),
        ("1d12h", 129600),
        ("0.25d", 21600),
    ],
)
def test_times_are_parsed(text, seconds):
    assert parse_time(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "80", "10 min", "-5s", "0s", "0h0m", "1m1h", "ten", "5w", "nan", "1e3s", "1..5m", "5.s", "1,5m"]
)
def test_invalid_times_are_rejected(text):
    with pytest.raises(
        UsageError, match="--time must be a positive number with a unit .* such as 80s, 1.5h or 1h30m"
    ) as refused:
        parse_time(text)
    assert str(refused.value).endswith(f"got {text!r}")


@pytest.mark.parametrize(
    ("text", "size"),
    [("500MB", 5 * 10**8), ("1.5GB", 15 * 10**8), ("20 gb", 2 * 10**10), ("3k", 3000), ("2000000", 2 * 10**6)],
)
def test_sizes_are_parsed(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "0GB", "0.1", "-5GB", "5 gigs", "1,5GB", "1e9", "MB", "5GiB"])
def test_invalid_sizes_are_rejected(text):
    with pytest.raises(
        UsageError, match="--unpack-limit must be a positive number of bytes, or have a unit"
    ) as refused:
        parse_size(text)
    assert str(refused.value).endswith(f"got {text!r}")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SamplingConfig(temperature=-1), "--temperature must be at least 0, got -1"),
        (lambda: SamplingConfig(temperature=float("nan")), "--temperature must be at least 0, got nan"),
        (lambda: SamplingConfig(top_p=1.5), r"--top-p must be in \(0, 1\], got 1.5"),
        (lambda: SamplingConfig(top_p=0), r"--top-p must be in \(0, 1\], got 0"),
        (lambda: SamplingConfig(top_k=0), "--top-k must be at least 1, got 0"),
        (lambda: SamplingConfig(length=0), "--length must be at least 1, got 0"),
        (lambda: SamplingConfig(stop=""), "--stop must not be empty"),
        (lambda: ModelOptions(dropout=1.0), r"--dropout must be in \[0, 1\), got 1"),
        (
            lambda: ModelOptions(cell="quantum"),
            "--cell must be one of coupled-lstm, gru, .*rnn; got 'quantum'",
        ),
        (lambda: CorpusConfig(valid_fraction=0), r"--valid-fraction must be in \(0, 1\), got 0"),
        (lambda: OptimizationOptions(learning_rate=0), "--learning-rate must be above 0, got 0"),
        (lambda: OptimizationOptions(learning_rate=float("inf")), "--learning-rate must be above 0, got inf"),
        (lambda: OptimizationOptions(sequence_length=10**20), "--sequence-length must be at most 10{15}, got 10{20}"),
        (lambda: BudgetConfig(patience=None), "--patience must be a whole number, got None"),
        (lambda: BudgetConfig(time="1m", steps=3), "--time and --steps cannot be combined: give only one of them"),
        (lambda: BudgetConfig(time="soon"), "--time must be a positive number"),
        (lambda: BudgetConfig(time="9" * 400 + "s"), "--time must be a positive number"),
        (lambda: CorpusConfig(unpack_limit="9" * 400), "--unpack-limit must be a positive number"),
        (
            lambda: TrainOptions(corpus=CorpusConfig(corpus=("\udcff.txt",))),
            "--corpus must be valid UTF-8, got",
        ),
    ],
)
def test_errors_name_the_option_the_rule_and_the_value(make, message):
    with pytest.raises(UsageError, match=message):
        make()


@given(
    hidden_size=st.none() | st.integers(1, 10**6),
    dropout=st.none() | st.floats(0, 1, exclude_max=True),
    corpus=st.lists(st.text()).map(tuple),
    tie_weights=st.booleans(),
    steps=st.none() | st.integers(1, 10**9),
)
def test_a_config_survives_conversion_to_flat_form(hidden_size, dropout, corpus, tie_weights, steps):
    config = TrainOptions(
        corpus=CorpusConfig(corpus=corpus),
        model=ModelOptions(hidden_size=hidden_size, dropout=dropout, tie_weights=tie_weights),
        budget=BudgetConfig(steps=steps),
    )
    assert TrainOptions.from_flat(config.to_flat()) == config


def test_an_unknown_name_is_rejected():
    with pytest.raises(UsageError, match="--hiden-size: no such option in a configuration"):
        TrainOptions.from_flat({"hiden-size": 3})


@pytest.mark.parametrize(
    ("flat", "message"),
    [
        ({"hidden-size": 8, "num-layers": 1}, "a resolved configuration needs --embedding-size"),
        ({"steps": None}, "needs a budget, a device and a precision"),
        ({"device": "auto"}, "needs a budget, a device and a precision"),
        ({"dropout": 1.5}, r"--dropout must be in \[0, 1\)"),
    ],
)
def test_a_configuration_that_is_not_resolved_is_rejected(flat, message):
    whole = resolved(ModelConfig(num_layers=1, hidden_size=8, embedding_size=4)).to_flat()
    assert TrainConfig.from_flat(whole).to_flat() == whole
    changed = flat if "hidden-size" in flat else {name: v for name, v in (whole | flat).items() if v is not None}
    with pytest.raises(UsageError, match=message):
        TrainConfig.from_flat(changed)
