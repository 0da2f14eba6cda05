"""Jobs on several hosts and the ways data comes and goes: one model of two hosts, checkpoints, pipes, folds, continuous outputs."""
import io
import random
import tarfile
import time

import boto3

account = boto3.client("sts").get_caller_identity()["Account"]
role = "arn:aws:iam::%s:role/SageMakerPipelineExecutionRole" % account
bucket = "sagemaker-us-east-1-" + account
sagemaker, s3, logs = boto3.client("sagemaker"), boto3.client("s3"), boto3.client("logs")
image = account + ".dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"

generator = random.Random(7)
rows = [[generator.random() for _ in range(4)] for _ in range(800)]
lines = ["%.4f,%s" % (sum(row), ",".join("%.4f" % value for value in row)) for row in rows]
for part in range(4):
    s3.put_object(Bucket=bucket, Key="sums/train/part-%d.csv" % part, Body="".join(line + "\n" for line in lines[part::4]).encode())


def channel(name, **more):
    source = {"S3DataType": "S3Prefix", "S3Uri": "s3://%s/sums/train/" % bucket, "S3DataDistributionType": more.pop("distribution", "FullyReplicated")}
    return {"ChannelName": name, "ContentType": "text/csv", "DataSource": {"S3DataSource": source}, **more}


def train(name, parameters, hosts=1, channels=None, **more):
    sagemaker.create_training_job(
        TrainingJobName=name, RoleArn=role, HyperParameters={"objective": "reg:squarederror", **parameters},
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"}, InputDataConfig=channels or [channel("train")],
        OutputDataConfig={"S3OutputPath": "s3://%s/models" % bucket}, StoppingCondition={"MaxRuntimeInSeconds": 600},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": hosts, "VolumeSizeInGB": 1}, **more)
    sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName=name, WaiterConfig={"Delay": 1})
    job = sagemaker.describe_training_job(TrainingJobName=name)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    return job


def rounds(name, host="algo-1"):
    """The rounds in a host's log."""
    group = "/aws/sagemaker/TrainingJobs"
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="%s/%s-" % (name, host))["logStreams"]
    assert len(streams) == 1, streams
    events = logs.get_log_events(logGroupName=group, logStreamName=streams[0]["logStreamName"], startFromHead=True)["events"]
    return [event["message"].split("]")[0][1:] for event in events if event["message"].startswith("[") and "rmse" in event["message"]]


def members(name):
    archive = s3.get_object(Bucket=bucket, Key="models/%s/output/model.tar.gz" % name)["Body"].read()
    return tarfile.open(fileobj=io.BytesIO(archive)).getnames()


def rmse(job):
    return {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}["train:rmse"]


# one model of two hosts, each with its own half of the data, as good as one host's
alone = train("alone", {"num_round": "20"})
pair = train("pair", {"num_round": "20"}, hosts=2, channels=[channel("train", distribution="ShardedByS3Key")])
assert rmse(pair) < rmse(alone) * 1.5, (rmse(pair), rmse(alone))
assert members("pair") == ["xgboost-model"] and len(rounds("pair")) == 20 and rounds("pair", "algo-2") == []

# checkpoints: the second job goes on where the first ended
checkpoints = {"S3Uri": "s3://%s/checkpoints/sums" % bucket}
train("first", {"num_round": "3"}, CheckpointConfig=checkpoints)
kept = [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix="checkpoints/sums/")["Contents"]]
assert kept == ["checkpoints/sums/xgboost-checkpoint.%d" % number for number in range(3)], kept
train("second", {"num_round": "5"}, CheckpointConfig=checkpoints, RetryStrategy={"MaximumRetryAttempts": 2})
assert rounds("second") == ["3", "4"], rounds("second")
assert sagemaker.describe_training_job(TrainingJobName="second")["CheckpointConfig"] == checkpoints

# pipes give the same rows as files; folds a model each
assert abs(rmse(train("piped", {"num_round": "20"}, channels=[channel("train", InputMode="Pipe")])) - rmse(alone)) < 1e-4
train("folds", {"num_round": "2", "_kfold": "2"})
assert members("folds") == ["xgboost-model-0", "xgboost-model-1"]

# a processing job on two hosts whose output can be read while it runs
script = """
import boto3, json, os, time
me = json.load(open("/opt/ml/config/resourceconfig.json"))["current_host"]
open("/opt/ml/processing/out/%s" % me, "w").write(" ".join(sorted(os.listdir("/opt/ml/processing/in"))))
while "Contents" not in boto3.client("s3").list_objects_v2(Bucket="BUCKET", Prefix="enough"):
    time.sleep(0.2)
""".replace("BUCKET", bucket)
s3.put_object(Bucket=bucket, Key="code/split.py", Body=script.encode())


def source(name, key, folder, **more):
    return {"InputName": name, "S3Input": {"S3Uri": "s3://%s/%s" % (bucket, key), "LocalPath": "/opt/ml/processing/" + folder,
                                           "S3DataType": "S3Prefix", "S3InputMode": "File", **more}}


sagemaker.create_processing_job(
    ProcessingJobName="split", RoleArn=role,
    AppSpecification={"ImageUri": image, "ContainerEntrypoint": ["python3", "/opt/ml/processing/code/split.py"]},
    ProcessingInputs=[source("in", "sums/train", "in", S3DataDistributionType="ShardedByS3Key"), source("code", "code/split.py", "code")],
    ProcessingOutputConfig={"Outputs": [{"OutputName": "out", "S3Output": {
        "S3Uri": "s3://%s/split" % bucket, "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "Continuous"}}]},
    ProcessingResources={"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}})
while s3.list_objects_v2(Bucket=bucket, Prefix="split/").get("KeyCount", 0) < 2:
    assert sagemaker.describe_processing_job(ProcessingJobName="split")["ProcessingJobStatus"] == "InProgress"
    time.sleep(0.2)
assert sagemaker.describe_processing_job(ProcessingJobName="split")["ProcessingJobStatus"] == "InProgress"
s3.put_object(Bucket=bucket, Key="enough")
sagemaker.get_waiter("processing_job_completed_or_stopped").wait(ProcessingJobName="split", WaiterConfig={"Delay": 1})
job = sagemaker.describe_processing_job(ProcessingJobName="split")
assert job["ProcessingJobStatus"] == "Completed", job.get("FailureReason")
found = {host: s3.get_object(Bucket=bucket, Key="split/" + host)["Body"].read().decode() for host in ("algo-1", "algo-2")}
assert found == {"algo-1": "part-0.csv part-2.csv", "algo-2": "part-1.csv part-3.csv"}, found
