"""Model servers of a script, as they answer, fail and come back; several variants of one endpoint."""
import json
import unittest

import boto3
from botocore.exceptions import ClientError

from account import BUCKET, REGION, ROLE, error_of, put, sagemaker, settled
from jobs import archive

SKLEARN = f"683313688378.dkr.ecr.{REGION}.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
runtime = boto3.client("sagemaker-runtime")

SCRIPT = """
import json, os

def model_fn(folder):
    return open(os.path.join(folder, "word.txt")).read()

def input_fn(body, content_type):
    if content_type != "application/json":
        raise ValueError("only JSON is read here")
    return json.loads(body)

def predict_fn(data, model):
    if data.get("die"):
        os._exit(9)
    return {"word": model, "times": data["times"] * 2}

def output_fn(answer, accept):
    return json.dumps(answer), "application/json"
"""


def make_model(name, word, script=SCRIPT, **container):
    uri = put(f"serving/{name}/model.tar.gz", archive({"word.txt": word.encode(), "code/inference.py": script.encode()}))
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer={
        "Image": SKLEARN, "ModelDataUrl": uri, "Environment": {"SAGEMAKER_PROGRAM": "inference.py"}, **container})


def variant(model, **more):
    return {"VariantName": model, "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large", **more}


def deploy(name, *variants):
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=list(variants))
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return settled(sagemaker.describe_endpoint, "EndpointStatus", ("Creating",), EndpointName=name)


def ask(endpoint, body, **more):
    answer = runtime.invoke_endpoint(EndpointName=endpoint, ContentType="application/json", Body=json.dumps(body), **more)
    return json.loads(answer["Body"].read())


def remove(endpoint):
    sagemaker.delete_endpoint(EndpointName=endpoint)
    sagemaker.get_waiter("endpoint_deleted").wait(EndpointName=endpoint, WaiterConfig={"Delay": 1})


class Serving(unittest.TestCase):
    def test_a_script_answers_fails_and_comes_back(self):
        make_model("serving-one", "yes")
        described = deploy("serving-one", variant("serving-one"))
        self.assertEqual(described["EndpointStatus"], "InService", described.get("FailureReason"))
        self.assertEqual(ask("serving-one", {"times": 21}), {"word": "yes", "times": 42})
        with self.assertRaises(ClientError) as caught:
            ask("serving-one", {})
        response = caught.exception.response
        self.assertEqual((response["Error"]["Code"], response["OriginalStatusCode"]), ("ModelError", 500))
        self.assertEqual(response["ResponseMetadata"]["HTTPStatusCode"], 424)
        self.assertIn("/aws/sagemaker/Endpoints/serving-one", response["LogStreamArn"])
        self.assertTrue(any("KeyError" in line for line in log_lines("serving-one")))
        with self.assertRaises(ClientError):
            ask("serving-one", {"die": True})
        settled(lambda: {"answer": answer_of("serving-one")}, "answer", (None,))
        remove("serving-one")
        self.assertIn("Could not find", error_of(sagemaker.describe_endpoint, EndpointName="serving-one")[1])

    def test_a_model_that_does_not_load(self):
        make_model("serving-broken", "no", script="raise ImportError('no module named wisdom')")
        described = deploy("serving-broken", variant("serving-broken"))
        self.assertEqual(described["EndpointStatus"], "Failed")
        self.assertRegex(described["FailureReason"], "ping health check")
        self.assertTrue(any("wisdom" in line for line in log_lines("serving-broken")))
        self.assertEqual(error_of(runtime.invoke_endpoint, EndpointName="serving-broken", ContentType="application/json", Body=b"{}")[0], "ValidationError")
        remove("serving-broken")

    def test_lists_and_wrong_requests(self):
        self.assertEqual(sagemaker.list_endpoints(NameContains="serving-none")["Endpoints"], [])
        code, message = error_of(sagemaker.create_endpoint_config, EndpointConfigName="serving-none", ProductionVariants=[variant("serving-absent")])
        self.assertEqual((code, "Could not find" in message and "serving-absent" in message), ("ValidationException", True), message)
        code, message = error_of(sagemaker.create_model, ModelName="serving-none", ExecutionRoleArn=ROLE, PrimaryContainer={
            "Image": SKLEARN, "ModelDataUrl": f"s3://{BUCKET}/serving/none.tar.gz"})
        self.assertEqual((code, "serving/none.tar.gz" in message), ("ValidationException", True), message)
        code, message = error_of(sagemaker.create_model, ModelName="serving-none", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "example.com/x:1"})
        self.assertEqual((code, "example.com/x:1" in message), ("ValidationException", True), message)

    def test_a_model_that_escapes_its_archive(self):
        uri = put("serving/escape/model.tar.gz", archive({"../../escaped": b"x", "word.txt": b"w", "code/inference.py": SCRIPT.encode()}))
        sagemaker.create_model(ModelName="serving-escape", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": SKLEARN, "ModelDataUrl": uri})
        described = deploy("serving-escape", variant("serving-escape"))
        self.assertEqual(described["EndpointStatus"], "Failed")
        self.assertIn("escaped", described["FailureReason"])
        remove("serving-escape")

    def test_update_keeps_answering(self):
        make_model("serving-old", "old")
        make_model("serving-new", "new")
        self.assertEqual(deploy("serving-updated", variant("serving-old"))["EndpointStatus"], "InService")
        sagemaker.create_endpoint_config(EndpointConfigName="serving-next", ProductionVariants=[variant("serving-new")])
        sagemaker.update_endpoint(EndpointName="serving-updated", EndpointConfigName="serving-next")
        words = []
        while sagemaker.describe_endpoint(EndpointName="serving-updated")["EndpointStatus"] == "Updating":
            words.append(ask("serving-updated", {"times": 1})["word"])
        self.assertEqual(ask("serving-updated", {"times": 1})["word"], "new")
        self.assertEqual(words, sorted(words, reverse=True), "first the old one, then the new one")
        self.assertEqual(sagemaker.describe_endpoint(EndpointName="serving-updated")["EndpointConfigName"], "serving-next")
        named = sagemaker.describe_endpoint_config(EndpointConfigName="serving-next")["ProductionVariants"]
        self.assertEqual([one["ModelName"] for one in named], ["serving-new"])
        sagemaker.update_endpoint_weights_and_capacities(
            EndpointName="serving-updated", DesiredWeightsAndCapacities=[{"VariantName": "serving-new", "DesiredInstanceCount": 2}])
        described = settled(sagemaker.describe_endpoint, "EndpointStatus", ("Updating",), EndpointName="serving-updated")
        self.assertEqual([one["CurrentInstanceCount"] for one in described["ProductionVariants"]], [2])
        self.assertEqual(ask("serving-updated", {"times": 1})["word"], "new")
        remove("serving-updated")


def answer_of(endpoint):
    try:
        return ask(endpoint, {"times": 1})
    except ClientError:
        return None


def log_lines(endpoint):
    client = boto3.client("logs")
    group = f"/aws/sagemaker/Endpoints/{endpoint}"
    streams = client.describe_log_streams(logGroupName=group)["logStreams"]
    return [event["message"] for stream in streams
            for event in client.get_log_events(logGroupName=group, logStreamName=stream["logStreamName"], startFromHead=True)["events"]]


if __name__ == "__main__":
    unittest.main()
