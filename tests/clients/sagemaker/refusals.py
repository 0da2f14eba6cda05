"""Requests that are wrong: what is said, with which code and status, and that clients may rely on the words."""
import datetime
import http.client
import json
import unittest
import unittest.mock
from urllib.parse import urlsplit

import boto3
import botocore.auth
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from account import ACCOUNT, PYTHON, REGION, ROLE, error_of, sagemaker

PLACE = urlsplit(sagemaker.meta.endpoint_url).netloc
unchecked = boto3.client("sagemaker", config=Config(parameter_validation=False, retries={"max_attempts": 1}))
KEYS = boto3.Session().get_credentials().get_frozen_credentials()


def send(operation, body, credentials=KEYS, skew=datetime.timedelta(), alter=None, **headers):
    """One signed request of the JSON protocol; (status, type, message)."""
    request = AWSRequest("POST", f"http://{PLACE}/", data=body, headers={
        "X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1", **headers})
    signer = SigV4Auth(credentials, "sagemaker", REGION)
    now = botocore.auth.get_current_datetime
    with unittest.mock.patch("botocore.auth.get_current_datetime", lambda *_, **__: now() + skew):
        signer.add_auth(request)
    connection = http.client.HTTPConnection(PLACE)
    connection.request("POST", "/", body=body if alter is None else alter, headers=dict(request.headers.items()))
    answer = connection.getresponse()
    text = answer.read()
    connection.close()
    parsed = json.loads(text)
    return answer.status, parsed["__type"].split("#")[-1], parsed.get("message") or parsed.get("Message")


class Words(unittest.TestCase):
    """The codes and texts the SageMaker SDK decides by."""

    def test_absent(self):
        for call, arguments, code, text in [
            (sagemaker.describe_training_job, {"TrainingJobName": "none"}, "ValidationException", "Could not find"),
            (sagemaker.describe_processing_job, {"ProcessingJobName": "none"}, "ValidationException", "Could not find"),
            (sagemaker.stop_training_job, {"TrainingJobName": "none"}, "ValidationException", "Could not find"),
            (sagemaker.describe_model, {"ModelName": "none"}, "ValidationException", "Could not find"),
            (sagemaker.describe_endpoint, {"EndpointName": "none"}, "ValidationException", "Could not find"),
            (sagemaker.describe_endpoint_config, {"EndpointConfigName": "none"}, "ValidationException", "Could not find"),
            (sagemaker.delete_endpoint, {"EndpointName": "none"}, "ValidationException", "Could not find"),
            (sagemaker.describe_model_package_group, {"ModelPackageGroupName": "none"}, "ValidationException", "does not exist"),
            (sagemaker.describe_model_package, {"ModelPackageName": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/none/1"},
             "ValidationException", "does not exist"),
            (sagemaker.describe_pipeline, {"PipelineName": "none"}, "ResourceNotFound", "does not exist"),
            (sagemaker.update_pipeline, {"PipelineName": "none"}, "ResourceNotFound", "does not exist"),
            (sagemaker.delete_pipeline, {"PipelineName": "none", "ClientRequestToken": "t" * 32}, "ResourceNotFound", "does not exist"),
        ]:
            found = error_of(call, **arguments)
            self.assertEqual(found[0], code, found)
            self.assertIn(text, found[1])

    def test_exists(self):
        create = {"ModelName": "words-model", "ExecutionRoleArn": ROLE, "PrimaryContainer": {
            "Image": f"683313688378.dkr.ecr.{REGION}.amazonaws.com/sagemaker-xgboost:1.7-1"}}
        sagemaker.create_model(**create)
        self.assert_refused("ValidationException", "Cannot create already existing model", sagemaker.create_model, **create)
        config = {"EndpointConfigName": "words-config", "ProductionVariants": [
            {"VariantName": "A", "ModelName": "words-model", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}]}
        sagemaker.create_endpoint_config(**config)
        self.assert_refused("ValidationException", "Cannot create already existing", sagemaker.create_endpoint_config, **config)
        sagemaker.create_model_package_group(ModelPackageGroupName="words-group")
        self.assert_refused("ValidationException", "already exists", sagemaker.create_model_package_group, ModelPackageGroupName="words-group")
        self.assert_refused("ValidationException", "Could not find endpoint configuration",
                            sagemaker.create_endpoint, EndpointName="words", EndpointConfigName="words-none")

    def assert_refused(self, code, text, call, **arguments):
        found = error_of(call, **arguments)
        self.assertEqual(found[0], code, found)
        self.assertIn(text, found[1])


class Validation(unittest.TestCase):
    def test_every_fault_in_one_message(self):
        code, message = error_of(
            unchecked.create_training_job, TrainingJobName="not_a_name", RoleArn="x", OutputDataConfig={},
            ResourceConfig={"InstanceType": "ml.q1.huge", "InstanceCount": -1, "VolumeSizeInGB": 1}, StoppingCondition={"MaxRuntimeInSeconds": 0})
        self.assertEqual(code, "ValidationException")
        faults = message.removeprefix("6 validation errors detected: ").split("; ")
        self.assertEqual(len(faults), 6, message)
        for part in [
            "Value 'not_a_name' at 'trainingJobName' failed to satisfy constraint: Member must satisfy regular expression pattern: ",
            "Value 'x' at 'roleArn' failed to satisfy constraint: Member must",
            "Value null at 'outputDataConfig.s3OutputPath' failed to satisfy constraint: Member must not be null",
            "Value 'ml.q1.huge' at 'resourceConfig.instanceType' failed to satisfy constraint: Member must satisfy enum value set: [",
            "Value '-1' at 'resourceConfig.instanceCount' failed to satisfy constraint: Member must have value greater than or equal to 0",
            "Value '0' at 'stoppingCondition.maxRuntimeInSeconds' failed to satisfy constraint: Member must have value greater than or equal to 1",
        ]:
            self.assertTrue(any(fault.startswith(part) for fault in faults), (part, message))
        self.assertIn("1 validation error detected: Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 100",
                      error_of(unchecked.list_training_jobs, MaxResults=101)[1])

    def test_bodies_that_are_not_what_they_should_be(self):
        for body, kind in [(b"{", "SerializationException"), (b"[]", "SerializationException"), (b"\xff\xfe", "SerializationException"),
                           (b'{"TrainingJobName": 7}', "SerializationException"), (b'{"TrainingJobName": {"a": 1}}', "SerializationException"),
                           (b"{}", "ValidationException")]:
            status, code, message = send("DescribeTrainingJob", body)
            self.assertEqual((status, code), (400, kind), (body, message))
            self.assertNotRegex(message or "", r"\.ts|at Object|node:")
        status, code, _ = send("DescribeTrainingJob", b'{"TrainingJobName": "' + b"x" * (11 << 20) + b'"}')
        self.assertEqual((status, code), (413, "RequestEntityTooLarge"))
        deep = b'{"a":' * 20000 + b"1" + b"}" * 20000
        self.assertEqual(send("DescribeTrainingJob", deep)[0], 400)
        self.assertEqual(sagemaker.list_models()["ResponseMetadata"]["HTTPStatusCode"], 200, "the server goes on")

    def test_page_tokens_that_nobody_gave(self):
        for call in sagemaker.list_models, sagemaker.list_training_jobs, sagemaker.list_pipelines, sagemaker.list_endpoints:
            code, message = error_of(call, NextToken="bogus")
            self.assertEqual(code, "ValidationException", message)

    def test_what_is_not_built_says_so(self):
        for call, arguments, name in [
            (sagemaker.create_workforce, {"WorkforceName": "w"}, "CreateWorkforce"),
            (sagemaker.list_clusters, {}, "ListClusters"),
            (boto3.client("logs").start_query, {"logGroupName": "g", "startTime": 1, "endTime": 2, "queryString": "q"}, "StartQuery"),
            (boto3.client("iam").list_server_certificates, {}, "ListServerCertificates"),
        ]:
            with self.assertRaises(ClientError) as caught:
                call(**arguments)
            answer = caught.exception.response
            self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), ("NotImplementedException", 501))
            self.assertIn(name, answer["Error"]["Message"])
        status, code, message = send("MakeCoffee", b"{}")
        self.assertEqual((status, code, "MakeCoffee" in message), (501, "NotImplementedException", True), message)
        code, message = error_of(sagemaker.create_training_job, TrainingJobName="two-kinds", RoleArn=ROLE, StoppingCondition={"MaxRuntimeInSeconds": 1},
                                 AlgorithmSpecification={"TrainingImage": PYTHON, "TrainingInputMode": "File"}, OutputDataConfig={"S3OutputPath": "s3://b/x"},
                                 ResourceConfig={"VolumeSizeInGB": 1, "InstanceGroups": [
                                     {"InstanceGroupName": "g", "InstanceType": "ml.m5.large", "InstanceCount": 2}]})
        self.assertEqual((code, "InstanceGroups" in message and "not implemented" in message), ("ValidationException", True), message)


class Signatures(unittest.TestCase):
    body = b'{"TrainingJobName": "none"}'

    def test_clock(self):
        minutes = datetime.timedelta(minutes=1)
        for skew in 14 * minutes, -4 * minutes:
            self.assertEqual(send("DescribeTrainingJob", self.body, skew=skew)[1], "ValidationException")
        for skew, text in [(20 * minutes, "not yet current"), (-20 * minutes, "expired")]:
            status, code, message = send("DescribeTrainingJob", self.body, skew=skew)
            self.assertEqual((status, code), (400, "InvalidSignatureException"), message)
            self.assertIn(text, message)

    def test_wrong_signatures(self):
        status, code, message = send("DescribeTrainingJob", self.body, Credentials(KEYS.access_key, "wrong"))
        self.assertEqual((status, code), (400, "InvalidSignatureException"), message)
        self.assertIn("does not match", message)
        self.assertEqual(send("DescribeTrainingJob", self.body, alter=self.body.replace(b"none", b"nine"))[1], "InvalidSignatureException")
        self.assertEqual(send("DescribeTrainingJob", self.body, Credentials("AKIAUNKNOWNUNKNOWN00", "x"))[1], "UnrecognizedClientException")
        self.assertEqual(send("DescribeTrainingJob", self.body, Credentials(KEYS.access_key, KEYS.secret_key, "token"))[1][:7], "Unrecog")

    def test_unsigned(self):
        connection = http.client.HTTPConnection(PLACE)
        connection.request("POST", "/", body=self.body, headers={
            "X-Amz-Target": "SageMaker.DescribeTrainingJob", "Content-Type": "application/x-amz-json-1.1"})
        answer = connection.getresponse()
        self.assertEqual((answer.status, json.loads(answer.read())["__type"]), (400, "MissingAuthenticationTokenException"))
        connection.close()


if __name__ == "__main__":
    unittest.main()
