"""A server whose sandbox is a container engine: XGBoost trains, its log says who isolates it, and the model answers at an endpoint."""
import time

import boto3

account = boto3.client("sts").get_caller_identity()["Account"]
role = "arn:aws:iam::%s:role/SageMakerPipelineExecutionRole" % account
bucket = "sagemaker-us-east-1-" + account
image = account + ".dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
sagemaker, s3, logs = boto3.client("sagemaker"), boto3.client("s3"), boto3.client("logs")

rows = "\n".join("%d,%d,%d" % (row % 2, row, row % 2) for row in range(40))
s3.put_object(Bucket=bucket, Key="parity/train/rows, all.csv", Body=rows.encode())
sagemaker.create_training_job(
    TrainingJobName="parity", RoleArn=role, HyperParameters={"num_round": "3", "objective": "binary:logistic"},
    AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
    InputDataConfig=[{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": {
        "S3DataType": "S3Prefix", "S3Uri": "s3://%s/parity/train" % bucket, "S3DataDistributionType": "FullyReplicated"}}}],
    OutputDataConfig={"S3OutputPath": "s3://%s/models" % bucket}, StoppingCondition={"MaxRuntimeInSeconds": 600},
    ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1})
sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName="parity", WaiterConfig={"Delay": 1})
job = sagemaker.describe_training_job(TrainingJobName="parity")
assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")

group = "/aws/sagemaker/TrainingJobs"
stream = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix="parity")["logStreams"][0]["logStreamName"]
said = [event["message"] for event in logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]]
assert any("isolated by a container engine (" in line for line in said), said

model = job["ModelArtifacts"]["S3ModelArtifacts"]
sagemaker.create_model(ModelName="parity", ExecutionRoleArn=role, PrimaryContainer={"Image": image, "ModelDataUrl": model})
sagemaker.create_endpoint_config(EndpointConfigName="parity", ProductionVariants=[
    {"VariantName": "AllTraffic", "ModelName": "parity", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}])
sagemaker.create_endpoint(EndpointName="parity", EndpointConfigName="parity")
while True:
    endpoint = sagemaker.describe_endpoint(EndpointName="parity")
    if endpoint["EndpointStatus"] != "Creating":
        break
    time.sleep(0.2)
assert endpoint["EndpointStatus"] == "InService", endpoint.get("FailureReason")
answer = boto3.client("sagemaker-runtime").invoke_endpoint(EndpointName="parity", ContentType="text/csv", Body="3,1\n4,0")
one, zero = (float(value) for value in answer["Body"].read().decode().split())
assert one > 0.5 > zero, (one, zero)
sagemaker.delete_endpoint(EndpointName="parity")
print("done")
