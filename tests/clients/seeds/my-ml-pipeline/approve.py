"""Approves the newest registered version."""
import boto3

client = boto3.client("sagemaker")
newest = client.list_model_packages(
    ModelPackageGroupName="MyModels", ModelApprovalStatus="PendingManualApproval", MaxResults=1)["ModelPackageSummaryList"][0]
client.update_model_package(
    ModelPackageArn=newest["ModelPackageArn"], ModelApprovalStatus="Approved", ApprovalDescription="Validation report reviewed.")
print(f"approved {newest['ModelPackageArn']}")
