"""Who competes in docs/suite.md: a network, its initialization and its optimizer, in a few words."""

from typing import Any

CONTENDER = "contender"
CONTENDERS = (
    "tanh RNN, orthogonal",
    "split identity, Adam 0.001",
    "identity",
    "split identity",
    "orthogonal",
    "LSTM",
    "GRU",
    "tanh RNN",
    "tanh RNN, rotation",
    "identity, SGD 1e-08",
    "tanh RNN, rotation, batches of 64",
    "tanh RNN, even rotation, batches of 64",
    "LSTM, Adam 0.01",
)
"""All of them, in the order of seven colours; the last six share the first six's, in other dashes."""
BATCH_SIZE = 16
"""The usual one."""
RATES = {"split_identity": 0.003, "lstm": 0.001}
"""Adam's usual rate, where there are several: of an initialization (that of experiment=fast) or a network."""
NETWORKS = {
    "lstm": "LSTM",
    "gru": "GRU",
    "rnn_tanh": "tanh RNN",
    "rnn_relu": "ReLU RNN",
    "irnn": "",
}
INITIALIZATIONS = {"split_identity": "split identity", "pytorch": ""}


def contender(config: dict[str, Any]) -> str:
    """Name a run's network and initialization, and its optimizer and batches where these are not usual."""
    model, init = (config[section]["name"] for section in ("model", "init"))
    name, rate = (config["optim"][key] for key in ("name", "lr"))
    usual = RATES.get(init, RATES.get(model, rate))
    said = name != "adam" or rate != usual
    optimizer = name.upper() if name == "sgd" else name.capitalize()
    start = "even " * bool(config["init"].get("evenly_spaced")) + INITIALIZATIONS.get(init, init)
    batches = f"batches of {config['batch_size']}" * (config["batch_size"] != BATCH_SIZE)
    words = [NETWORKS[model], start, f"{optimizer} {rate:g}" * said, batches]
    return ", ".join(word for word in words if word)
