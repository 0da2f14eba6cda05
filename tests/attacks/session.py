"""A job's script that tries to do with its own session what no job may: approve, change identities, or get a session without
those bounds. Its role allows everything. Prints `name: refused (code)` or `name: DONE`. Arguments: role ARN, package ARN."""
import json
import os
import sys
import time
import urllib.request

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.exceptions

role, package, bucket = sys.argv[1:]
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
SPECIFICATION = {"Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://%s/model.tar.gz" % bucket}],
                 "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"AWS": "123456789012"}, "Action": "sts:AssumeRole"}]})
ALLOW_ALL = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]})


def attempt(name, act):
    try:
        found = act()
        print("%s: %s" % (name, "DONE %r" % (found,) if found else "refused (nothing done)"), flush=True)
    except botocore.exceptions.ClientError as error:
        print("%s: refused (%s)" % (name, error.response["Error"]["Code"]), flush=True)
    except Exception as error:
        print("%s: refused (%s %s)" % (name, type(error).__name__, error), flush=True)


def clients(credentials=None):
    more = {} if credentials is None else {
        "aws_access_key_id": credentials["AccessKeyId"], "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials["SessionToken"]}
    return tuple(boto3.client(service, **more) for service in ("sagemaker", "iam", "sts"))


def approve(sagemaker):
    return sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")


def register(sagemaker, status="Approved"):
    return sagemaker.create_model_package(
        ModelPackageGroupName="guarded", ModelApprovalStatus=status, InferenceSpecification=SPECIFICATION)["ModelPackageArn"]


sagemaker, iam, sts = clients()
print("acts as %s" % sts.get_caller_identity()["Arn"], flush=True)
attempt("approve", lambda: approve(sagemaker))
attempt("reject", lambda: sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Rejected"))
attempt("change the description", lambda: sagemaker.update_model_package(ModelPackageArn=package, ApprovalDescription="fine"))
attempt("register approved", lambda: register(sagemaker))
attempt("create role", lambda: iam.create_role(RoleName="intruder", AssumeRolePolicyDocument=TRUST))
attempt("give a role a policy", lambda: iam.put_role_policy(RoleName="mighty", PolicyName="more", PolicyDocument=ALLOW_ALL))
attempt("take a policy from a role", lambda: iam.delete_role_policy(RoleName="mighty", PolicyName="all"))
attempt("change who may assume a role", lambda: iam.update_assume_role_policy(RoleName="mighty", PolicyDocument=TRUST))
attempt("delete role", lambda: iam.delete_role(RoleName="mighty"))
attempt("tag role", lambda: iam.tag_role(RoleName="mighty", Tags=[{"Key": "a", "Value": "b"}]))
attempt("untag role", lambda: iam.untag_role(RoleName="mighty", TagKeys=["a"]))
attempt("attach policy", lambda: iam.attach_role_policy(RoleName="mighty", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"))
attempt("create user", lambda: iam.create_user(UserName="intruder"))
attempt("create access key", lambda: iam.create_access_key(UserName="admin"))
attempt("session token", lambda: sts.get_session_token())

# another session of a role that allows everything and trusts this account: its bounds are those of the job
for name, more in (("", {}), (" with a policy that allows all", {"Policy": ALLOW_ALL})):
    chained = sts.assume_role(RoleArn=role, RoleSessionName="chained", **more)["Credentials"]
    other_sagemaker, other_iam, other_sts = clients(chained)
    attempt("chained%s: approve" % name, lambda: approve(other_sagemaker))
    attempt("chained%s: register approved" % name, lambda: register(other_sagemaker))
    attempt("chained%s: create role" % name, lambda: other_iam.create_role(RoleName="intruder", AssumeRolePolicyDocument=TRUST))
    again = other_sts.assume_role(RoleArn=role, RoleSessionName="again")["Credentials"]
    attempt("chained twice%s: approve" % name, lambda: approve(clients(again)[0]))
attempt("assume a role that does not trust us",
        lambda: sts.assume_role(RoleArn=role.replace("mighty", "closed"), RoleSessionName="other"))

# through what a pipeline's role may do
STEP = {"Name": "Register", "Type": "RegisterModel", "Arguments": {
    "ModelPackageGroupName": "guarded", "ModelApprovalStatus": "Approved", "InferenceSpecification": SPECIFICATION}}
DEFINITION = {"Version": "2020-12-01", "Metadata": {}, "Parameters": [], "Steps": [STEP]}


def through_a_pipeline():
    sagemaker.create_pipeline(PipelineName="intruder", RoleArn=role, PipelineDefinition=json.dumps(DEFINITION),
                              ClientRequestToken="intruder" * 5)
    execution = sagemaker.start_pipeline_execution(PipelineName="intruder")["PipelineExecutionArn"]
    while True:
        described = sagemaker.describe_pipeline_execution(PipelineExecutionArn=execution)
        if described["PipelineExecutionStatus"] not in ("Executing", "Stopping"):
            return described["PipelineExecutionStatus"] == "Succeeded"
        time.sleep(0.05)


attempt("register approved through a pipeline", through_a_pipeline)
attempt("serve what is not approved", lambda: sagemaker.create_model(
    ModelName="unapproved", ExecutionRoleArn=role, PrimaryContainer={"ModelPackageName": package}))


# with the key and token mixed up
def with_credentials(**changes):
    own = boto3.Session().get_credentials().get_frozen_credentials()
    credentials = {"AccessKeyId": own.access_key, "SecretAccessKey": own.secret_key, "SessionToken": own.token}
    return clients({**credentials, **changes})[2].get_caller_identity()["Arn"]


attempt("another secret", lambda: with_credentials(SecretAccessKey="x" * 40))
attempt("another key id with our token", lambda: with_credentials(AccessKeyId="ASIA" + "A" * 16))
attempt("a token cut short", lambda: with_credentials(SessionToken=boto3.Session().get_credentials().token[:-8]))
attempt("no token", lambda: with_credentials(SessionToken=None))
attempt("the secret of an absent token", lambda: with_credentials(SessionToken="AQ" + "A" * 400))


def page_session():
    """The link that signs a user in to the page, made with our session."""
    request = botocore.awsrequest.AWSRequest("GET", os.environ["AWS_ENDPOINT_URL"] + "/_slipway/ui/session?nonce=x")
    botocore.auth.SigV4QueryAuth(boto3.Session().get_credentials(), "slipway", "us-east-1", expires=300).add_auth(request)
    with urllib.request.urlopen(request.url) as answer:
        return answer.status


attempt("sign in to the page", page_session)

# what the role allows goes on being allowed
print("registered %s" % register(sagemaker, "PendingManualApproval"), flush=True)
boto3.client("s3").put_object(Bucket=bucket, Key="model.tar.gz", Body=b"another model")
print("done", flush=True)
