"""A role that deploys models but may not approve them, and a session of it."""
import json

import boto3

role_name = "ModelDeployer"


def create():
    iam = boto3.client("iam")
    account = boto3.client("sts").get_caller_identity()["Account"]
    trust = {"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "sts:AssumeRole"}]}
    iam.create_role(RoleName=role_name, AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName=role_name, PolicyName="deploy", PolicyDocument=json.dumps({
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": ["sagemaker:*", "s3:*", "iam:PassRole"], "Resource": "*"},
            {"Effect": "Deny", "Action": "sagemaker:UpdateModelPackage", "Resource": "*"},
        ],
    }))


def assume():
    sts = boto3.client("sts")
    account = sts.get_caller_identity()["Account"]
    granted = sts.assume_role(RoleArn=f"arn:aws:iam::{account}:role/{role_name}", RoleSessionName="release")["Credentials"]
    return boto3.Session(
        aws_access_key_id=granted["AccessKeyId"], aws_secret_access_key=granted["SecretAccessKey"],
        aws_session_token=granted["SessionToken"])


if __name__ == "__main__":
    create()
