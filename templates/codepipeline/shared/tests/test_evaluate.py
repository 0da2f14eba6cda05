"""The metrics that decide over a deployment are right."""

import pytest

from evaluate import metrics_of


def value(name, labels, scores):
    return metrics_of(labels, scores)[name]["value"]


def test_a_perfect_model():
    assert value("auc", [0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == 1
    assert value("accuracy", [0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9]) == 1


def test_ties_count_half():
    assert value("auc", [0, 1], [0.5, 0.5]) == 0.5
    assert value("auc", [0, 1, 0, 1], [0.1, 0.4, 0.4, 0.9]) == 0.875


def test_a_sure_mistake_costs_most():
    assert value("logloss", [1], [0.01]) > value("logloss", [1], [0.4])
    assert value("logloss", [1], [0.5]) == pytest.approx(0.6931, abs=1e-4)
