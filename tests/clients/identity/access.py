"""Users, groups, managed policies and access keys through boto3: each change counts in the very next call."""
import json
import unittest

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
iam = boto3.client("iam")


def policy(effect, *actions):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": effect, "Action": list(actions), "Resource": "*"}]})


def session_of(key):
    return boto3.session.Session(aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])


class Access(unittest.TestCase):
    def refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as refusal:
            call(**arguments)
        self.assertEqual(refusal.exception.response["Error"]["Code"], code)
        return refusal.exception.response["Error"]["Message"]

    def test_a_key_from_its_first_to_its_last_moment(self):
        iam.create_user(UserName="client-key", Tags=[{"Key": "team", "Value": "a"}])
        key = iam.create_access_key(UserName="client-key")["AccessKey"]
        sts = session_of(key).client("sts")
        self.assertEqual(sts.get_caller_identity()["Arn"], f"arn:aws:iam::{ACCOUNT}:user/client-key")
        sagemaker, runtime = session_of(key).client("sagemaker"), session_of(key).client("sagemaker-runtime", config=Config(retries={"total_max_attempts": 1}))
        self.refused("AccessDeniedException", sagemaker.list_pipelines)
        iam.attach_user_policy(UserName="client-key", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
        self.assertEqual(sagemaker.list_pipelines(MaxResults=1)["ResponseMetadata"]["HTTPStatusCode"], 200)
        invoke = {"EndpointName": "client-none", "Body": b"1"}
        self.refused("ValidationError", runtime.invoke_endpoint, **invoke)
        iam.put_user_policy(UserName="client-key", PolicyName="no", PolicyDocument=policy("Deny", "sagemaker:*"))
        self.refused("AccessDeniedException", sagemaker.list_pipelines)
        self.refused("AccessDeniedException", runtime.invoke_endpoint, **invoke)
        iam.update_access_key(UserName="client-key", AccessKeyId=key["AccessKeyId"], Status="Inactive")
        self.refused("InvalidClientTokenId", sts.get_caller_identity)
        self.refused("UnrecognizedClientException", runtime.invoke_endpoint, **invoke)
        self.assertEqual([one["Status"] for one in iam.list_access_keys(UserName="client-key")["AccessKeyMetadata"]], ["Inactive"])
        self.refused("DeleteConflict", iam.delete_user, UserName="client-key")
        iam.delete_access_key(UserName="client-key", AccessKeyId=key["AccessKeyId"])
        iam.detach_user_policy(UserName="client-key", PolicyArn="arn:aws:iam::aws:policy/AmazonSageMakerFullAccess")
        self.assertEqual(iam.list_user_policies(UserName="client-key")["PolicyNames"], ["no"])
        self.assertEqual(iam.get_user_policy(UserName="client-key", PolicyName="no")["PolicyDocument"]["Statement"][0]["Effect"], "Deny")
        self.assertEqual(iam.list_attached_user_policies(UserName="client-key")["AttachedPolicies"], [])
        iam.delete_user_policy(UserName="client-key", PolicyName="no")
        self.assertEqual(iam.list_user_tags(UserName="client-key")["Tags"], [{"Key": "team", "Value": "a"}])
        iam.delete_user(UserName="client-key")
        with self.assertRaises(iam.exceptions.NoSuchEntityException):
            iam.get_user(UserName="client-key")

    def test_groups_and_policies(self):
        arn = iam.create_policy(PolicyName="client-logs", PolicyDocument=policy("Allow", "logs:Describe*"))["Policy"]["Arn"]
        iam.create_group(GroupName="client-readers")
        iam.attach_group_policy(GroupName="client-readers", PolicyArn=arn)
        iam.create_user(UserName="client-reader")
        iam.add_user_to_group(GroupName="client-readers", UserName="client-reader")
        logs = session_of(iam.create_access_key(UserName="client-reader")["AccessKey"]).client("logs")
        logs.describe_log_groups()
        version = iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy("Allow", "logs:Get*"), SetAsDefault=True)["PolicyVersion"]
        self.refused("AccessDeniedException", logs.describe_log_groups)
        document = iam.get_policy_version(PolicyArn=arn, VersionId=version["VersionId"])["PolicyVersion"]["Document"]
        self.assertEqual(document["Statement"][0]["Action"], ["logs:Get*"])
        iam.set_default_policy_version(PolicyArn=arn, VersionId="v1")
        logs.describe_log_groups()
        iam.put_group_policy(GroupName="client-readers", PolicyName="p", PolicyDocument=policy("Allow", "logs:Get*"))
        self.assertEqual(iam.list_group_policies(GroupName="client-readers")["PolicyNames"], ["p"])
        self.assertEqual(iam.get_group_policy(GroupName="client-readers", PolicyName="p")["PolicyDocument"]["Statement"][0]["Action"], ["logs:Get*"])
        iam.delete_group_policy(GroupName="client-readers", PolicyName="p")
        self.assertEqual([one["PolicyArn"] for one in iam.list_attached_group_policies(GroupName="client-readers")["AttachedPolicies"]], [arn])
        self.assertIn("client-readers", [one["GroupName"] for one in iam.list_groups()["Groups"]])
        self.assertEqual(len(iam.list_policy_versions(PolicyArn=arn)["Versions"]), 2)
        iam.tag_policy(PolicyArn=arn, Tags=[{"Key": "a", "Value": "b"}])
        iam.untag_policy(PolicyArn=arn, TagKeys=["a"])
        self.assertEqual(iam.list_policy_tags(PolicyArn=arn)["Tags"], [])
        self.assertEqual(iam.get_policy(PolicyArn=arn)["Policy"]["AttachmentCount"], 1)
        iam.tag_user(UserName="client-reader", Tags=[{"Key": "a", "Value": "b"}])
        iam.untag_user(UserName="client-reader", TagKeys=["a"])
        iam.update_user(UserName="client-reader", NewPath="/readers/")
        self.assertEqual(iam.get_user(UserName="client-reader")["User"]["Path"], "/readers/")
        iam.update_user(UserName="client-reader", NewPath="/")
        self.assertIn("client-reader", [one["UserName"] for one in iam.list_users()["Users"]])
        custom = iam.simulate_custom_policy(PolicyInputList=[policy("Deny", "s3:*")], ActionNames=["s3:GetObject"])
        self.assertEqual(custom["EvaluationResults"][0]["EvalDecision"], "explicitDeny")
        decisions = iam.simulate_principal_policy(
            PolicySourceArn=f"arn:aws:iam::{ACCOUNT}:user/client-reader", ActionNames=["logs:DescribeLogGroups", "s3:GetObject"])
        self.assertEqual([one["EvalDecision"] for one in decisions["EvaluationResults"]], ["allowed", "implicitDeny"])
        self.assertEqual([one["UserName"] for one in iam.get_group(GroupName="client-readers")["Users"]], ["client-reader"])
        self.assertEqual([one["GroupName"] for one in iam.list_groups_for_user(UserName="client-reader")["Groups"]], ["client-readers"])
        self.assertEqual([one["GroupName"] for one in iam.list_entities_for_policy(PolicyArn=arn)["PolicyGroups"]], ["client-readers"])
        self.assertEqual([one["Arn"] for one in iam.list_policies(Scope="Local")["Policies"]], [arn])
        iam.update_group(GroupName="client-readers", NewGroupName="client-renamed")
        logs.describe_log_groups()
        iam.update_group(GroupName="client-renamed", NewGroupName="client-readers")
        self.refused("DeleteConflict", iam.delete_policy, PolicyArn=arn)
        iam.remove_user_from_group(GroupName="client-readers", UserName="client-reader")
        self.refused("AccessDeniedException", logs.describe_log_groups)
        iam.detach_group_policy(GroupName="client-readers", PolicyArn=arn)
        iam.delete_policy_version(PolicyArn=arn, VersionId=version["VersionId"])
        iam.delete_policy(PolicyArn=arn)
        iam.delete_group(GroupName="client-readers")

    def test_a_role_by_managed_policies(self):
        trust = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}]})
        iam.create_role(RoleName="client-managed", AssumeRolePolicyDocument=trust)
        iam.attach_role_policy(RoleName="client-managed", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
        self.assertEqual([one["PolicyName"] for one in iam.list_attached_role_policies(RoleName="client-managed")["AttachedPolicies"]],
                         ["AmazonS3ReadOnlyAccess"])
        credentials = boto3.client("sts").assume_role(RoleArn=f"arn:aws:iam::{ACCOUNT}:role/client-managed", RoleSessionName="me")["Credentials"]
        s3 = boto3.client("s3", aws_access_key_id=credentials["AccessKeyId"], aws_secret_access_key=credentials["SecretAccessKey"],
                          aws_session_token=credentials["SessionToken"])
        s3.list_buckets()
        self.refused("AccessDenied", s3.create_bucket, Bucket="client-managed")
        self.refused("NoSuchEntity", iam.attach_role_policy, RoleName="client-managed", PolicyArn="arn:aws:iam::aws:policy/NoSuchPolicy")
        iam.detach_role_policy(RoleName="client-managed", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
        self.refused("AccessDenied", s3.list_buckets)
        iam.update_role(RoleName="client-managed", Description="of the tests", MaxSessionDuration=7200)
        self.assertEqual(iam.get_role(RoleName="client-managed")["Role"]["MaxSessionDuration"], 7200)
        self.assertEqual(iam.list_instance_profiles_for_role(RoleName="client-managed")["InstanceProfiles"], [])
        self.assertEqual(iam.list_account_aliases()["AccountAliases"], [])
        iam.delete_role(RoleName="client-managed")


if __name__ == "__main__":
    unittest.main()
