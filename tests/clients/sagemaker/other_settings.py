"""Under `roles: strict` and `approval: open`."""
import json
import unittest

import boto3

from account import ACCOUNT, BUCKET, ROLE, XGBOOST, create_pipeline, error_of, log_of, processing_step, put, sagemaker, settled_processing, start_processing

OTHER = f"arn:aws:iam::{ACCOUNT}:role/NobodyMadeThis"
LOOK = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])"


class Roles(unittest.TestCase):
    def test_a_role_that_does_not_exist_is_refused(self):
        for call, arguments in [
            (start_processing, {"name": "strict-refused", "script": "pass", "RoleArn": OTHER}),
            (sagemaker.create_model, {"ModelName": "strict-refused", "ExecutionRoleArn": OTHER, "PrimaryContainer": {"Image": XGBOOST}}),
            (sagemaker.create_pipeline, {"PipelineName": "strict-refused", "RoleArn": OTHER, "ClientRequestToken": "t" * 32,
                                         "PipelineDefinition": "{}"}),
        ]:
            code, message = error_of(call, **arguments)
            self.assertIn(code, ("ValidationException", "AccessDeniedException"), message)
            self.assertIn("NobodyMadeThis", message)

    def test_one_that_exists_is_itself(self):
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
        boto3.client("iam").create_role(RoleName="Analyst", AssumeRolePolicyDocument=json.dumps(trust))
        boto3.client("iam").put_role_policy(RoleName="Analyst", PolicyName="read", PolicyDocument=json.dumps({
            "Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject", "s3:ListBucket", "logs:*"], "Resource": "*"}]}))
        script = LOOK + f"\ntry: boto3.client('s3').put_object(Bucket='{BUCKET}', Key='analyst', Body=b'')\nexcept Exception as error: print(error)"
        start_processing("strict-analyst", script, RoleArn=f"arn:aws:iam::{ACCOUNT}:role/Analyst")
        self.assertEqual(settled_processing("strict-analyst")["ProcessingJobStatus"], "Completed")
        who, denied = log_of("ProcessingJobs", "strict-analyst")[-2:]
        self.assertIn("assumed-role/Analyst/", who)
        self.assertIn("AccessDenied", denied)

    def test_a_role_that_does_not_trust_the_service(self):
        trust = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}]}
        boto3.client("iam").create_role(RoleName="People", AssumeRolePolicyDocument=json.dumps(trust))
        role = f"arn:aws:iam::{ACCOUNT}:role/People"
        start_processing("strict-untrusting", "pass", RoleArn=role)
        job = settled_processing("strict-untrusting")
        self.assertEqual(job["ProcessingJobStatus"], "Failed")
        self.assertIn("role/People", job["FailureReason"])


class Approval(unittest.TestCase):
    def test_open_lets_pending_versions_be_modelled(self):
        put("open/model.tar.gz", b"x")
        sagemaker.create_model_package_group(ModelPackageGroupName="open")
        arn = sagemaker.create_model_package(ModelPackageGroupName="open", InferenceSpecification={
            "Containers": [{"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/open/model.tar.gz"}],
            "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]})["ModelPackageArn"]
        self.assertEqual(sagemaker.describe_model_package(ModelPackageName=arn)["ModelApprovalStatus"], "PendingManualApproval")
        sagemaker.create_model(ModelName="open", ExecutionRoleArn=ROLE, Containers=[{"ModelPackageName": arn}])


if __name__ == "__main__":
    unittest.main()
