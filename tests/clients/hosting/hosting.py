"""The registry and hosting through boto3: from a trained XGBoost model to predictions, with everything AWS would refuse."""
import io
import json
import tarfile
import tempfile
import time
import unittest

import boto3
import numpy as np
import xgboost as xgb
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
BUCKET = f"sagemaker-us-east-1-{ACCOUNT}"
IMAGE = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerPipelineExecutionRole"

s3 = boto3.client("s3")
sagemaker = boto3.client("sagemaker")
runtime = boto3.client("sagemaker-runtime")


def train(factor, key):
    """A booster and its model.tar.gz in S3."""
    rows = np.random.default_rng(7).random((200, 3))
    booster = xgb.train({"max_depth": 3}, xgb.DMatrix(rows, factor * rows.sum(axis=1)), 10)
    with tempfile.NamedTemporaryFile(suffix=".ubj") as file:
        booster.save_model(file.name)
        content = open(file.name, "rb").read()
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as tar:
        member = tarfile.TarInfo("xgboost-model")
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    s3.put_object(Bucket=BUCKET, Key=key, Body=archive.getvalue())
    return booster, f"s3://{BUCKET}/{key}"


def expected(booster, row):
    return float(booster.predict(xgb.DMatrix(np.array([row])))[0])


def predict(endpoint, row, **more):
    answer = runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=",".join(map(str, row)), **more)
    return answer, answer["Body"].read().decode()


def wait(name):
    """As the waiter endpoint_in_service, but sooner; its last answer, whatever it is."""
    while True:
        described = sagemaker.describe_endpoint(EndpointName=name)
        if described["EndpointStatus"] not in ("Creating", "Updating", "RollingBack"):
            return described
        time.sleep(0.1)


def config(name, model):
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[
        {"VariantName": "AllTraffic", "ModelName": model, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}])


class Hosting(unittest.TestCase):
    def refused(self, code, text, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        self.assertIn(text, caught.exception.response["Error"]["Message"])
        return caught.exception.response

    def test_from_model_to_predictions(self):
        row = [0.1, 0.5, 0.9]
        booster, uri = train(1, "one/output/model.tar.gz")
        sagemaker.create_model_package_group(ModelPackageGroupName="Numbers")
        self.refused("ValidationException", "already exists", sagemaker.create_model_package_group, ModelPackageGroupName="Numbers")
        specification = {"Containers": [{"Image": IMAGE, "ModelDataUrl": uri}], "SupportedContentTypes": ["text/csv"],
                         "SupportedResponseMIMETypes": ["text/csv"]}
        package = sagemaker.create_model_package(ModelPackageGroupName="Numbers", InferenceSpecification=specification)["ModelPackageArn"]
        self.assertTrue(package.endswith("model-package/Numbers/1"))
        model = {"ModelName": "numbers", "ExecutionRoleArn": ROLE, "Containers": [{"ModelPackageName": package}]}
        self.refused("ValidationException", "ModelApprovalStatus is PendingManualApproval", sagemaker.create_model, **model)
        sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved", ApprovalDescription="good")
        newest = sagemaker.list_model_packages(ModelPackageGroupName="Numbers", ModelApprovalStatus="Approved", MaxResults=1)
        self.assertEqual([one["ModelPackageArn"] for one in newest["ModelPackageSummaryList"]], [package])
        sagemaker.create_model(**model)
        self.refused("ValidationException", "Cannot create already existing model", sagemaker.create_model, **model)
        config("numbers", "numbers")
        self.refused("ValidationException", "Could not find endpoint", sagemaker.describe_endpoint, EndpointName="numbers")
        sagemaker.create_endpoint(EndpointName="numbers", EndpointConfigName="numbers")
        described = wait("numbers")
        self.assertEqual(described["EndpointStatus"], "InService", described.get("FailureReason"))
        sagemaker.get_waiter("endpoint_in_service").wait(EndpointName="numbers")

        answer, text = predict("numbers", row)
        self.assertAlmostEqual(float(text), expected(booster, row), places=6)
        self.assertEqual(answer["InvokedProductionVariant"], "AllTraffic")
        _, text = predict("numbers", row, Accept="application/json", TargetVariant="AllTraffic")
        self.assertAlmostEqual(json.loads(text)["predictions"][0]["score"], expected(booster, row), places=6)
        response = self.refused("ModelError", "Received client error (415) from primary", runtime.invoke_endpoint,
                                EndpointName="numbers", ContentType="application/json", Body="{}")
        self.assertEqual(response["OriginalStatusCode"], 415)
        self.refused("ValidationError", f"Endpoint none of account {ACCOUNT} not found.", runtime.invoke_endpoint,
                     EndpointName="none", ContentType="text/csv", Body="1")

        other, uri = train(5, "two/output/model.tar.gz")
        sagemaker.create_model(ModelName="other", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": uri})
        config("other", "other")
        sagemaker.update_endpoint(EndpointName="numbers", EndpointConfigName="other")
        self.assertAlmostEqual(float(predict("numbers", row)[1]), expected(booster, row), places=6)
        self.assertEqual(wait("numbers")["EndpointConfigName"], "other")
        self.assertAlmostEqual(float(predict("numbers", row)[1]), expected(other, row), places=6)

        for gone in ("numbers", "other"):
            sagemaker.delete_endpoint_config(EndpointConfigName=gone)
            sagemaker.delete_model(ModelName=gone)
        self.assertAlmostEqual(float(predict("numbers", row)[1]), expected(other, row), places=6)
        sagemaker.delete_endpoint(EndpointName="numbers")
        self.refused("ValidationError", "not found", runtime.invoke_endpoint, EndpointName="numbers", ContentType="text/csv", Body="1")
        waiter = sagemaker.get_waiter("endpoint_deleted")
        waiter.config.delay = 1
        waiter.wait(EndpointName="numbers")
        sagemaker.delete_model_package(ModelPackageName=package)
        sagemaker.delete_model_package_group(ModelPackageGroupName="Numbers")

    def test_model_data_that_is_no_model(self):
        s3.put_object(Bucket=BUCKET, Key="broken/model.tar.gz", Body=b"not an archive")
        sagemaker.create_model(ModelName="broken", ExecutionRoleArn=ROLE,
                               PrimaryContainer={"Image": IMAGE, "ModelDataUrl": f"s3://{BUCKET}/broken/model.tar.gz"})
        config("broken", "broken")
        sagemaker.create_endpoint(EndpointName="broken", EndpointConfigName="broken")
        described = wait("broken")
        self.assertEqual((described["EndpointStatus"], described["EndpointConfigName"]), ("Failed", "broken"))
        self.assertRegex(described["FailureReason"], "did not pass the ping health check.*no readable tar.gz")
        self.assertNotIn("/tmp", described["FailureReason"])
        sagemaker.delete_endpoint(EndpointName="broken")


if __name__ == "__main__":
    unittest.main()
