"""An endpoint of an own image: `lasting.py make NAME` deploys it and deletes the image, `lasting.py ask NAME` finds it answering."""
import sys
import time

import boto3

ACCOUNT = "123456789012"
BUCKET = f"sagemaker-us-east-1-{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerPipelineExecutionRole"
s3, ecr, sagemaker, runtime = (boto3.client(name) for name in ("s3", "ecr", "sagemaker", "sagemaker-runtime"))


def wait_for_service():
    while True:
        status = sagemaker.describe_endpoint(EndpointName="lasting")["EndpointStatus"]
        if status not in ("Creating", "Updating"):
            assert status == "InService", status
            return
        time.sleep(0.05)


def make(name):
    repository, tag = name.split(":")
    s3.put_object(Bucket=BUCKET, Key="lasting/data.csv", Body=b"1\n3\n")
    sagemaker.create_training_job(
        TrainingJobName="lasting",
        AlgorithmSpecification={"TrainingImage": name, "TrainingInputMode": "File"},
        RoleArn=ROLE,
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/lasting/"}}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 300},
    )
    while sagemaker.describe_training_job(TrainingJobName="lasting")["TrainingJobStatus"] == "InProgress":
        time.sleep(0.05)
    data = sagemaker.describe_training_job(TrainingJobName="lasting")["ModelArtifacts"]["S3ModelArtifacts"]
    digest = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"][0]["imageDigest"]
    sagemaker.create_model(ModelName="lasting", PrimaryContainer={"Image": name, "ModelDataUrl": data}, ExecutionRoleArn=ROLE)
    variant = {"VariantName": "a", "ModelName": "lasting", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    sagemaker.create_endpoint_config(EndpointConfigName="lasting", ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName="lasting", EndpointConfigName="lasting")
    wait_for_service()
    ecr.delete_repository(repositoryName=repository, force=True)
    print(digest)


def ask(name):
    wait_for_service()
    while True:
        try:
            assert runtime.invoke_endpoint(EndpointName="lasting", Body=b"5\n", ContentType="text/csv")["Body"].read() == b"3\n"
            break
        except runtime.exceptions.ServiceUnavailable:
            time.sleep(0.05)  # its model server is on its way
    assert ecr.describe_repositories()["repositories"] == []


{"make": make, "ask": ask}[sys.argv[1]](sys.argv[2])
