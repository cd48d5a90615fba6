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
)
"""All of them, in the order of seven colours; the last five share the first five's, in other dashes."""
BATCH_SIZE = 16
"""The usual one."""
FAST = "adam", 0.003
"""The optimizer of experiment=fast."""
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
    said = name != "adam" or (init == "split_identity" and (name, rate) != FAST)
    optimizer = name.upper() if name == "sgd" else name.capitalize()
    start = "even " * bool(config["init"].get("evenly_spaced")) + INITIALIZATIONS.get(init, init)
    batches = f"batches of {config['batch_size']}" * (config["batch_size"] != BATCH_SIZE)
    words = [NETWORKS[model], start, f"{optimizer} {rate:g}" * said, batches]
    return ", ".join(word for word in words if word)
