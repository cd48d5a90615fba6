"""What a plug-in needs: decorators, base classes, and what methods are given and give. Needs no torch."""

from irnn.models.cell import Cell
from irnn.models.heads import EVERY, Classification, Head, Regression
from irnn.models.initialization import Initialization, LayerInitialization, Shape, Weights
from irnn.optimizers.base import DecayingOptimizer, Optimizer, Rule
from irnn.spec.choices import Data, Schedule
from irnn.spec.options import option
from irnn.spec.registry import cell, initialization, optimizer, task
from irnn.tasks.base import Task
from irnn.tasks.input_file import InputFile
from irnn.tasks.metric import Metric, accuracy, cross_entropy, squared_error
from irnn.tasks.random import integers, substream, uniforms

__all__ = [
    "EVERY",
    "Cell",
    "Classification",
    "Data",
    "DecayingOptimizer",
    "Head",
    "Initialization",
    "InputFile",
    "LayerInitialization",
    "Metric",
    "Optimizer",
    "Regression",
    "Rule",
    "Schedule",
    "Shape",
    "Task",
    "Weights",
    "accuracy",
    "cell",
    "cross_entropy",
    "initialization",
    "integers",
    "optimizer",
    "option",
    "squared_error",
    "substream",
    "task",
    "uniforms",
]
