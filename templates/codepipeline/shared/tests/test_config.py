"""The configuration says what the code reads."""

import json
import pathlib

CONFIG = pathlib.Path(__file__).parent.parent / "config"


def read(name):
    return json.loads((CONFIG / name).read_text())


def test_parameters_are_in_range():
    parameters = read("parameters.json")
    assert 0 < parameters["testFraction"] < 1
    assert parameters["numRound"] >= 1 and parameters["maxDepth"] >= 1 and 0 < parameters["eta"] <= 1
    assert 0 <= parameters["minimumAccuracy"] <= 1


def test_environments_follow_each_other():
    environments = read("environments.json")["environments"]
    for environment in environments.values():
        after = environment.get("policy", {}).get("after")
        assert after is None or after in environments
        body = environment.get("smokeTest", {}).get("body")
        assert body is None or (CONFIG.parent / body).is_file()
