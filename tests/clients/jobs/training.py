"""Built-in XGBoost by plain calls: data up, train, wait, metrics, model down; then a job that fails and one that is stopped."""
import io
import random
import tarfile

import boto3
from botocore.exceptions import ClientError

account = boto3.client("sts").get_caller_identity()["Account"]
role = "arn:aws:iam::%s:role/SageMakerPipelineExecutionRole" % account
bucket = "sagemaker-us-east-1-" + account
sagemaker, s3 = boto3.client("sagemaker"), boto3.client("s3")

generator = random.Random(7)
rows = [[generator.random() for _ in range(4)] for _ in range(400)]
text = "\n".join("%.4f,%s" % (sum(row), ",".join("%.4f" % value for value in row)) for row in rows)
for channel in ("train", "validation"):
    s3.put_object(Bucket=bucket, Key="sums/%s/rows.csv" % channel, Body=text.encode())


def start(name, parameters, channels=("train", "validation"), seconds=600):
    sagemaker.create_training_job(
        TrainingJobName=name, RoleArn=role, HyperParameters=parameters,
        AlgorithmSpecification={"TrainingImage": account + ".dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1", "TrainingInputMode": "File"},
        InputDataConfig=[{"ChannelName": channel, "ContentType": "text/csv", "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": "s3://%s/sums/%s" % (bucket, channel), "S3DataDistributionType": "FullyReplicated"}}}
            for channel in channels],
        OutputDataConfig={"S3OutputPath": "s3://%s/models" % bucket}, StoppingCondition={"MaxRuntimeInSeconds": seconds},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}, Tags=[{"Key": "team", "Value": "a"}])


def wait(name):
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=name, WaiterConfig={"Delay": 1})
    return sagemaker.describe_training_job(TrainingJobName=name)


start("sums", {"num_round": "20", "objective": "reg:squarederror"})
job = wait("sums")
assert job["SecondaryStatus"] == "Completed", job.get("FailureReason")
metrics = {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}
assert 0 < metrics["validation:rmse"] < 0.3, metrics
location = job["ModelArtifacts"]["S3ModelArtifacts"]
assert location == "s3://%s/models/sums/output/model.tar.gz" % bucket
archive = s3.get_object(Bucket=bucket, Key="models/sums/output/model.tar.gz")["Body"].read()
assert tarfile.open(fileobj=io.BytesIO(archive)).getnames() == ["xgboost-model"]
assert sagemaker.list_tags(ResourceArn=job["TrainingJobArn"])["Tags"] == [{"Key": "team", "Value": "a"}]

start("wrong", {"num_round": "0"})
try:
    wait("wrong")
except Exception:
    pass  # the waiter calls a failed job an error
wrong = sagemaker.describe_training_job(TrainingJobName="wrong")
assert wrong["TrainingJobStatus"] == "Failed" and "num_round" in wrong["FailureReason"], wrong["FailureReason"]
assert wrong["FailureReason"].startswith("AlgorithmError: ") and wrong["FailureReason"].endswith(", exit code: 1"), wrong["FailureReason"]

start("long", {"num_round": "10000000", "objective": "reg:squarederror"})
sagemaker.stop_training_job(TrainingJobName="long")
assert wait("long")["TrainingJobStatus"] == "Stopped"
try:
    sagemaker.stop_training_job(TrainingJobName="long")
    raise SystemExit("a stopped job was stopped again")
except ClientError as error:
    assert error.response["Error"]["Code"] == "ValidationException"
names = [job["TrainingJobName"] for job in sagemaker.list_training_jobs(SortBy="Name", SortOrder="Ascending")["TrainingJobSummaries"]]
assert names == ["long", "sums", "wrong"], names
sagemaker.delete_training_job(TrainingJobName="long")
