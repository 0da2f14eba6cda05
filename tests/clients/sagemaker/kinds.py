"""What all kinds of resources have in common: tags, pages, filters, sorting. And the registry's versions and search."""
import unittest

import boto3

from account import ACCOUNT, BUCKET, REGION, ROLE, XGBOOST, create_pipeline, error_of, processing_step, put, sagemaker, start_processing
from jobs import train

VARIANT = {"VariantName": "A", "ModelName": "kinds-model-0", "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
SPECIFICATION = {"Containers": [{"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/kinds/model.tar.gz"}],
                 "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
TAGS = [{"Key": "study", "Value": "A 1"}, {"Key": "owner", "Value": ""}]


class Kinds(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        put("kinds/model.tar.gz", b"not looked into before it is served")

    def test_tags_of_every_kind(self):
        tagged = {"Tags": TAGS}
        arns = [
            start_processing("kinds-tagged", "pass", **tagged),
            train("kinds-tagged", script="pass", **tagged)["TrainingJobArn"],
            sagemaker.create_model(ModelName="kinds-tagged", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": XGBOOST}, **tagged)["ModelArn"],
            sagemaker.create_endpoint_config(EndpointConfigName="kinds-tagged", ProductionVariants=[{**VARIANT, "ModelName": "kinds-tagged"}],
                                             **tagged)["EndpointConfigArn"],
            sagemaker.create_endpoint(EndpointName="kinds-tagged", EndpointConfigName="kinds-tagged", **tagged)["EndpointArn"],
            sagemaker.create_model_package_group(ModelPackageGroupName="kinds-tagged", **tagged)["ModelPackageGroupArn"],
            sagemaker.create_model_package(ModelPackageName="kinds-tagged", InferenceSpecification=SPECIFICATION, **tagged)["ModelPackageArn"],
            create_pipeline("kinds-tagged", [processing_step("Only", "pass")], **tagged),
        ]
        for arn in arns:
            self.assertCountEqual(sagemaker.list_tags(ResourceArn=arn)["Tags"], TAGS, arn)
            sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "study", "Value": "B"}, {"Key": "new", "Value": "1"}])
            sagemaker.delete_tags(ResourceArn=arn, TagKeys=["owner"])
            self.assertCountEqual(sagemaker.list_tags(ResourceArn=arn)["Tags"], [{"Key": "study", "Value": "B"}, {"Key": "new", "Value": "1"}], arn)
            self.assertIn("does not exist" if "pipeline" in arn else "", error_of(sagemaker.list_tags, ResourceArn=arn + "-none")[1])
        sagemaker.delete_endpoint(EndpointName="kinds-tagged")

    def pages(self, operation, members, name, **filters):
        """The names on each page of two, ascending by name."""
        found = sagemaker.get_paginator(operation).paginate(SortBy="Name", SortOrder="Ascending", PaginationConfig={"PageSize": 2}, **filters)
        return [[one[name] for one in page[members]] for page in found]

    def test_pages_of_models_and_configs(self):
        for at in range(3):
            sagemaker.create_model(ModelName=f"kinds-model-{at}", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": XGBOOST})
            sagemaker.create_endpoint_config(EndpointConfigName=f"kinds-config-{at}", ProductionVariants=[VARIANT])
        self.assertEqual(self.pages("list_models", "Models", "ModelName", NameContains="kinds-model"),
                         [["kinds-model-0", "kinds-model-1"], ["kinds-model-2"]])
        self.assertEqual(self.pages("list_endpoint_configs", "EndpointConfigs", "EndpointConfigName", NameContains="kinds-config"),
                         [["kinds-config-0", "kinds-config-1"], ["kinds-config-2"]])
        made = sagemaker.describe_model(ModelName="kinds-model-1")["CreationTime"]
        earlier = sagemaker.list_models(NameContains="kinds-model", CreationTimeBefore=made)["Models"]
        self.assertNotIn("kinds-model-2", [one["ModelName"] for one in earlier])
        for at in range(3):
            sagemaker.delete_endpoint_config(EndpointConfigName=f"kinds-config-{at}")
            sagemaker.delete_model(ModelName=f"kinds-model-{at}")
        self.assertEqual(self.pages("list_models", "Models", "ModelName", NameContains="kinds-model"), [[]])
        self.assertIn("Could not find", error_of(sagemaker.delete_model, ModelName="kinds-model-0")[1])

    def test_versions(self):
        group = "Kinds-Versions"
        sagemaker.create_model_package_group(ModelPackageGroupName=group, ModelPackageGroupDescription="numbers")
        self.assertEqual(sagemaker.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupStatus"], "Completed")

        def register(token, **more):
            return sagemaker.create_model_package(
                ModelPackageGroupName=group, InferenceSpecification=SPECIFICATION, ClientToken=token.ljust(36, "-"), **more)["ModelPackageArn"]

        first = register("first")
        self.assertEqual(register("first"), first, "the same token is the same version")
        self.assertEqual(error_of(register, token="first", ModelPackageDescription="other")[0], "ConflictException")
        arns = [first] + [register(f"next{at}", ModelApprovalStatus="Rejected" if at % 2 else "PendingManualApproval") for at in range(4)]
        self.assertEqual([arn.split("/")[-1] for arn in arns], ["1", "2", "3", "4", "5"])
        pages = sagemaker.get_paginator("list_model_packages").paginate(ModelPackageGroupName=group, PaginationConfig={"PageSize": 3})
        self.assertEqual([[one["ModelPackageVersion"] for one in page["ModelPackageSummaryList"]] for page in pages], [[5, 4, 3], [2, 1]])
        rejected = sagemaker.list_model_packages(ModelPackageGroupName=group, ModelApprovalStatus="Rejected")["ModelPackageSummaryList"]
        self.assertEqual([one["ModelPackageVersion"] for one in rejected], [5, 3])
        sagemaker.update_model_package(ModelPackageArn=arns[1], ModelApprovalStatus="Approved", ApprovalDescription="fit", CustomerMetadataProperties={"k": "v"})
        described = sagemaker.describe_model_package(ModelPackageName=arns[1])
        self.assertEqual((described["ModelApprovalStatus"], described["ApprovalDescription"], described["CustomerMetadataProperties"]),
                         ("Approved", "fit", {"k": "v"}))
        batch = sagemaker.batch_describe_model_package(ModelPackageArnList=[arns[0], arns[4], arns[0][:-1] + "9"])
        self.assertEqual(sorted(batch["ModelPackageSummaries"]), sorted([arns[0], arns[4]]))
        self.assertEqual(list(batch["BatchDescribeModelPackageErrorMap"]), [arns[0][:-1] + "9"])
        self.assertEqual(error_of(sagemaker.delete_model_package_group, ModelPackageGroupName=group)[0], "ConflictException")
        sagemaker.delete_model_package(ModelPackageName=arns[4])
        self.assertEqual(register("again").split("/")[-1], "6", "numbers are never given out again")
        code, message = error_of(sagemaker.create_model_package, ModelPackageGroupName=group, InferenceSpecification={
            **SPECIFICATION, "Containers": [{"Image": XGBOOST, "ModelDataUrl": f"s3://{BUCKET}/kinds/none.tar.gz"}]})
        self.assertEqual((code, "kinds/none.tar.gz" in message), ("ValidationException", True), message)

    def test_groups_are_listed(self):
        for name in "kinds-group-a", "kinds-group-b", "kinds-group-c":
            sagemaker.create_model_package_group(ModelPackageGroupName=name)
        found = self.pages("list_model_package_groups", "ModelPackageGroupSummaryList", "ModelPackageGroupName", NameContains="kinds-group")
        self.assertEqual(found, [["kinds-group-a", "kinds-group-b"], ["kinds-group-c"]])
        sagemaker.delete_model_package_group(ModelPackageGroupName="kinds-group-a")
        self.assertEqual(error_of(sagemaker.describe_model_package_group, ModelPackageGroupName="kinds-group-a")[0], "ValidationException")

    def test_other_regions_have_their_own_resources(self):
        west = boto3.client("sagemaker", region_name="eu-west-1")
        arn = west.create_model_package_group(ModelPackageGroupName="kinds-west")["ModelPackageGroupArn"]
        self.assertEqual(arn, f"arn:aws:sagemaker:eu-west-1:{ACCOUNT}:model-package-group/kinds-west")
        self.assertEqual(error_of(sagemaker.describe_model_package_group, ModelPackageGroupName="kinds-west")[0], "ValidationException")
        self.assertEqual([one["ModelPackageGroupName"] for one in west.list_model_package_groups()["ModelPackageGroupSummaryList"]], ["kinds-west"])


if __name__ == "__main__":
    unittest.main()
