"""Compare a candidate with the model in production: the gate of which better deploys and worse changes nothing.

Reads the candidate's evaluation.json, finds the model package that the production endpoint serves, evaluates that package's model on the
candidate's own held-out rows (by the project's evaluate.py), and writes comparison.json:

    {"verdict": "first" | "better" | "equal" | "worse", "metric": …, "candidate": 0.97, "production": 0.95, "margin": 0.02,
     "productionPackage": ARN or null, "basis": "same rows" | "recorded" | "none"}

"first": nothing is in production yet. "recorded": production's model cannot score these rows (its features differ, say), so the
metrics count that were registered with it. Neither to be had: the job fails, and nothing is registered.
"""

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile


def metric_at(report, path):
    """The number at a dotted path: metrics.auc.value."""
    for name in path.split("."):
        report = report[name]
    return float(report)


def verdict_of(candidate, production, direction, minimum_improvement):
    """How the candidate stands: its margin counts upwards also where less is better."""
    if production is None:
        return "first", None
    margin = candidate - production if direction == "maximize" else production - candidate
    if margin > 0 and margin >= minimum_improvement:
        return "better", margin
    return ("equal" if margin == 0 else "worse"), margin


def region_of_job():
    """Processing jobs know their region by their own ARN."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if os.environ.get(name):
            return os.environ[name]
    config = json.loads(pathlib.Path("/opt/ml/config/processingjobconfig.json").read_text())
    return config["ProcessingJobArn"].split(":")[3]


def is_absent(error):
    """Whether SageMaker said that there is no such resource."""
    return error.response["Error"]["Code"] == "ValidationException" and re.search("could not find", str(error), re.I) is not None


def package_in_production(sagemaker, endpoint):
    """The package (DescribeModelPackage) that the endpoint serves; None before its first deployment, or where that failed."""
    from botocore.exceptions import ClientError

    try:
        described = sagemaker.describe_endpoint(EndpointName=endpoint)
    except ClientError as error:
        if is_absent(error):
            return None
        raise
    if described["EndpointStatus"] in ("Creating", "Failed"):
        return None
    config = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    model = sagemaker.describe_model(ModelName=config["ProductionVariants"][0]["ModelName"])
    container = model.get("PrimaryContainer") or model["Containers"][0]
    if "ModelPackageName" not in container:
        sys.exit(f"Endpoint {endpoint} serves model {model['ModelName']}, which is of no model package: nothing to compare with.")
    return sagemaker.describe_model_package(ModelPackageName=container["ModelPackageName"])


def read_object(s3, uri):
    """The bytes at s3://bucket/key."""
    bucket, key = re.fullmatch(r"s3://([^/]+)/(.+)", uri).groups()
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def evaluate_production(s3, package, arguments):
    """Production's metric and on what it rests: its model on the same rows, else what was registered with it."""
    with tempfile.TemporaryDirectory() as folder:
        model = pathlib.Path(folder) / "model"
        model.mkdir()
        url = package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]
        (model / "model.tar.gz").write_bytes(read_object(s3, url))
        output = pathlib.Path(folder) / "evaluation"
        command = [sys.executable, arguments.script, "--model", str(model), "--test", arguments.test, "--output", str(output)]
        if subprocess.run(command, check=False).returncode == 0:
            return metric_at(json.loads((output / "evaluation.json").read_text()), arguments.metric), "same rows"
    print("production's model cannot score these rows; its registered metrics count")
    statistics = package.get("ModelMetrics", {}).get("ModelQuality", {}).get("Statistics")
    if statistics is None:
        sys.exit(f"{package['ModelPackageArn']} has no registered metrics either, so nothing can be compared.")
    return metric_at(json.loads(read_object(s3, statistics["S3Uri"])), arguments.metric), "recorded"


def main():
    """Writes comparison.json."""
    import boto3

    parser = argparse.ArgumentParser()
    parser.add_argument("--endpoint", required=True)
    parser.add_argument("--metric", required=True)
    parser.add_argument("--direction", choices=["maximize", "minimize"], default="maximize")
    parser.add_argument("--minimum-improvement", type=float, default=0.0)
    parser.add_argument("--candidate", default="/opt/ml/processing/candidate/evaluation.json")
    parser.add_argument("--test", default="/opt/ml/processing/test")
    parser.add_argument("--script", default="/opt/ml/processing/input/evaluate/evaluate.py")
    parser.add_argument("--output", default="/opt/ml/processing/comparison")
    arguments = parser.parse_args()
    session = boto3.Session(region_name=region_of_job())
    candidate = metric_at(json.loads(pathlib.Path(arguments.candidate).read_text()), arguments.metric)
    package = package_in_production(session.client("sagemaker"), arguments.endpoint)
    production, basis = (None, "none") if package is None else evaluate_production(session.client("s3"), package, arguments)
    verdict, margin = verdict_of(candidate, production, arguments.direction, arguments.minimum_improvement)
    comparison = {
        "verdict": verdict,
        "metric": arguments.metric,
        "candidate": candidate,
        "production": production,
        "margin": margin,
        "productionPackage": None if package is None else package["ModelPackageArn"],
        "basis": basis,
    }
    output = pathlib.Path(arguments.output)
    output.mkdir(parents=True, exist_ok=True)
    (output / "comparison.json").write_text(json.dumps(comparison, indent=2))
    print(json.dumps(comparison))


if __name__ == "__main__":
    main()
