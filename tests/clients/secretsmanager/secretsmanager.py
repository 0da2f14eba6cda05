"""Secrets Manager through boto3."""
import unittest

import boto3
from botocore.exceptions import ClientError

secrets = boto3.client("secretsmanager")


class Secrets(unittest.TestCase):
    def refused(self, code, call, **wrong):
        with self.assertRaises(ClientError) as caught:
            call(**wrong)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["Error"]["Message"]

    def test_life_of_a_secret(self):
        made = secrets.create_secret(Name="client/db", SecretString='{"user": "u"}', Tags=[{"Key": "team", "Value": "a"}])
        self.assertRegex(made["ARN"], r":secret:client/db-[A-Za-z0-9]{6}$")
        got = secrets.get_secret_value(SecretId="client/db")
        self.assertEqual((got["SecretString"], got["VersionId"], got["VersionStages"]), ('{"user": "u"}', made["VersionId"], ["AWSCURRENT"]))
        put = secrets.put_secret_value(SecretId=made["ARN"], SecretBinary=b"\x00\xff")
        self.assertEqual(secrets.get_secret_value(SecretId="client/db")["SecretBinary"], b"\x00\xff")
        self.assertEqual(secrets.get_secret_value(SecretId="client/db", VersionStage="AWSPREVIOUS")["VersionId"], made["VersionId"])
        secrets.update_secret_version_stage(SecretId="client/db", VersionStage="AWSCURRENT",
                                            RemoveFromVersionId=put["VersionId"], MoveToVersionId=made["VersionId"])
        self.assertEqual(secrets.get_secret_value(SecretId="client/db")["SecretString"], '{"user": "u"}')
        secrets.update_secret(SecretId="client/db", Description="of the tests")
        secrets.tag_resource(SecretId="client/db", Tags=[{"Key": "stage", "Value": "test"}])
        secrets.untag_resource(SecretId="client/db", TagKeys=["team"])
        described = secrets.describe_secret(SecretId="client/db")
        self.assertEqual((described["Description"], described["Tags"]), ("of the tests", [{"Key": "stage", "Value": "test"}]))
        self.assertEqual(described["VersionIdsToStages"], {made["VersionId"]: ["AWSCURRENT"], put["VersionId"]: ["AWSPREVIOUS"]})
        self.assertEqual(len(secrets.list_secret_version_ids(SecretId="client/db")["Versions"]), 2)
        self.assertEqual([one["Name"] for one in secrets.list_secrets(Filters=[{"Key": "name", "Values": ["client/"]}])["SecretList"]], ["client/db"])
        batch = secrets.batch_get_secret_value(SecretIdList=["client/db", "client/none"])
        self.assertEqual((len(batch["SecretValues"]), batch["Errors"][0]["ErrorCode"]), (1, "ResourceNotFoundException"))
        with self.assertRaises(secrets.exceptions.ResourceExistsException):
            secrets.create_secret(Name="client/db", SecretString="other")
        secrets.delete_secret(SecretId="client/db", RecoveryWindowInDays=7)
        with self.assertRaises(secrets.exceptions.InvalidRequestException):
            secrets.get_secret_value(SecretId="client/db")
        secrets.restore_secret(SecretId="client/db")
        secrets.delete_secret(SecretId="client/db", ForceDeleteWithoutRecovery=True)
        with self.assertRaises(secrets.exceptions.ResourceNotFoundException):
            secrets.describe_secret(SecretId="client/db")

    def test_passwords_and_refusals(self):
        self.assertRegex(secrets.get_random_password(PasswordLength=20, ExcludePunctuation=True)["RandomPassword"], "^[A-Za-z0-9]{20}$")
        self.refused("ValidationException", secrets.create_secret, Name="a b", SecretString="x")
        self.refused("InvalidParameterException", secrets.delete_secret, SecretId="client/x", RecoveryWindowInDays=3)
        self.assertEqual(self.refused("ResourceNotFoundException", secrets.get_secret_value, SecretId="client/x"),
                         "Secrets Manager can't find the specified secret.")


if __name__ == "__main__":
    unittest.main()
