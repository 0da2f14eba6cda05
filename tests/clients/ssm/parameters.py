"""Parameter Store through boto3."""
import unittest

import boto3
from botocore.exceptions import ClientError

ssm = boto3.client("ssm")


class Parameters(unittest.TestCase):
    def refused(self, code, call, **wrong):
        with self.assertRaises(ClientError) as caught:
            call(**wrong)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["Error"]["Message"]

    def test_versions_and_labels(self):
        self.assertEqual(self.refused("ValidationException", ssm.put_parameter, Name="/client/model", Value="m"),
                         "A parameter type is required when you create a parameter.")
        put = ssm.put_parameter(Name="/client/model", Value="model-1", Type="String", Tags=[{"Key": "team", "Value": "a"}])
        self.assertEqual((put["Version"], put["Tier"]), (1, "Standard"))
        with self.assertRaises(ssm.exceptions.ParameterAlreadyExists):
            ssm.put_parameter(Name="/client/model", Value="model-2", Type="String")
        ssm.put_parameter(Name="/client/model", Value="model-2", Overwrite=True)
        ssm.label_parameter_version(Name="/client/model", ParameterVersion=1, Labels=["stable"])
        parameter = ssm.get_parameter(Name="/client/model")["Parameter"]
        self.assertEqual((parameter["Value"], parameter["Version"], parameter["ARN"]),
                         ("model-2", 2, "arn:aws:ssm:us-east-1:123456789012:parameter/client/model"))
        for selector, value in (("1", "model-1"), ("stable", "model-1"), ("2", "model-2")):
            self.assertEqual(ssm.get_parameter(Name="/client/model:" + selector)["Parameter"]["Value"], value)
        with self.assertRaises(ssm.exceptions.ParameterVersionNotFound):
            ssm.get_parameter(Name="/client/model:9")
        history = ssm.get_parameter_history(Name="/client/model")["Parameters"]
        self.assertEqual([(one["Version"], one["Labels"]) for one in history], [(1, ["stable"]), (2, [])])
        ssm.unlabel_parameter_version(Name="/client/model", ParameterVersion=1, Labels=["stable"])
        resource = {"ResourceType": "Parameter", "ResourceId": "/client/model"}
        ssm.add_tags_to_resource(**resource, Tags=[{"Key": "stage", "Value": "test"}])
        ssm.remove_tags_from_resource(**resource, TagKeys=["team"])
        self.assertEqual(ssm.list_tags_for_resource(**resource)["TagList"], [{"Key": "stage", "Value": "test"}])
        ssm.delete_parameter(Name="/client/model")
        with self.assertRaises(ssm.exceptions.ParameterNotFound):
            ssm.get_parameter(Name="/client/model")

    def test_secure(self):
        ssm.put_parameter(Name="/client/secret", Value="hunter2", Type="SecureString")
        self.assertEqual(ssm.get_parameter(Name="/client/secret", WithDecryption=True)["Parameter"]["Value"], "hunter2")
        self.assertNotIn("hunter2", ssm.get_parameter(Name="/client/secret")["Parameter"]["Value"])
        [described] = ssm.describe_parameters(ParameterFilters=[{"Key": "KeyId", "Values": ["alias/aws/ssm"]}])["Parameters"]
        self.assertEqual(described["Name"], "/client/secret")
        with self.assertRaises(ssm.exceptions.InvalidKeyId):
            ssm.put_parameter(Name="/client/other", Value="x", Type="SecureString", KeyId="alias/none")
        self.refused("ValidationException", ssm.put_parameter, Name="/client/large", Value="x" * 4097, Type="String")

    def test_paths(self):
        for at in range(12):
            ssm.put_parameter(Name="/client-path/level/p%02d" % at, Value=str(at), Type="String")
        ssm.put_parameter(Name="/client-path/top", Value="t", Type="String")
        pages = ssm.get_paginator("get_parameters_by_path").paginate(Path="/client-path", Recursive=True)
        self.assertEqual(len([one for page in pages for one in page["Parameters"]]), 13)
        self.assertEqual([one["Name"] for one in ssm.get_parameters_by_path(Path="/client-path")["Parameters"]], ["/client-path/top"])
        pages = ssm.get_paginator("describe_parameters").paginate(
            ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": ["/client-path/level"]}])
        self.assertEqual(len([one for page in pages for one in page["Parameters"]]), 12)
        got = ssm.get_parameters(Names=["/client-path/top", "/client-path/none"])
        self.assertEqual((len(got["Parameters"]), got["InvalidParameters"]), (1, ["/client-path/none"]))
        gone = ssm.delete_parameters(Names=["/client-path/top", "/client-path/none"])
        self.assertEqual((gone["DeletedParameters"], gone["InvalidParameters"]), (["/client-path/top"], ["/client-path/none"]))
        self.refused("InvalidFilterKey", ssm.get_parameters_by_path, Path="/client-path", ParameterFilters=[{"Key": "Name", "Values": ["x"]}])


if __name__ == "__main__":
    unittest.main()
