"""The ways to serve beyond one model behind one variant, through boto3: variants, pipelines, many models, streams, later answers, serverless."""
import io
import json
import tarfile
import time
import unittest

import boto3
import numpy as np
import xgboost as xgb
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
BUCKET = f"sagemaker-us-east-1-{ACCOUNT}"
REGISTRY = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
XGBOOST = f"{REGISTRY}/sagemaker-xgboost:1.7-1"
SKLEARN = f"{REGISTRY}/sagemaker-scikit-learn:1.2-1-cpu-py3"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerPipelineExecutionRole"
ROW = [0.1, 0.5, 0.9]
CSV = ",".join(map(str, ROW))

s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")
runtime = boto3.client("sagemaker-runtime")


def put_archive(key, **files):
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    s3.put_object(Bucket=BUCKET, Key=key, Body=archive.getvalue())
    return f"s3://{BUCKET}/{key}"


def put_booster(factor, key):
    """A booster's archive in S3, and what it predicts for ROW."""
    rows = np.random.default_rng(7).random((200, 3))
    booster = xgb.train({"max_depth": 3}, xgb.DMatrix(rows, factor * rows.sum(axis=1)), 10)
    put_archive(key, **{"xgboost-model": bytes(booster.save_raw("ubj"))})
    return float(booster.predict(xgb.DMatrix(np.array([ROW])))[0])


def put_script(key, source):
    return put_archive(key, **{"code__inference.py": source.encode(), "weights.txt": b"-"})


def model(name, *containers, **more):
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, Containers=list(containers), **more)


def variant(name, **more):
    return {"VariantName": name, "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1, **more}


def deploy(name, variants, **more):
    """Resolves when it serves; what DescribeEndpoint says then."""
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=variants, **more)
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    return wait(name)


def wait(name):
    while True:
        described = sagemaker.describe_endpoint(EndpointName=name)
        if described["EndpointStatus"] not in ("Creating", "Updating", "RollingBack"):
            break
        time.sleep(0.1)
    assert described["EndpointStatus"] == "InService", described.get("FailureReason")
    return described


def invoke(name, body=CSV, **more):
    return runtime.invoke_endpoint(EndpointName=name, ContentType="text/csv", Body=body, **more)


def text(answer):
    return answer["Body"].read().decode()


class Modes(unittest.TestCase):
    def refused(self, code, message, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        self.assertIn(message, caught.exception.response["Error"]["Message"])

    def test_variants(self):
        expected = {}
        for name, factor in (("champion", 1), ("challenger", 5)):
            expected[name] = put_booster(factor, f"variants/{name}.tar.gz")
            model(name, {"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/variants/{name}.tar.gz"})
        deploy("split", [variant("champion", InitialVariantWeight=3), variant("challenger", InitialVariantWeight=1)])
        counts = {"champion": 0, "challenger": 0}
        for _ in range(40):
            answer = invoke("split", CustomAttributes="trace=1", InferenceId="one")
            counts[answer["InvokedProductionVariant"]] += 1
            self.assertAlmostEqual(float(text(answer)), expected[answer["InvokedProductionVariant"]], places=5)
        self.assertAlmostEqual(counts["champion"], 30, delta=2)
        self.assertAlmostEqual(float(text(invoke("split", TargetVariant="challenger"))), expected["challenger"], places=5)
        self.refused("ValidationError", "Variant nobody", invoke, name="split", TargetVariant="nobody")
        sagemaker.update_endpoint_weights_and_capacities(EndpointName="split", DesiredWeightsAndCapacities=[
            {"VariantName": "champion", "DesiredWeight": 0}, {"VariantName": "challenger", "DesiredInstanceCount": 2}])
        self.assertEqual({invoke("split")["InvokedProductionVariant"] for _ in range(5)}, {"challenger"})
        described = wait("split")["ProductionVariants"]
        self.assertEqual([(one["CurrentWeight"], one["CurrentInstanceCount"]) for one in described], [(0.0, 1), (1.0, 2)])
        sagemaker.delete_endpoint(EndpointName="split")

    def test_pipeline(self):
        expected = put_booster(1, "pipeline/booster.tar.gz")
        double = put_script("pipeline/double.tar.gz", "def model_fn(folder): return None\n"
                            "def transform_fn(model, body, content_type, accept):\n"
                            "    return ','.join(str(2 * float(part)) for part in body.split(',')), 'text/csv'\n")
        model("washed", {"Image": SKLEARN, "ModelDataUrl": double, "ContainerHostname": "wash"},
              {"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/pipeline/booster.tar.gz"})
        deploy("washed", [variant("washed")])
        halved = ",".join(str(part / 2) for part in ROW)
        self.assertAlmostEqual(float(text(invoke("washed", halved))), expected, places=5)
        self.refused("ModelError", "Received server error (500) from wash", invoke, name="washed", body="a,b")
        sagemaker.delete_endpoint(EndpointName="washed")
        model("either", {"Image": SKLEARN, "ModelDataUrl": double, "ContainerHostname": "wash"},
              {"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/pipeline/booster.tar.gz", "ContainerHostname": "predict"},
              InferenceExecutionConfig={"Mode": "Direct"})
        deploy("either", [variant("either")])
        self.assertEqual(text(invoke("either", "1,2", TargetContainerHostname="wash")), "2.0,4.0")
        self.assertAlmostEqual(float(text(invoke("either", TargetContainerHostname="predict"))), expected, places=5)
        self.refused("ValidationError", "TargetContainerHostname", invoke, name="either")
        sagemaker.delete_endpoint(EndpointName="either")

    def test_many_models(self):
        expected = {name: put_booster(factor, f"many/{name}.tar.gz") for name, factor in (("a", 1), ("b", 3))}
        model("many", {"Image": XGBOOST, "Mode": "MultiModel", "ModelDataUrl": f"s3://{BUCKET}/many/"})
        deploy("many", [variant("many")])
        for name, value in list(expected.items()) * 2:
            self.assertAlmostEqual(float(text(invoke("many", TargetModel=f"{name}.tar.gz"))), value, places=5)
        late = put_booster(7, "many/late.tar.gz")
        self.assertAlmostEqual(float(text(invoke("many", TargetModel="late.tar.gz"))), late, places=5)
        self.refused("ValidationError", "Failed to download model data", invoke, name="many", TargetModel="none.tar.gz")
        self.refused("ValidationError", "TargetModel", invoke, name="many")
        sagemaker.delete_endpoint(EndpointName="many")

    def test_streams(self):
        uri = put_script("streams/model.tar.gz", "import time\ndef model_fn(folder): return None\n"
                         "def transform_fn(model, body, content_type, accept):\n"
                         "    for word in body.split(','):\n"
                         "        if word == 'break': raise ValueError('half-way')\n"
                         "        yield word + ' '\n")
        model("streams", {"Image": SKLEARN, "ModelDataUrl": uri})
        deploy("streams", [variant("streams")])
        stream = lambda body: runtime.invoke_endpoint_with_response_stream(
            EndpointName="streams", ContentType="text/csv", Accept="text/plain", Body=body)
        answer = stream("one,two,three")
        self.assertEqual((answer["ContentType"], answer["InvokedProductionVariant"]), ("text/plain", "streams"))
        self.assertEqual(b"".join(event["PayloadPart"]["Bytes"] for event in answer["Body"]), b"one two three ")
        self.assertEqual(text(invoke("streams", "one,two")), "one two ")
        parts = []
        with self.assertRaises(ClientError) as caught:
            for event in stream("one,break")["Body"]:
                parts.append(event["PayloadPart"]["Bytes"])
        self.assertEqual(caught.exception.response["Error"]["Code"], "ModelStreamError")
        self.assertEqual(b"".join(parts), b"one ")
        sagemaker.delete_endpoint(EndpointName="streams")

    def test_later(self):
        expected = put_booster(2, "later/model.tar.gz")
        model("later", {"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/later/model.tar.gz"})
        output = {"S3OutputPath": f"s3://{BUCKET}/later/results", "S3FailurePath": f"s3://{BUCKET}/later/failures"}
        described = deploy("later", [variant("later")], AsyncInferenceConfig={
            "ClientConfig": {"MaxConcurrentInvocationsPerInstance": 2}, "OutputConfig": output})
        self.assertEqual(described["AsyncInferenceConfig"]["OutputConfig"], output)
        s3.put_object(Bucket=BUCKET, Key="later/input.csv", Body=CSV)
        ask = lambda location, **more: runtime.invoke_endpoint_async(
            EndpointName="later", InputLocation=location, ContentType="text/csv", **more)
        accepted = [ask(f"s3://{BUCKET}/later/input.csv", InferenceId=f"id-{n}") for n in range(5)]
        self.assertEqual([one["InferenceId"] for one in accepted], [f"id-{n}" for n in range(5)])
        for one in accepted:
            self.assertAlmostEqual(float(self.arrived(one["OutputLocation"])), expected, places=5)
        absent = ask(f"s3://{BUCKET}/later/absent.csv")
        self.assertIn("NoSuchKey", self.arrived(absent["FailureLocation"]))
        self.refused("ValidationError", "is asynchronous", invoke, name="later")
        sagemaker.delete_endpoint(EndpointName="later")

    def arrived(self, uri):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        while True:
            try:
                return s3.get_object(Bucket=bucket, Key=key)["Body"].read().decode()
            except s3.exceptions.NoSuchKey:
                time.sleep(0.05)

    def test_serverless(self):
        expected = put_booster(4, "serverless/model.tar.gz")
        model("light", {"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/serverless/model.tar.gz"})
        config = {"MemorySizeInMB": 2048, "MaxConcurrency": 5}
        described = deploy("light", [{"VariantName": "light", "ModelName": "light", "ServerlessConfig": config}])
        self.assertEqual(described["ProductionVariants"][0]["CurrentServerlessConfig"], config)
        self.assertAlmostEqual(float(text(invoke("light"))), expected, places=5)
        self.refused("ValidationException", "MemorySizeInMB", sagemaker.create_endpoint_config, EndpointConfigName="odd", ProductionVariants=[
            {"VariantName": "light", "ModelName": "light", "ServerlessConfig": {**config, "MemorySizeInMB": 1500}}])
        sagemaker.delete_endpoint(EndpointName="light")


if __name__ == "__main__":
    unittest.main()
