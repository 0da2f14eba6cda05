"""Puts the newest version into production and asks it about two participants."""
import json
import pathlib

import boto3

settings = json.loads((pathlib.Path(__file__).parent / "config" / "parameters.json").read_text())
role = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"
endpoint = settings["endpoint"]
client = boto3.client("sagemaker")

newest = client.list_model_packages(
    ModelPackageGroupName=settings["model_package_group"], SortBy="CreationTime", SortOrder="Descending", MaxResults=1)
model_package_arn = newest["ModelPackageSummaryList"][0]["ModelPackageArn"]

client.create_model(ModelName=endpoint, ExecutionRoleArn=role, Containers=[{"ModelPackageName": model_package_arn}])
client.create_endpoint_config(EndpointConfigName=endpoint, ProductionVariants=[{
    "VariantName": "AllTraffic", "ModelName": endpoint, "InitialInstanceCount": 1, "InstanceType": settings["instance_type"]}])
client.create_endpoint(EndpointName=endpoint, EndpointConfigName=endpoint)
client.get_waiter("endpoint_in_service").wait(EndpointName=endpoint, WaiterConfig={"Delay": 2, "MaxAttempts": 300})

participants = "44,3.5,0,0,3,2\n71,95.0,5,4,0,0\n"  # near and steady; far away, with missed visits and adverse events
answer = boto3.client("sagemaker-runtime").invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=participants)
steady, at_risk = (float(line) for line in answer["Body"].read().decode().split())
print(f"{answer['InvokedProductionVariant']}: risk {steady:.3f} and {at_risk:.3f}")
assert 0 <= steady < 0.2 < 0.8 < at_risk <= 1
