"""Takes everything down again."""
import json
import pathlib

import boto3

settings = json.loads((pathlib.Path(__file__).parent / "config" / "parameters.json").read_text())
client = boto3.client("sagemaker")
client.delete_endpoint(EndpointName=settings["endpoint"])
client.get_waiter("endpoint_deleted").wait(EndpointName=settings["endpoint"], WaiterConfig={"Delay": 2, "MaxAttempts": 300})
client.delete_endpoint_config(EndpointConfigName=settings["endpoint"])
client.delete_model(ModelName=settings["endpoint"])
group = settings["model_package_group"]
for version in client.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]:
    client.delete_model_package(ModelPackageName=version["ModelPackageArn"])
client.delete_model_package_group(ModelPackageGroupName=group)
client.delete_pipeline(PipelineName=settings["pipeline"])
print("cleaned up")
