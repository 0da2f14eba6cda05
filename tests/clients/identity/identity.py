"""STS and IAM through boto3: who am I, roles, sessions, and refusals in each protocol's words."""
import json
import unittest
import urllib.error
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
BUCKET = f"sagemaker-us-east-1-{ACCOUNT}"
iam = boto3.client("iam")
sts = boto3.client("sts")


def trust(principal):
    return json.dumps({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}],
    })


def policy(*actions):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]})


def session_of(role, **options):
    credentials = sts.assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/{role}", RoleSessionName="me", **options)["Credentials"]
    return boto3.session.Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


class Identity(unittest.TestCase):
    def refused(self, code, status, call, **arguments):
        with self.assertRaises(ClientError) as refusal:
            call(**arguments)
        answer = refusal.exception.response
        self.assertEqual((answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"]), (code, status))
        self.assertTrue(answer["ResponseMetadata"]["RequestId"])
        return answer["Error"]["Message"]

    def make_role(self, name, *actions):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}), Tags=[{"Key": "team", "Value": "a b"}])
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=policy(*actions))
        self.addCleanup(self.remove_role, name)

    def remove_role(self, name):
        try:
            for policy_name in iam.list_role_policies(RoleName=name)["PolicyNames"]:
                iam.delete_role_policy(RoleName=name, PolicyName=policy_name)
            iam.delete_role(RoleName=name)
        except iam.exceptions.NoSuchEntityException:
            pass

    def test_callers(self):
        caller = sts.get_caller_identity()
        self.assertEqual((caller["Account"], caller["Arn"]), (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/admin"))
        self.assertEqual(iam.get_user()["User"]["UserId"], caller["UserId"])

    def test_roles(self):
        self.make_role("client-role", "s3:*")
        role = iam.get_role(RoleName="client-role")["Role"]
        self.assertEqual(role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"], {"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
        self.assertEqual(role["Tags"], [{"Key": "team", "Value": "a b"}])
        self.assertEqual(iam.get_role_policy(RoleName="client-role", PolicyName="p")["PolicyDocument"], json.loads(policy("s3:*")))
        self.assertEqual(iam.list_attached_role_policies(RoleName="client-role")["AttachedPolicies"], [])
        iam.tag_role(RoleName="client-role", Tags=[{"Key": "more", "Value": "é"}])
        iam.untag_role(RoleName="client-role", TagKeys=["team"])
        self.assertEqual(iam.list_role_tags(RoleName="client-role")["Tags"], [{"Key": "more", "Value": "é"}])
        iam.update_assume_role_policy(RoleName="client-role", PolicyDocument=trust({"Service": "sagemaker.amazonaws.com"}))
        names = [role["RoleName"] for page in iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1}) for role in page["Roles"]]
        self.assertEqual(names, ["SageMakerPipelineExecutionRole", "client-role"])
        self.refused("EntityAlreadyExists", 409, iam.create_role, RoleName="client-role", AssumeRolePolicyDocument=trust("*"))
        self.refused("MalformedPolicyDocument", 400, iam.put_role_policy, RoleName="client-role", PolicyName="q", PolicyDocument="{}")
        for action in "s3:GetObject", "sts:BadAssumeRole":
            statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": ["sts:AssumeRole", action]}
            self.refused("MalformedPolicyDocument", 400, iam.update_assume_role_policy, RoleName="client-role",
                         PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        self.refused("DeleteConflict", 409, iam.delete_role, RoleName="client-role")
        self.refused("NoSuchEntity", 404, iam.get_role, RoleName="none")
        self.refused("ValidationError", 400, iam.get_role, RoleName="/")
        self.refused("NotImplementedException", 501, iam.list_virtual_mfa_devices)

    def test_sessions(self):
        self.make_role("worker", "s3:*", "sagemaker:List*")
        worker = session_of("worker")
        self.assertEqual(worker.client("sts").get_caller_identity()["Arn"], f"arn:aws:sts::{ACCOUNT}:assumed-role/worker/me")
        s3 = worker.client("s3")
        s3.put_object(Bucket=BUCKET, Key="who/ü a+b", Body=b"worker")
        for version in ("s3", "s3v4"):
            presigning = worker.client("s3", config=Config(signature_version=version))
            url = presigning.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "who/ü a+b"})
            self.assertEqual(urllib.request.urlopen(url).read(), b"worker")
            with self.assertRaises(urllib.error.HTTPError) as refusal:
                urllib.request.urlopen(url.replace("a%2Bb", "a%2Bc"))
            self.assertEqual(refusal.exception.code, 403)
        worker.client("sagemaker").list_model_packages()
        message = self.refused("AccessDeniedException", 400, worker.client("sagemaker").delete_model_package_group, ModelPackageGroupName="g")
        self.assertEqual(
            message,
            f"User: arn:aws:sts::{ACCOUNT}:assumed-role/worker/me is not authorized to perform: sagemaker:DeleteModelPackageGroup on resource: "
            f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:model-package-group/g because no identity-based policy allows the "
            "sagemaker:DeleteModelPackageGroup action",
        )
        self.refused("AccessDenied", 403, worker.client("iam").list_roles)
        narrow = session_of("worker", Policy=policy("sagemaker:*"))
        self.refused("AccessDenied", 403, narrow.client("s3").get_object, Bucket=BUCKET, Key="who/ü a+b")
        self.remove_role("worker")
        self.refused("InvalidClientTokenId", 403, worker.client("sts").get_caller_identity)
        self.refused("UnrecognizedClientException", 400, worker.client("sagemaker").list_model_packages)
        self.refused("InvalidToken", 400, s3.list_buckets)

    def test_refusals(self):
        forger = boto3.session.Session(aws_access_key_id=boto3.session.Session().get_credentials().access_key, aws_secret_access_key="wrong")
        self.refused("SignatureDoesNotMatch", 403, forger.client("sts").get_caller_identity)
        self.refused("SignatureDoesNotMatch", 403, forger.client("s3").put_object, Bucket=BUCKET, Key="k", Body=b"x")
        self.refused("InvalidSignatureException", 400, forger.client("sagemaker").list_model_packages)
        self.refused("InvalidSignatureException", 403, forger.client("sagemaker-runtime").invoke_endpoint, EndpointName="e", Body=b"1")
        stranger = boto3.session.Session(aws_access_key_id="AKIAIOSFODNN7EXAMPLE", aws_secret_access_key="x")
        self.refused("InvalidAccessKeyId", 403, stranger.client("s3").list_buckets)
        self.refused("NotImplementedException", 501, boto3.client("lambda").list_code_signing_configs)
        self.refused("NotImplementedException", 501, boto3.client("cloudformation").list_stacks)
        iam.create_role(RoleName="of-a-service", AssumeRolePolicyDocument=trust({"Service": "sagemaker.amazonaws.com"}))
        self.addCleanup(self.remove_role, "of-a-service")
        message = self.refused("AccessDenied", 403, sts.assume_role, RoleArn=f"arn:aws:iam::{ACCOUNT}:role/of-a-service", RoleSessionName="me")
        self.assertIn("is not authorized to perform: sts:AssumeRole on resource", message)


if __name__ == "__main__":
    unittest.main()
