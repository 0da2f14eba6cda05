"""The manual approval, otherwise a click in the console: approve.py REASON"""
import json
import pathlib
import sys

import boto3

settings = json.loads((pathlib.Path(__file__).parent / "config" / "parameters.json").read_text())
client = boto3.client("sagemaker")
waiting = client.list_model_packages(
    ModelPackageGroupName=settings["model_package_group"], ModelApprovalStatus="PendingManualApproval",
    SortBy="CreationTime", SortOrder="Descending")["ModelPackageSummaryList"]
arn = waiting[0]["ModelPackageArn"]
client.update_model_package(ModelPackageArn=arn, ModelApprovalStatus="Approved", ApprovalDescription=sys.argv[1])
print(f"{arn} is {client.describe_model_package(ModelPackageName=arn)['ModelApprovalStatus']}")
