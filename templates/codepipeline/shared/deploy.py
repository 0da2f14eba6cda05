"""Deploy a registered model to an environment of config/environments.json, and test it there.

    python deploy.py deploy staging --package ARN    the package; by default what the environment serves that its policy comes `after`
    python deploy.py smoke staging                   its smoke test; a failure is told as an event (rules start a retraining by it)

Nothing is built again: what was approved moves. `slipway promote` and `slipway smoke` do the same by hand, under the same names and tags.
"""

import argparse
import datetime
import hashlib
import json
import operator
import os
import pathlib
import re
import subprocess
import sys
import time

COMPARISONS = {
    "Equals": operator.eq,
    "GreaterThan": operator.gt,
    "GreaterThanOrEqualTo": operator.ge,
    "LessThan": operator.lt,
    "LessThanOrEqualTo": operator.le,
}
POLL_SECONDS = 1.0


def answer_at(text, content_type, path):
    """A value of an answer: by dotted path in JSON, by column in the first line of anything else."""
    if "json" not in content_type:
        value = text.strip().splitlines()[0].split(",")[int(path)]
    else:
        value = json.loads(text)
        for name in path.split("."):
            value = value[int(name)] if isinstance(value, list) else value[name]
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def unmet(test, text, content_type):
    """The expectations that an answer does not meet, in words."""
    problems = []
    for expected in test.get("expect", []):
        try:
            value = answer_at(text, content_type, expected["path"])
            holds = COMPARISONS[expected["operator"]](value, expected["value"])
        except (KeyError, IndexError, TypeError, ValueError) as error:
            value, holds = f"nothing ({error!r})", False
        if not holds:
            problems.append(f"{expected['path']} is {value}, expected {expected['operator']} {expected['value']}")
    return problems


class Release:
    """The project's environments and the AWS clients that reach them."""

    def __init__(self, session, configuration):
        """A boto3 session and the content of config/environments.json."""
        self.project = configuration["project"]
        self.environments = configuration["environments"]
        self.session = session
        self.sagemaker = session.client("sagemaker")
        self.account = session.client("sts").get_caller_identity()["Account"]
        self.region = session.region_name

    def environment(self, name):
        """An environment by its name."""
        if name not in self.environments:
            sys.exit(f"There is no environment {name}: config/environments.json has {', '.join(self.environments)}.")
        return self.environments[name]

    def arn(self, kind, name):
        """The ARN of an endpoint or endpoint configuration."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{name.lower()}"

    def tags(self, kind, name):
        """The tags of an endpoint or endpoint configuration."""
        return {tag["Key"]: tag["Value"] for tag in self.sagemaker.list_tags(ResourceArn=self.arn(kind, name))["Tags"]}

    def describe(self, endpoint):
        """DescribeEndpoint, or None."""
        from botocore.exceptions import ClientError

        try:
            return self.sagemaker.describe_endpoint(EndpointName=endpoint)
        except ClientError as error:
            if re.search("could not find", str(error), re.I):
                return None
            raise

    def served(self, name):
        """Package and model digest that an environment serves, and whether its smoke test passed."""
        described = self.describe(self.environment(name)["endpoint"])
        if described is None or described["EndpointStatus"] != "InService":
            sys.exit(f"{name} serves nothing: {'no endpoint' if described is None else described['EndpointStatus']}.")
        tags = self.tags("endpoint-config", described["EndpointConfigName"])
        return tags.get("slipway:package"), tags.get("slipway:model-digest"), "slipway:smoke-test" in tags

    def digest(self, package):
        """SHA-256 of a package's model."""
        bucket, key = re.fullmatch(r"s3://([^/]+)/(.+)", package["InferenceSpecification"]["Containers"][0]["ModelDataUrl"]).groups()
        body = self.session.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
        sha256 = hashlib.sha256()
        for chunk in iter(lambda: body.read(1 << 20), b""):
            sha256.update(chunk)
        return sha256.hexdigest()

    def choose(self, name, arn):
        """What may be deployed to the environment by its policy: DescribeModelPackage and the digest of its model."""
        policy = self.environment(name).get("policy", {})
        expected = None
        if "after" in policy:
            before = policy["after"]
            served, expected, passed = self.served(before)
            arn = arn or served
            if arn != served:
                sys.exit(f"{name} takes only what {before} serves, which is {served}, not {arn}.")
            if "smokeTest" in self.environment(before) and not passed:
                sys.exit(f"{served} has not passed the smoke test of {before}: python deploy.py smoke {before}")
        if not arn:
            sys.exit(f"Say which package goes to {name}: --package ARN")
        package = self.sagemaker.describe_model_package(ModelPackageName=arn)
        if policy.get("approval", "required") == "required" and package["ModelApprovalStatus"] != "Approved":
            sys.exit(f"{arn} is {package['ModelApprovalStatus']}; {name} takes only what is Approved.")
        digest = self.digest(package)
        if expected not in (None, digest):
            sys.exit(f"The model of {arn} is not the one that {policy['after']} serves: SHA-256 {digest}, not {expected}.")
        return package, digest

    def deploy(self, name, arn):
        """Creates or moves the environment's endpoint and waits until it serves the package."""
        environment = self.environment(name)
        package, digest = self.choose(name, arn)
        arn, endpoint = package["ModelPackageArn"], environment["endpoint"]
        made_of = "|".join([endpoint, arn, digest, environment["instanceType"], str(environment["instanceCount"])])
        config = f"{endpoint[:40]}-{package.get('ModelPackageVersion', 0)}-{hashlib.sha256(made_of.encode()).hexdigest()[:12]}"
        tags = [
            {"Key": "slipway:project", "Value": self.project},
            {"Key": "slipway:package", "Value": arn},
            {"Key": "slipway:model-digest", "Value": digest},
        ]
        self.unless_there(
            self.sagemaker.create_model,
            ModelName=config,
            ExecutionRoleArn=os.environ.get(
                "SAGEMAKER_PIPELINE_ROLE_ARN", f"arn:aws:iam::{self.account}:role/SageMakerPipelineExecutionRole"
            ),
            Containers=[{"ModelPackageName": arn}],
            Tags=tags,
        )
        variant = {
            "VariantName": "AllTraffic",
            "ModelName": config,
            "InstanceType": environment["instanceType"],
            "InitialInstanceCount": environment["instanceCount"],
            "InitialVariantWeight": 1.0,
        }
        self.unless_there(
            self.sagemaker.create_endpoint_config, EndpointConfigName=config, ProductionVariants=[variant], Tags=tags
        )
        self.move(endpoint, config, tags[:1])
        print(f"{name}: {endpoint} serves {arn}, model SHA-256 {digest}")

    def unless_there(self, create, **request):
        """A name made of its content: if it exists, it is the same."""
        from botocore.exceptions import ClientError

        try:
            create(**request)
        except ClientError as error:
            if "already exist" not in str(error):
                raise

    def move(self, endpoint, config, tags):
        """
        The endpoint onto the configuration. What it had before is remembered for `slipway rollback` before it moves: where the move fails,
        the one before that counts. Asked again while the move is under way, it only waits.
        """
        before = self.describe(endpoint)
        if before is None:
            self.sagemaker.create_endpoint(EndpointName=endpoint, EndpointConfigName=config, Tags=tags)
        elif config not in (before["EndpointConfigName"], before.get("PendingDeploymentSummary", {}).get("EndpointConfigName")):
            serving, previous = before["EndpointConfigName"], self.tags("endpoint", endpoint).get("slipway:previous-config")
            remembered = [{"Key": "slipway:previous-config", "Value": serving}]
            if previous not in (None, serving):
                remembered.append({"Key": "slipway:older-config", "Value": previous})
            self.sagemaker.add_tags(ResourceArn=self.arn("endpoint", endpoint), Tags=remembered)
            self.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=config)
        while True:
            described = self.sagemaker.describe_endpoint(EndpointName=endpoint)
            status = described["EndpointStatus"]
            if status == "InService" and described["EndpointConfigName"] == config:
                return
            if status in ("InService", "Failed", "OutOfService", "UpdateRollbackFailed"):
                sys.exit(f"{endpoint} is {status} and does not serve {config}: {described.get('FailureReason', 'no reason given')}")
            time.sleep(POLL_SECONDS)

    def smoke(self, name):
        """Runs the environment's smoke test, and marks the configuration that passed it."""
        environment = self.environment(name)
        test, endpoint = environment.get("smokeTest"), environment["endpoint"]
        if test is None:
            print(f"{name}: no smoke test in config/environments.json")
            return
        described = self.sagemaker.describe_endpoint(EndpointName=endpoint)
        problems = self.problems(test, endpoint)
        if self.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointConfigName"] != described["EndpointConfigName"]:
            sys.exit(f"{name} was moved while it was tested, so nothing is known of either version. Run the smoke test again.")
        config = self.arn("endpoint-config", described["EndpointConfigName"])
        if problems:
            self.sagemaker.delete_tags(ResourceArn=config, TagKeys=["slipway:smoke-test"])
            self.tell_failure(name, described["EndpointConfigName"], problems)
            sys.exit(f"{name}: smoke test failed: {'; '.join(problems)}")
        passed = [{"Key": "slipway:smoke-test", "Value": datetime.datetime.now(datetime.timezone.utc).isoformat()}]
        self.sagemaker.add_tags(ResourceArn=config, Tags=passed)
        print(f"{name}: smoke test passed")

    def problems(self, test, endpoint):
        """What is wrong with the endpoint's answer, or with the end of the test's own script."""
        if "script" in test:
            script = subprocess.run(test["script"], shell=True, env={**os.environ, "ENDPOINT_NAME": endpoint}, check=False)
            return [] if script.returncode == 0 else [f"{test['script']} ended with exit code {script.returncode}"]
        from botocore.exceptions import ClientError

        try:
            answer = self.session.client("sagemaker-runtime").invoke_endpoint(
                EndpointName=endpoint, ContentType=test["contentType"], Body=pathlib.Path(test["body"]).read_bytes()
            )
        except ClientError as error:
            # an error is an answer, and a wrong one; whoever may not ask has tested nothing
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 403:
                raise
            return [f"the endpoint answered {error.response['Error']['Code']}: {error.response['Error']['Message']}"]
        text = answer["Body"].read().decode()
        print(f"{endpoint} answered {text.strip()[:200]}")
        return unmet(test, text, answer["ContentType"])

    def tell_failure(self, name, config, problems):
        """The event by which a rule may start a retraining; it says which attempt the failed package was."""
        arn = self.tags("endpoint-config", config).get("slipway:package")
        package = self.sagemaker.describe_model_package(ModelPackageName=arn) if arn else {}
        detail = {
            "project": self.project,
            "environment": name,
            "modelPackageArn": arn,
            "retrainAttempt": package.get("CustomerMetadataProperties", {}).get("RetrainAttempt", "0"),
            "problems": problems,
        }
        entry = {"Source": "slipway.project", "DetailType": "Smoke Test Failed", "Detail": json.dumps(detail)}
        self.session.client("events").put_events(Entries=[entry])


def main():
    """One of the two actions on one environment."""
    import boto3

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["deploy", "smoke"])
    parser.add_argument("environment")
    parser.add_argument("--package", default="", help="ARN of the model package")
    arguments = parser.parse_args()
    configuration = json.loads(pathlib.Path("config/environments.json").read_text())
    release = Release(boto3.Session(), configuration)
    if arguments.action == "deploy":
        release.deploy(arguments.environment, arguments.package)
    else:
        release.smoke(arguments.environment)


if __name__ == "__main__":
    main()
