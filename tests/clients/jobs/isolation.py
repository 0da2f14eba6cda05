"""Runs intruder.py as a processing job while another job runs, and checks that it reached nothing. Arguments: data folder, pid."""
import os
import sys
import time

import boto3

data_folder, server_pid = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
account = boto3.client("sts").get_caller_identity()["Account"]
role = "arn:aws:iam::%s:role/SageMakerPipelineExecutionRole" % account
bucket = "sagemaker-us-east-1-" + account
sagemaker, s3, logs = boto3.client("sagemaker"), boto3.client("s3"), boto3.client("logs")

IMAGE = account + ".dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3"
CODE = "/opt/ml/processing/input/code"


def start(name, key, arguments, environment):
    sagemaker.create_processing_job(
        ProcessingJobName=name, RoleArn=role, Environment=environment,
        AppSpecification={"ImageUri": IMAGE, "ContainerEntrypoint": ["python3", CODE + "/" + key], "ContainerArguments": arguments},
        ProcessingResources={"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}},
        ProcessingInputs=[{"InputName": "code", "S3Input": {
            "S3Uri": "s3://%s/%s" % (bucket, key), "LocalPath": CODE, "S3DataType": "S3Prefix", "S3InputMode": "File"}}])


s3.put_object(Bucket=bucket, Key="other.py", Body=b"import time; open('/opt/ml/secret', 'w').write('x'); print('ready', flush=True); time.sleep(600)")
with open(os.path.join(here, "intruder.py"), "rb") as script:
    s3.put_object(Bucket=bucket, Key="intruder.py", Body=script.read())
s3.put_object(Bucket=bucket, Key="model.tar.gz", Body=b"model")
sagemaker.create_model_package_group(ModelPackageGroupName="guarded")
package = sagemaker.create_model_package(ModelPackageGroupName="guarded", ModelApprovalStatus="PendingManualApproval", InferenceSpecification={
    "Containers": [{"Image": IMAGE, "ModelDataUrl": "s3://%s/model.tar.gz" % bucket}],
    "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]})["ModelPackageArn"]

start("other", "other.py", ["-"], {"OF_THE_OTHER_JOB": "secret"})
while "ProcessingStartTime" not in sagemaker.describe_processing_job(ProcessingJobName="other"):
    time.sleep(0.1)
start("intruder", "intruder.py", [data_folder, os.environ["HOME_OF_SERVER"], server_pid, package], {"COLOUR": "blue"})
sagemaker.get_waiter("processing_job_completed_or_stopped").wait(ProcessingJobName="intruder", WaiterConfig={"Delay": 1})
stream = logs.describe_log_streams(logGroupName="/aws/sagemaker/ProcessingJobs", logStreamNamePrefix="intruder/")["logStreams"][0]
events = logs.get_log_events(logGroupName="/aws/sagemaker/ProcessingJobs", logStreamName=stream["logStreamName"], startFromHead=True)["events"]
lines = [event["message"] for event in events]
print("\n".join(lines))
job = sagemaker.describe_processing_job(ProcessingJobName="intruder")
assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
assert len([line for line in lines if ": refused" in line]) == 10, "ten attempts are refused"
assert not [line for line in lines if "REACHED" in line]
assert lines[-1] == "allowed: PendingManualApproval", "what the role allows stays allowed"
assert sagemaker.list_processing_jobs(StatusEquals="InProgress")["ProcessingJobSummaries"][0]["ProcessingJobName"] == "other"
sagemaker.stop_processing_job(ProcessingJobName="other")
sagemaker.get_waiter("processing_job_completed_or_stopped").wait(ProcessingJobName="other", WaiterConfig={"Delay": 1})
assert sagemaker.describe_processing_job(ProcessingJobName="other")["ProcessingJobStatus"] == "Stopped"
sagemaker.delete_processing_job(ProcessingJobName="other")
