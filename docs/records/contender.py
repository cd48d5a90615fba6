"""Who competes in docs/suite.md: a network, its initialization and its optimizer, in a few words."""

from typing import Any

CONTENDER = "contender"
CONTENDERS = (
    "tanh RNN, orthogonal",
    "identity",
    "split identity",
    "orthogonal",
    "LSTM",
    "GRU",
    "tanh RNN",
    "identity, SGD 1e-08",
)
"""All of them, in the order of their colours; the first and the last have one colour and share no panel."""
NETWORKS = {
    "lstm": "LSTM",
    "gru": "GRU",
    "rnn_tanh": "tanh RNN",
    "rnn_relu": "ReLU RNN",
    "irnn": "",
}
INITIALIZATIONS = {"split_identity": "split identity", "pytorch": ""}


def contender(config: dict[str, Any]) -> str:
    """Name a run's network and initialization, and its optimizer where that is not Adam."""
    model, init, optim = (config[section]["name"] for section in ("model", "init", "optim"))
    words = [NETWORKS[model], INITIALIZATIONS.get(init, init)]
    words.append("" if optim == "adam" else f"{optim.upper()} {config['optim']['lr']:g}")
    return ", ".join(word for word in words if word)
