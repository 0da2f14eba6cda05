"""A container of one's own, as boto3 uses it: trains, processes, serves on two instances and batch-transforms; digests are pinned.

The image is named in OWN_IMAGE (`repository:tag`), what its os-release says in OWN_RELEASE. It was made by image_maker.py.
"""
import json
import os
import time
import unittest

import boto3

ACCOUNT = "123456789012"
BUCKET = f"sagemaker-us-east-1-{ACCOUNT}"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerPipelineExecutionRole"
NAME, RELEASE = os.environ["OWN_IMAGE"], os.environ["OWN_RELEASE"]
IMAGE = f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/{NAME}"
REPOSITORY, TAG = NAME.split(":")
PREFIX = "own-%s-%d" % (REPOSITORY.replace("/", "-"), time.time() * 1000)

s3, logs, ecr = boto3.client("s3"), boto3.client("logs"), boto3.client("ecr")
sagemaker, runtime = boto3.client("sagemaker"), boto3.client("sagemaker-runtime")
CLUSTER = {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1}


def wait_for(describe, member, *busy):
    while True:
        document = describe()
        if document[member] not in busy:
            return document
        time.sleep(0.05)


def log_of(group, prefix):
    group = "/aws/sagemaker/" + group
    streams = logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=prefix)["logStreams"]
    events = (logs.get_log_events(logGroupName=group, logStreamName=each["logStreamName"], startFromHead=True) for each in streams)
    return [event["message"] for each in events for event in each["events"]]


def train(name, image=IMAGE, parameters=None, **algorithm):
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": image, "TrainingInputMode": "File", **algorithm},
        RoleArn=ROLE,
        HyperParameters=parameters or {},
        InputDataConfig=[{
            "ChannelName": "train",
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{PREFIX}/data/"}},
        }],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/{PREFIX}/out"},
        ResourceConfig=CLUSTER,
        StoppingCondition={"MaxRuntimeInSeconds": 300},
    )
    return wait_for(lambda: sagemaker.describe_training_job(TrainingJobName=name), "TrainingJobStatus", "InProgress", "Stopping")


class OwnContainer(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        s3.put_object(Bucket=BUCKET, Key=f"{PREFIX}/data/data.csv", Body=b"1,2\n3,4\n8,5\n")
        cls.trained = train(f"{PREFIX}-train")
        found = ecr.describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": TAG}])["imageDetails"]
        cls.digest = found[0]["imageDigest"]

    def model(self, name):
        self.assertEqual(self.trained["TrainingJobStatus"], "Completed", self.trained.get("FailureReason"))
        data = self.trained["ModelArtifacts"]["S3ModelArtifacts"]
        sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": IMAGE, "ModelDataUrl": data}, ExecutionRoleArn=ROLE)

    def test_it_trains_on_its_own_root_file_system(self):
        lines = log_of("TrainingJobs", f"{PREFIX}-train")
        self.assertEqual(self.trained["TrainingJobStatus"], "Completed", lines)
        self.assertIn(RELEASE, next(line for line in lines if line.startswith("os-release: ")))
        self.assertIn("hidden: [], opaque: ['above'], word: above, linked: seen", lines)
        self.assertIn("train-mean:4", lines)
        own_python = next(line for line in lines if line.startswith("python: "))
        self.assertTrue(own_python.startswith("python: " + os.environ.get("OWN_PYTHON", "3.")), own_python)
        self.assertTrue(any(self.digest[:19] in line for line in lines), "the head of the log names the digest")

    def test_a_failure_of_its_program_has_the_programs_reason(self):
        failed = train(f"{PREFIX}-fail", parameters={"fail": "1"})
        self.assertEqual(failed["TrainingJobStatus"], "Failed")
        self.assertEqual(failed["FailureReason"], "AlgorithmError: asked to fail, exit code: 4")

    def test_an_entry_point_replaces_the_program(self):
        ended = train(f"{PREFIX}-entry", ContainerEntrypoint=["/usr/bin/python3", "-c"], ContainerArguments=["import os; print(os.environ['OF_IMAGE'], os.getcwd())"])
        self.assertEqual(ended["TrainingJobStatus"], "Completed")
        self.assertIn("yes /app", log_of("TrainingJobs", f"{PREFIX}-entry"))

    def test_processing_follows_the_rules_of_entry_point_and_command(self):
        for name, words, specification in (
            ("default", "by default", {}),
            ("words", "other words", {"ContainerArguments": ["process", "other", "words"]}),
            ("entry", "", {"ContainerEntrypoint": ["/app/process"]}),
        ):
            job = f"{PREFIX}-process-{name}"
            output = {"OutputName": "out", "S3Output": {"S3Uri": f"s3://{BUCKET}/{PREFIX}/{name}", "LocalPath": "/opt/ml/processing/out", "S3UploadMode": "EndOfJob"}}
            sagemaker.create_processing_job(
                ProcessingJobName=job,
                AppSpecification={"ImageUri": IMAGE, **specification},
                RoleArn=ROLE,
                ProcessingResources={"ClusterConfig": CLUSTER},
                ProcessingOutputConfig={"Outputs": [output]},
            )
            ended = wait_for(lambda: sagemaker.describe_processing_job(ProcessingJobName=job), "ProcessingJobStatus", "InProgress")
            self.assertEqual(ended["ProcessingJobStatus"], "Completed", ended.get("FailureReason"))
            self.assertEqual(s3.get_object(Bucket=BUCKET, Key=f"{PREFIX}/{name}/words")["Body"].read().decode(), words)

    def test_it_serves_on_port_8080_of_two_instances_and_outlives_its_image_tag(self):
        name = f"{PREFIX}-serve"
        self.model(name)
        variant = {"VariantName": "own", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
        sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        made = wait_for(lambda: sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus", "Creating")
        self.assertEqual(made["EndpointStatus"], "InService", made.get("FailureReason"))
        deployed = made["ProductionVariants"][0]["DeployedImages"][0]
        self.assertEqual(deployed["SpecifiedImage"], IMAGE)
        self.assertEqual(deployed["ResolvedImage"], f"{IMAGE.rsplit(':', 1)[0]}@{self.digest}")

        def ask(body):
            return runtime.invoke_endpoint(EndpointName=name, Body=body, ContentType="text/csv")["Body"].read().decode()

        for _ in range(4):
            self.assertEqual(ask("5,1\n4,0\n"), "1\n0\n")
        self.assertIn(RELEASE, ask("release"))
        self.assertIn("ok", ask("server"), "code in the model server reaches the API")
        lines = log_of(f"Endpoints/{name}", "own/")
        self.assertEqual(len([line for line in lines if line.startswith("serving on ") and RELEASE in line]), 2)
        sagemaker.delete_endpoint(EndpointName=name)

    def test_it_transforms_a_batch(self):
        name = f"{PREFIX}-batch"
        self.model(name)
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{PREFIX}/data/"}}
        sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=name,
            TransformInput={"DataSource": source, "ContentType": "text/csv", "SplitType": "Line"},
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/{PREFIX}/batch", "AssembleWith": "None"},
            TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        )
        ended = wait_for(lambda: sagemaker.describe_transform_job(TransformJobName=name), "TransformJobStatus", "InProgress")
        self.assertEqual(ended["TransformJobStatus"], "Completed", ended.get("FailureReason"))
        self.assertEqual(s3.get_object(Bucket=BUCKET, Key=f"{PREFIX}/batch/data.csv.out")["Body"].read(), b"-3\n-1\n4\n")

    def test_a_registered_version_keeps_its_image_when_the_tag_moves(self):
        group = f"{PREFIX}-group"
        sagemaker.create_model_package_group(ModelPackageGroupName=group)
        container = {"Image": IMAGE, "ModelDataUrl": self.trained["ModelArtifacts"]["S3ModelArtifacts"]}
        specification = {"Containers": [container], "SupportedContentTypes": ["text/csv"], "SupportedResponseMIMETypes": ["text/csv"]}
        version = sagemaker.create_model_package(
            ModelPackageGroupName=group, ModelApprovalStatus="Approved", InferenceSpecification=specification,
        )["ModelPackageArn"]
        registered = sagemaker.describe_model_package(ModelPackageName=version)["InferenceSpecification"]["Containers"][0]
        self.assertEqual((registered["Image"], registered["ImageDigest"]), (IMAGE, self.digest))
        manifest = ecr.batch_get_image(repositoryName=REPOSITORY, imageIds=[{"imageTag": TAG}])["images"][0]["imageManifest"]
        other = json.dumps({**json.loads(manifest), "annotations": {"made": "anew"}})
        moved = ecr.put_image(repositoryName=REPOSITORY, imageManifest=other, imageTag=TAG)["image"]["imageId"]["imageDigest"]
        try:
            self.assertNotEqual(moved, self.digest)
            name = f"{PREFIX}-version"
            sagemaker.create_model(ModelName=name, PrimaryContainer={"ModelPackageName": version}, ExecutionRoleArn=ROLE)
            variant = {"VariantName": "own", "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
            sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
            sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
            made = wait_for(lambda: sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus", "Creating")
            self.assertEqual(made["EndpointStatus"], "InService", made.get("FailureReason"))
            resolved = made["ProductionVariants"][0]["DeployedImages"][0]["ResolvedImage"]
            self.assertEqual(resolved, f"{IMAGE.rsplit(':', 1)[0]}@{self.digest}")
            sagemaker.delete_endpoint(EndpointName=name)
        finally:
            ecr.put_image(repositoryName=REPOSITORY, imageManifest=manifest, imageTag=TAG)

    def test_by_digest_and_by_other_names(self):
        by_digest = train(f"{PREFIX}-digest", image=f"{IMAGE.rsplit(':', 1)[0]}@{self.digest}")
        self.assertEqual(by_digest["TrainingJobStatus"], "Completed", by_digest.get("FailureReason"))
        absent = train(f"{PREFIX}-absent", image=f"{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/nobody/has:it")
        self.assertEqual(absent["TrainingJobStatus"], "Failed")
        self.assertIn("slipway image import", absent["FailureReason"])


if __name__ == "__main__":
    unittest.main()
