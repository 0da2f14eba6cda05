"""A job's script that tries what it must not reach, one line `name: refused` or `name: REACHED` each. Needs boto3."""
import os
import sys
import urllib.request

import boto3

data_folder, home, server_pid, package = sys.argv[1:]


def attempt(name, act):
    try:
        found = act()
        print("%s: %s" % (name, "REACHED %r" % (found,) if found else "refused"), flush=True)
    except Exception as error:
        print("%s: refused (%s)" % (name, type(error).__name__), flush=True)


def other_environments():
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            text = open("/proc/%s/environ" % name, "rb").read()
            if b"OF_THE_OTHER_JOB" in text or b"SLIPWAY_CACHE" in text:
                found.append(name)
    return found


def other_jobs():
    runs = os.path.join(data_folder, "runs")
    return [name for name in os.listdir(runs)]


CONTAINER = {"Image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1", "ModelDataUrl": "s3://bucket/model.tar.gz"}
SPECIFICATION = {"Containers": [CONTAINER], "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}

sagemaker, iam = boto3.client("sagemaker"), boto3.client("iam")
attempt("data folder", lambda: os.listdir(data_folder))
attempt("other job", other_jobs)
attempt("environments", other_environments)
attempt("credentials file", lambda: os.listdir(os.path.join(home, ".aws")))
attempt("signal", lambda: os.kill(int(server_pid), 0) or "signalled")
attempt("page", lambda: urllib.request.urlopen(os.environ["AWS_ENDPOINT_URL"] + "/_slipway/ui").read())
attempt("approve", lambda: sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved"))
attempt("register approved", lambda: sagemaker.create_model_package(
    ModelPackageGroupName="guarded", ModelApprovalStatus="Approved", InferenceSpecification=SPECIFICATION))
attempt("role", lambda: iam.create_role(RoleName="intruder", AssumeRolePolicyDocument="{}"))
attempt("role policy", lambda: iam.put_role_policy(RoleName="SageMakerPipelineExecutionRole", PolicyName="all", PolicyDocument="{}"))
print("allowed:", sagemaker.describe_model_package(ModelPackageName=package)["ModelApprovalStatus"])
