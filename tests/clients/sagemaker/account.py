"""What the programs of this folder share: clients, names, and small jobs made by plain calls."""
import hashlib
import json
import time

import boto3
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
REGION = "us-east-1"
BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerPipelineExecutionRole"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
PYTHON = f"{REGISTRY}/python:3.11"
XGBOOST = f"683313688378.dkr.ecr.{REGION}.amazonaws.com/sagemaker-xgboost:1.7-1"

sagemaker = boto3.client("sagemaker")
s3 = boto3.client("s3")
logs = boto3.client("logs")

CLUSTER = {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}}


def error_of(call, **arguments):
    """The error a call is refused with: (code, message)."""
    try:
        answer = call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    raise AssertionError(f"not refused: {answer}")


def put(key, body):
    s3.put_object(Bucket=BUCKET, Key=key, Body=body if isinstance(body, bytes) else body.encode())
    return f"s3://{BUCKET}/{key}"


def get(uri):
    bucket, key = uri.removeprefix("s3://").split("/", 1)
    return s3.get_object(Bucket=bucket, Key=key)["Body"].read()


def keys_under(uri):
    bucket, prefix = uri.removeprefix("s3://").split("/", 1)
    return [entry["Key"][len(prefix):] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]


CODE = "/opt/ml/processing/input/code"


def script_uri(script):
    """A script in S3, in a folder of its own."""
    return put(f"scripts/{hashlib.sha256(script.encode()).hexdigest()[:16]}/run.py", script)


def processing(script, inputs=None, outputs=None, **more):
    """The members of a processing request that runs a Python script; inputs and outputs are name -> S3 URI."""
    places = {name: (uri, f"/opt/ml/processing/in/{name}") for name, uri in (inputs or {}).items()}
    places["code"] = (script_uri(script), CODE)
    request = {
        "RoleArn": ROLE,
        "ProcessingResources": CLUSTER,
        "AppSpecification": {"ImageUri": PYTHON, "ContainerEntrypoint": ["python3", f"{CODE}/run.py"]},
        "ProcessingInputs": [
            {"InputName": name, "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"}}
            for name, (uri, path) in places.items()],
        "ProcessingOutputConfig": {"Outputs": [
            {"OutputName": name, "S3Output": {
                "S3Uri": uri, "LocalPath": f"/opt/ml/processing/out/{name}", "S3UploadMode": "EndOfJob"}}
            for name, uri in (outputs or {}).items()]},
    }
    return {**request, **more}


def start_processing(name, script, inputs=None, outputs=None, **more):
    return sagemaker.create_processing_job(ProcessingJobName=name, **processing(script, inputs, outputs, **more))["ProcessingJobArn"]


def settled(describe, status, busy, **name):
    """Asks until the status is none of `busy`; the last answer. Waiters ask once a minute and call a failure an error."""
    while True:
        answer = describe(**name)
        if answer[status] not in busy:
            return answer
        time.sleep(0.2)


def settled_processing(name):
    return settled(sagemaker.describe_processing_job, "ProcessingJobStatus", ("InProgress", "Stopping"), ProcessingJobName=name)


def settled_training(name):
    return settled(sagemaker.describe_training_job, "TrainingJobStatus", ("InProgress", "Stopping"), TrainingJobName=name)


def log_of(kind, name):
    group = f"/aws/sagemaker/{kind}"
    stream = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"][0]["logStreamName"]
    return [event["message"] for event in logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]]


def definition(steps, parameters=()):
    return json.dumps({"Version": "2020-12-01", "Metadata": {}, "Parameters": list(parameters), "PipelineExperimentConfig": None, "Steps": steps})


def processing_step(name, script, **more):
    """A step that runs a Python script; `outputs` as in `processing`."""
    outputs = more.pop("outputs", None)
    return {"Name": name, "Type": "Processing", "Arguments": processing(script, outputs=outputs), **more}


def create_pipeline(name, steps, parameters=(), **more):
    return sagemaker.create_pipeline(
        PipelineName=name, RoleArn=ROLE, PipelineDefinition=definition(steps, parameters), ClientRequestToken=f"create-{name}".ljust(32, "-"),
        **more)["PipelineArn"]


def start(pipeline, token=None, **parameters):
    return sagemaker.start_pipeline_execution(
        PipelineName=pipeline, PipelineParameters=[{"Name": name, "Value": value} for name, value in parameters.items()],
        **({"ClientRequestToken": token} if token else {}))["PipelineExecutionArn"]


def settled_execution(arn):
    return settled(sagemaker.describe_pipeline_execution, "PipelineExecutionStatus", ("Executing", "Stopping"), PipelineExecutionArn=arn)


def steps_of(arn):
    pages = sagemaker.get_paginator("list_pipeline_execution_steps").paginate(PipelineExecutionArn=arn, SortOrder="Ascending")
    return {step["StepName"]: step for page in pages for step in page["PipelineExecutionSteps"]}
