"""Heads: which steps are answered, what an answer costs, and networks that end in one."""

import pytest
import torch

from irnn.models.heads import EVERY, Classification, Head, Regression
from irnn.models.network import Network
from irnn.models.recurrent import RNN

T, N, H = 11, 5, 6
HEADS = [
    Regression(),
    Regression(3),
    Classification(1, 4),
    Classification(3, 4),
    Classification(EVERY, 4),
]


def network(head: Head) -> Network:
    torch.manual_seed(0)
    return Network(RNN(2, H), torch.nn.Linear(H, head.outputs), head)


def targets_for(head: Head) -> torch.Tensor:
    shape = (N,) if head.last == 1 else (N, head.last or T)
    if isinstance(head, Classification):
        return torch.randint(head.classes, shape)
    return torch.rand(shape)


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_the_last_steps_are_answered_and_no_others(head: Head) -> None:
    net, inputs = network(head), torch.rand(T, N, 2)
    states, _ = net.recurrent(inputs)
    read = net.readout(states)[-head.last :]
    answers = net(inputs)
    expected = read[-1] if head.last == 1 else read
    torch.testing.assert_close(answers.reshape(expected.shape), expected)
    assert answers.shape[0] == (N if head.last == 1 else head.last or T)


@pytest.mark.parametrize("head", HEADS, ids=str)
@pytest.mark.parametrize("steps", [1, 2, 4, 20])
def test_answers_are_the_same_in_pieces_of_any_length(head: Head, steps: int) -> None:
    net, inputs = network(head), torch.rand(T, N, 2)
    torch.testing.assert_close(net.in_pieces(inputs, steps), net(inputs))


@pytest.mark.parametrize("head", HEADS, ids=str)
def test_sums_by_their_count_are_the_loss(head: Head) -> None:
    answers, targets = network(head)(torch.rand(T, N, 2)), targets_for(head)
    loss, right, count = head.sums(answers, targets).tolist()
    assert count == targets.numel()
    assert loss / count == pytest.approx(head.loss(answers, targets).item(), rel=1e-6)
    assert 0 <= right <= count


def test_an_answer_at_a_step_is_held_to_the_target_of_that_step() -> None:
    head, targets = Classification(EVERY, 4), torch.randint(4, (N, T))
    answers = torch.full((T, N, 4), -20.0)
    answers.scatter_(2, targets.T[..., None], 20.0)
    loss, right, count = head.sums(answers, targets).tolist()
    assert (loss, right) == (pytest.approx(0, abs=1e-6), count)
    wrong = head.sums(answers.flip(0), targets).tolist()
    assert wrong[1] < count


def test_the_squared_error_is_pytorchs_to_the_bit() -> None:
    answers, targets = torch.randn(N), torch.randn(N)
    assert torch.equal(
        Regression().loss(answers, targets), torch.nn.functional.mse_loss(answers, targets)
    )
