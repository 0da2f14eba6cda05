"""A folder of programs behind an image name: it trains and serves as a container would, on the host's own Python environment."""
import time
import unittest

import boto3

ACCOUNT = "123456789012"
BUCKET = f"sagemaker-us-east-1-{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerPipelineExecutionRole"
IMAGES = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/acme"
s3, sagemaker, runtime = boto3.client("s3"), boto3.client("sagemaker"), boto3.client("sagemaker-runtime")


def train(name, image):
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File"},
        RoleArn=ROLE,
        InputDataConfig=[{"ChannelName": "train", "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/folder/"}}}],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
        StoppingCondition={"MaxRuntimeInSeconds": 300},
    )
    while True:
        job = sagemaker.describe_training_job(TrainingJobName=name)
        if job["TrainingJobStatus"] not in ("InProgress", "Stopping"):
            return job
        time.sleep(0.05)


class Folder(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        s3.put_object(Bucket=BUCKET, Key="folder/data.csv", Body=b"1\n3\n")

    def test_it_trains_and_serves(self):
        job = train("folder-train", f"{IMAGES}/folder:1")
        self.assertEqual(job["TrainingJobStatus"], "Completed", job.get("FailureReason"))
        container = {"Image": f"{IMAGES}/folder:1", "ModelDataUrl": job["ModelArtifacts"]["S3ModelArtifacts"]}
        sagemaker.create_model(ModelName="folder", PrimaryContainer=container, ExecutionRoleArn=ROLE)
        variant = {"VariantName": "a", "ModelName": "folder", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
        sagemaker.create_endpoint_config(EndpointConfigName="folder", ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName="folder", EndpointConfigName="folder")
        while sagemaker.describe_endpoint(EndpointName="folder")["EndpointStatus"] == "Creating":
            time.sleep(0.05)
        for _ in range(3):
            answer = runtime.invoke_endpoint(EndpointName="folder", Body=b"5\n", ContentType="text/csv")["Body"].read()
            self.assertEqual(answer, b"3\n")
        sagemaker.delete_endpoint(EndpointName="folder")

    def test_a_folder_that_is_gone_is_named(self):
        job = train("folder-gone", f"{IMAGES}/gone:1")
        self.assertEqual(job["TrainingJobStatus"], "Failed")
        self.assertIn("which `images` in slipway.yaml gives for", job["FailureReason"])


if __name__ == "__main__":
    unittest.main()
