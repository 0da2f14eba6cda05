"""Better replaces, equal and worse keep what is in production; an answer is judged by what was expected of it."""

import pytest

from compare_with_production import metric_at, package_in_production, verdict_of
from deploy import unmet


def test_verdicts():
    assert verdict_of(0.97, None, "maximize", 0) == ("first", None)
    assert verdict_of(0.97, 0.95, "maximize", 0)[0] == "better"
    assert verdict_of(0.95, 0.95, "maximize", 0)[0] == "equal"
    assert verdict_of(0.93, 0.95, "maximize", 0)[0] == "worse"
    assert verdict_of(1.9, 2.1, "minimize", 0)[0] == "better"
    assert verdict_of(0.951, 0.95, "maximize", 0.01)[0] == "worse"


def test_a_metric_is_found_by_its_path():
    assert metric_at({"metrics": {"auc": {"value": 0.9}}}, "metrics.auc.value") == 0.9


def test_answers_are_judged():
    test = {"expect": [{"path": "0", "operator": "GreaterThanOrEqualTo", "value": 0.5}]}
    assert unmet(test, "0.91\n", "text/csv") == []
    assert unmet(test, "0.2\n", "text/csv") == ["0 is 0.2, expected GreaterThanOrEqualTo 0.5"]
    assert len(unmet(test, "", "text/csv")) == 1
    nested = {"expect": [{"path": "predictions.0.score", "operator": "LessThan", "value": 1}]}
    assert unmet(nested, '{"predictions": [{"score": 0.4}]}', "application/json") == []


class Endpoint:
    """An endpoint of one configuration, whose package is version 1."""

    def __init__(self, status):
        """In that status."""
        self.status = status

    def describe_endpoint(self, EndpointName):
        """SageMaker."""
        return {"EndpointStatus": self.status, "EndpointConfigName": "config"}

    def describe_endpoint_config(self, EndpointConfigName):
        """SageMaker."""
        return {"ProductionVariants": [{"ModelName": "model"}]}

    def describe_model(self, ModelName):
        """SageMaker."""
        return {"Containers": [{"ModelPackageName": "version 1"}]}

    def describe_model_package(self, ModelPackageName):
        """SageMaker."""
        return {"ModelPackageArn": ModelPackageName}


def test_an_endpoint_that_failed_serves_nothing_to_compare_with():
    pytest.importorskip("botocore")
    assert package_in_production(Endpoint("InService"), "live") == {"ModelPackageArn": "version 1"}
    assert package_in_production(Endpoint("Updating"), "live") == {"ModelPackageArn": "version 1"}
    for status in ("Failed", "Creating"):
        assert package_in_production(Endpoint(status), "live") is None
