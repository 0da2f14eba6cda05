"""Domains, user profiles, notebook instances and their lifecycle configurations, as templates declare and look them up: records only."""
import base64
import unittest

import boto3
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerPipelineExecutionRole"
sagemaker = boto3.client("sagemaker")
ONLY = "Record only: Slipway runs no Studio and no notebook servers."


class StudioTest(unittest.TestCase):
    def refused(self, code, message, call):
        with self.assertRaises(ClientError) as caught:
            call()
        self.assertEqual(caught.exception.response["Error"]["Code"], code, caught.exception)
        self.assertRegex(caught.exception.response["Error"]["Message"], message)

    def test_domain_and_profiles(self):
        made = sagemaker.create_domain(
            DomainName="team", AuthMode="IAM", DefaultUserSettings={"ExecutionRole": ROLE, "SecurityGroups": ["sg-1"]}, SubnetIds=["subnet-1"], VpcId="vpc-1",
            Tags=[{"Key": "team", "Value": "a"}])
        domain, arn = made["DomainId"], made["DomainArn"]
        self.assertRegex(arn, rf"^arn:aws:sagemaker:us-east-1:{ACCOUNT}:domain/d-[a-z0-9]{{12}}$")
        self.assertEqual(sagemaker.list_tags(ResourceArn=arn)["Tags"], [{"Key": "team", "Value": "a"}])
        sagemaker.update_domain(DomainId=domain, DefaultUserSettings={"SecurityGroups": ["sg-2"]})
        found = sagemaker.describe_domain(DomainId=domain)
        self.assertEqual((found["Status"], found["FailureReason"], found["DefaultUserSettings"]), ("InService", ONLY, {"ExecutionRole": ROLE, "SecurityGroups": ["sg-2"]}))
        self.assertIn(domain, [one["DomainId"] for one in sagemaker.list_domains()["Domains"]])
        for name in ("ada", "grace"):
            profile = sagemaker.create_user_profile(DomainId=domain, UserProfileName=name)["UserProfileArn"]
            self.assertEqual(profile, f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:user-profile/{domain}/{name}")
        self.refused("ResourceInUse", "already exists", lambda: sagemaker.create_user_profile(DomainId=domain, UserProfileName="ada"))
        self.refused("ResourceNotFound", "does not exist", lambda: sagemaker.create_user_profile(DomainId="d-none", UserProfileName="ada"))
        sagemaker.update_user_profile(DomainId=domain, UserProfileName="ada", UserSettings={"ExecutionRole": ROLE})
        self.assertEqual(sagemaker.describe_user_profile(DomainId=domain, UserProfileName="ada")["UserSettings"], {"ExecutionRole": ROLE})
        names = [one["UserProfileName"] for page in sagemaker.get_paginator("list_user_profiles").paginate(DomainIdEquals=domain, SortOrder="Ascending", PaginationConfig={"PageSize": 1})
                 for one in page["UserProfiles"]]
        self.assertEqual(names, ["ada", "grace"])
        self.assertEqual(sagemaker.list_user_profiles(DomainIdEquals="d-other")["UserProfiles"], [])
        self.refused("ResourceInUse", "is in use by UserProfile", lambda: sagemaker.delete_domain(DomainId=domain))
        for name in names:
            sagemaker.delete_user_profile(DomainId=domain, UserProfileName=name)
        sagemaker.delete_domain(DomainId=domain, RetentionPolicy={"HomeEfsFileSystem": "Delete"})
        self.refused("ResourceNotFound", "does not exist", lambda: sagemaker.describe_domain(DomainId=domain))

    def test_notebook_instances(self):
        script = base64.b64encode(b"#!/bin/bash\ntrue\n").decode()
        sagemaker.create_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName="setup", OnStart=[{"Content": script}])
        self.assertEqual(sagemaker.describe_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName="setup")["OnStart"], [{"Content": script}])
        sagemaker.update_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName="setup", OnCreate=[{"Content": script}])
        listed = sagemaker.list_notebook_instance_lifecycle_configs(NameContains="set")["NotebookInstanceLifecycleConfigs"]
        self.assertEqual([one["NotebookInstanceLifecycleConfigName"] for one in listed], ["setup"])
        make = lambda **more: sagemaker.create_notebook_instance(NotebookInstanceName="lab", InstanceType="ml.t3.medium", RoleArn=ROLE, **more)
        self.refused("ValidationException", "does not exist", lambda: make(LifecycleConfigName="none"))
        arn = make(LifecycleConfigName="setup")["NotebookInstanceArn"]
        self.assertEqual(arn, f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:notebook-instance/lab")
        self.refused("ValidationException", "Cannot create a duplicate Notebook Instance", make)
        sagemaker.get_waiter("notebook_instance_in_service").wait(NotebookInstanceName="lab", WaiterConfig={"Delay": 1})
        found = sagemaker.describe_notebook_instance(NotebookInstanceName="lab")
        self.assertEqual((found["NotebookInstanceLifecycleConfigName"], found["FailureReason"], found["VolumeSizeInGB"]), ("setup", ONLY, 5))
        update = lambda: sagemaker.update_notebook_instance(NotebookInstanceName="lab", InstanceType="ml.m5.xlarge", DisassociateLifecycleConfig=True)
        self.refused("ValidationException", r"Status \(InService\) not in \(\[Stopped, Failed\]\)\. Unable to transition to \(Updating\)", update)
        self.refused("ValidationException", "Unable to transition to .Deleting.", lambda: sagemaker.delete_notebook_instance(NotebookInstanceName="lab"))
        sagemaker.stop_notebook_instance(NotebookInstanceName="lab")
        update()
        sagemaker.start_notebook_instance(NotebookInstanceName="lab")
        listed = sagemaker.list_notebook_instances(StatusEquals="InService", SortBy="Name")["NotebookInstances"]
        self.assertEqual([(one["NotebookInstanceName"], one["InstanceType"]) for one in listed], [("lab", "ml.m5.xlarge")])
        self.assertNotIn("NotebookInstanceLifecycleConfigName", sagemaker.describe_notebook_instance(NotebookInstanceName="lab"))
        self.refused("NotImplementedException", "CreatePresignedNotebookInstanceUrl", lambda: sagemaker.create_presigned_notebook_instance_url(NotebookInstanceName="lab"))
        sagemaker.stop_notebook_instance(NotebookInstanceName="lab")
        sagemaker.delete_notebook_instance(NotebookInstanceName="lab")
        sagemaker.delete_notebook_instance_lifecycle_config(NotebookInstanceLifecycleConfigName="setup")
        self.refused("ValidationException", "RecordNotFound", lambda: sagemaker.describe_notebook_instance(NotebookInstanceName="lab"))


if __name__ == "__main__":
    unittest.main()
