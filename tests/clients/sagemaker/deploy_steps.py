"""A pipeline that trains, deploys to an endpoint, transforms, and cleans up; run again, it updates the endpoint."""
import json
import time
import unittest

import boto3

role = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"
image = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1"
client, s3 = boto3.client("sagemaker"), boto3.client("s3")
bucket = "sagemaker-us-east-1-123456789012"
rows = [f"{int(x > 5)},{x},{x % 3}" for x in range(11)]
s3.put_object(Bucket=bucket, Key="deploy/train/rows.csv", Body="\n".join(rows))
s3.put_object(Bucket=bucket, Key="deploy/batch/rows.csv", Body="1,1\n9,0\n")


def get(path):
    return {"Get": path}


def join(*values):
    return {"Std:Join": {"On": "", "Values": list(values)}}


scores = join(f"s3://{bucket}/deploy/scores/", get("Execution.PipelineExecutionId"))
resources = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
steps = [
    {"Name": "Train", "Type": "Training", "Arguments": {
        "AlgorithmSpecification": {"TrainingImage": image, "TrainingInputMode": "File"}, "RoleArn": role,
        "HyperParameters": {"objective": "binary:logistic", "num_round": "5", "min_child_weight": "0"},
        "InputDataConfig": [{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/deploy/train/"}}}],
        "OutputDataConfig": {"S3OutputPath": f"s3://{bucket}/deploy/models"}, "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "ResourceConfig": {**resources, "VolumeSizeInGB": 1}}},
    {"Name": "Model", "Type": "Model", "Arguments": {"ExecutionRoleArn": role, "PrimaryContainer": {
        "Image": image, "ModelDataUrl": get("Steps.Train.ModelArtifacts.S3ModelArtifacts")}}},
    {"Name": "Score", "Type": "Transform", "Arguments": {
        "ModelName": get("Steps.Model.ModelName"), "TransformOutput": {"S3OutputPath": scores, "AssembleWith": "Line"},
        "TransformInput": {"ContentType": "text/csv", "SplitType": "Line", "DataSource": {"S3DataSource": {
            "S3DataType": "S3Prefix", "S3Uri": f"s3://{bucket}/deploy/batch/"}}}, "TransformResources": resources}},
    {"Name": "Config", "Type": "EndpointConfig", "Arguments": {
        "EndpointConfigName": join("deploy-", get("Execution.PipelineExecutionId")),
        "ProductionVariants": [{"VariantName": "AllTraffic", "ModelName": get("Steps.Model.ModelName"), "InitialInstanceCount": 1,
                                "InstanceType": "ml.m5.large"}]}},
    {"Name": "Deploy", "Type": "Endpoint", "Arguments": {
        "EndpointName": "deployed", "EndpointConfigName": get("Steps.Config.EndpointConfigName")}},
    {"Name": "Clean", "Type": "Cleanup", "DependsOn": ["Deploy", {"Step": "Score", "Trigger": "Any"}], "Arguments": {"Resources": {"S3": [
        {"StepName": "Train"}, {"StepName": "Score", "S3Uris": [join(get("Steps.Score.TransformOutput.S3OutputPath"), "/rows.csv.out")]}]}}},
]


def run():
    arn = client.start_pipeline_execution(PipelineName="deploy")["PipelineExecutionArn"]
    while (execution := client.describe_pipeline_execution(PipelineExecutionArn=arn))["PipelineExecutionStatus"] == "Executing":
        time.sleep(0.2)
    listed = client.list_pipeline_execution_steps(PipelineExecutionArn=arn)["PipelineExecutionSteps"]
    assert execution["PipelineExecutionStatus"] == "Succeeded", execution.get("FailureReason")
    return {one["StepName"]: one["Metadata"] for one in listed}


class DeploySteps(unittest.TestCase):
    def test_deploys_and_updates(self):
        client.create_pipeline(
            PipelineName="deploy", RoleArn=role, ClientRequestToken="d" * 32,
            PipelineDefinition=json.dumps({"Version": "2020-12-01", "Steps": steps}))
        first = run()
        self.assertEqual(first["Clean"]["Cleanup"], {"CleanedSteps": ["Train", "Score"], "FailedSteps": [], "SkippedSteps": []})
        left = [one["Key"] for one in s3.list_objects_v2(Bucket=bucket, Prefix="deploy/")["Contents"]]
        self.assertEqual(left, ["deploy/batch/rows.csv", "deploy/train/rows.csv"])
        answer = boto3.client("sagemaker-runtime").invoke_endpoint(EndpointName="deployed", ContentType="text/csv", Body="9,0\n1,1")
        self.assertEqual([round(float(score)) for score in answer["Body"].read().decode().split()], [1, 0])
        before = client.describe_endpoint(EndpointName="deployed")
        second = run()
        after = client.describe_endpoint(EndpointName="deployed")
        self.assertEqual(after["EndpointStatus"], "InService")
        self.assertNotEqual(before["EndpointConfigName"], after["EndpointConfigName"])
        self.assertEqual(before["CreationTime"], after["CreationTime"])
        self.assertEqual(second["Deploy"]["Endpoint"]["Arn"], after["EndpointArn"])
        client.delete_endpoint(EndpointName="deployed")


if __name__ == "__main__":
    unittest.main()
