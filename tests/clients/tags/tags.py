"""AddTags, ListTags and DeleteTags through boto3."""
import unittest

import boto3
from botocore.exceptions import ClientError

sagemaker = boto3.client("sagemaker")


class Tags(unittest.TestCase):
    def test_tags_of_a_group(self):
        arn = sagemaker.create_model_package_group(
            ModelPackageGroupName="Tagged-Group", Tags=[{"Key": "made", "Value": "with"}])["ModelPackageGroupArn"]
        self.assertEqual(sagemaker.list_tags(ResourceArn=arn)["Tags"], [{"Key": "made", "Value": "with"}])
        answer = sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "k%d" % at, "Value": "v"} for at in range(49)])
        self.assertEqual(len(answer["Tags"]), 50)
        found = [tag["Key"] for page in sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn, PaginationConfig={"PageSize": 50})
                 for tag in page["Tags"]]
        self.assertEqual(found, ["made"] + ["k%d" % at for at in range(49)])
        with self.assertRaises(ClientError):
            sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "one too many", "Value": ""}])
        sagemaker.delete_tags(ResourceArn=arn, TagKeys=found)
        self.assertEqual(sagemaker.list_tags(ResourceArn=arn)["Tags"], [])
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "a", "Value": "1"}])
        sagemaker.delete_model_package_group(ModelPackageGroupName="Tagged-Group")
        with self.assertRaises(ClientError) as caught:
            sagemaker.list_tags(ResourceArn=arn)
        self.assertEqual(caught.exception.response["Error"]["Code"], "ValidationException")
        again = sagemaker.create_model_package_group(ModelPackageGroupName="Tagged-Group")["ModelPackageGroupArn"]
        self.assertEqual(sagemaker.list_tags(ResourceArn=again)["Tags"], [])


if __name__ == "__main__":
    unittest.main()
