"""Batch transform by plain calls: XGBoost over CSV with ids joined and filtered, bad input named, jobs stopped, all that AWS would refuse."""
import gzip
import io
import json
import random
import tarfile
import time
import unittest

import boto3
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
BUCKET = f"sagemaker-us-east-1-{ACCOUNT}"
IMAGES = "683313688378.dkr.ecr.us-east-1.amazonaws.com"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/SageMakerPipelineExecutionRole"
XGBOOST, SKLEARN = f"{IMAGES}/sagemaker-xgboost:1.7-1", f"{IMAGES}/sagemaker-scikit-learn:1.2-1-cpu-py3"

s3, logs, sagemaker = boto3.client("s3"), boto3.client("logs"), boto3.client("sagemaker")

chance = random.Random(4)
#: Ring counts of abalone by size and weight, roughly: label first.
ROWS = [[round(3 + 20 * length + chance.random(), 3), length, round(length * 0.8, 3), round(length**3, 4)]
        for length in (round(chance.uniform(0.1, 0.8), 3) for _ in range(600))]

SCRIPT = """
import json, time

def model_fn(folder): return 10

def input_fn(body, content_type):
    if content_type != "application/jsonlines": raise ValueError("lines of JSON only")
    return [json.loads(line) for line in body.splitlines()]

def predict_fn(rows, factor):
    if any(row.get("wait") for row in rows): time.sleep(600)
    return [{"score": sum(row["features"]) * factor} for row in rows]

def output_fn(scores, accept): return "\\n".join(map(json.dumps, scores)), accept
"""


def put(key, content):
    s3.put_object(Bucket=BUCKET, Key=key, Body=content if isinstance(content, bytes) else content.encode())
    return f"s3://{BUCKET}/{key}"


def get(key):
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()


def keys(prefix):
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])]


def lines_of(rows):
    return "".join(",".join(map(str, row)) + "\n" for row in rows)


def create(name, uri, model="abalone", source=None, output=None, **more):
    return sagemaker.create_transform_job(
        TransformJobName=name, ModelName=model, TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}, "ContentType": "text/csv", "SplitType": "Line", **(source or {})},
        TransformOutput={"S3OutputPath": f"s3://{BUCKET}/out/{name}", "Accept": "text/csv", "AssembleWith": "Line", **(output or {})}, **more)


def wait(name):
    """As the waiter transform_job_completed_or_stopped, but sooner; its last answer, whatever it is."""
    while True:
        job = sagemaker.describe_transform_job(TransformJobName=name)
        if job["TransformJobStatus"] in ("Completed", "Failed", "Stopped"):
            return job
        time.sleep(0.1)


def run(name, uri, **more):
    create(name, uri, **more)
    return wait(name)


class TransformTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        put("abalone/train/rows.csv", lines_of(ROWS[:500]))
        sagemaker.create_training_job(
            TrainingJobName="abalone", RoleArn=ROLE, HyperParameters={"num_round": "30", "objective": "reg:squarederror"},
            AlgorithmSpecification={"TrainingImage": XGBOOST, "TrainingInputMode": "File"},
            InputDataConfig=[{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource": {
                "S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/abalone/train", "S3DataDistributionType": "FullyReplicated"}}}],
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"}, StoppingCondition={"MaxRuntimeInSeconds": 600},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1})
        sagemaker.get_waiter("training_job_completed_or_stopped").wait(TrainingJobName="abalone", WaiterConfig={"Delay": 1})
        artifacts = sagemaker.describe_training_job(TrainingJobName="abalone")["ModelArtifacts"]["S3ModelArtifacts"]
        sagemaker.create_model(ModelName="abalone", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": XGBOOST, "ModelDataUrl": artifacts})
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            member = tarfile.TarInfo("code/inference.py")
            member.size = len(SCRIPT)
            tar.addfile(member, io.BytesIO(SCRIPT.encode()))
        sagemaker.create_model(ModelName="scripted", ExecutionRoleArn=ROLE, PrimaryContainer={
            "Image": SKLEARN, "ModelDataUrl": put("models/scripted/model.tar.gz", archive.getvalue()), "Environment": {"SAGEMAKER_PROGRAM": "inference.py"}})

    def refused(self, message, call, code="ValidationException"):
        with self.assertRaises(ClientError) as caught:
            call()
        self.assertEqual(caught.exception.response["Error"]["Code"], code, caught.exception)
        self.assertRegex(caught.exception.response["Error"]["Message"], message)

    def test_held_out_rows_are_predicted_beside_their_ids(self):
        held_out = [[f"id-{n}", *row[1:]] for n, row in enumerate(ROWS[500:])]
        uri = put("abalone/test/rows.csv", lines_of(held_out))
        created = create("held-out", uri, DataProcessing={"InputFilter": "$[1:]", "JoinSource": "Input", "OutputFilter": "$[0,-1]"},
                         Tags=[{"Key": "team", "Value": "a"}])
        self.assertEqual(created["TransformJobArn"], f"arn:aws:sagemaker:us-east-1:{ACCOUNT}:transform-job/held-out")
        job = wait("held-out")
        self.assertEqual(job["TransformJobStatus"], "Completed", job.get("FailureReason"))
        self.assertLess(job["CreationTime"], job["TransformEndTime"])
        self.assertEqual(keys("out/held-out"), ["out/held-out/rows.csv.out"])
        answers = [line.split(",") for line in get("out/held-out/rows.csv.out").splitlines()]
        self.assertEqual([name for name, _ in answers], [row[0] for row in held_out])
        error = sum((float(found) - row[0]) ** 2 for (_, found), row in zip(answers, ROWS[500:])) / 100
        self.assertLess(error, 1)
        self.assertEqual(sagemaker.list_tags(ResourceArn=job["TransformJobArn"])["Tags"], [{"Key": "team", "Value": "a"}])
        streams = logs.describe_log_streams(logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix="held-out/")["logStreams"]
        self.assertEqual([stream["logStreamName"].count("/") for stream in streams], [1, 2])
        told = logs.get_log_events(logGroupName="/aws/sagemaker/TransformJobs", logStreamName=streams[1]["logStreamName"], startFromHead=True)
        self.assertIn("[sagemaker logs]: MaxConcurrentTransforms=", told["events"][0]["message"])

    def test_many_files_gzip_and_single_records_on_two_instances(self):
        for n in range(3):
            put(f"abalone/parts/day={n}/part.csv.gz", gzip.compress(lines_of(row[1:] for row in ROWS[n * 10: n * 10 + 10]).encode()))
        sagemaker.create_transform_job(
            TransformJobName="parts", ModelName="abalone", TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 2},
            BatchStrategy="SingleRecord", MaxPayloadInMB=1, MaxConcurrentTransforms=4,
            TransformInput={"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/abalone/parts/"}},
                            "ContentType": "text/csv", "SplitType": "Line", "CompressionType": "Gzip"},
            TransformOutput={"S3OutputPath": f"s3://{BUCKET}/out/parts/", "AssembleWith": "Line"})
        job = wait("parts")
        self.assertEqual(job["TransformJobStatus"], "Completed", job.get("FailureReason"))
        self.assertEqual(keys("out/parts/"), [f"out/parts/day={n}/part.csv.gz.out" for n in range(3)])
        self.assertEqual([len(get(key).splitlines()) for key in keys("out/parts/")], [10, 10, 10])

    def test_json_lines_through_a_script_of_ones_own(self):
        rows = [{"id": f"row-{n}", "features": [n, 1]} for n in range(5)]
        uri = put("lines/rows.jsonl", "\n".join(map(json.dumps, rows)))
        form = {"ContentType": "application/jsonlines"}
        job = run("lines", uri, model="scripted", source=form, output={"Accept": "application/jsonlines"},
                  DataProcessing={"JoinSource": "Input", "OutputFilter": "$['id','SageMakerOutput']"})
        self.assertEqual(job["TransformJobStatus"], "Completed", job.get("FailureReason"))
        found = [json.loads(line) for line in get("out/lines/rows.jsonl.out").splitlines()]
        self.assertEqual(found, [{"id": f"row-{n}", "SageMakerOutput": {"score": 10 * n + 10}} for n in range(5)])

    def test_containers_in_a_row(self):
        def add_script(name, code):
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w:gz") as tar:
                member = tarfile.TarInfo("code/inference.py")
                member.size = len(code)
                tar.addfile(member, io.BytesIO(code.encode()))
            return {"Image": SKLEARN, "ModelDataUrl": put(f"models/{name}/model.tar.gz", archive.getvalue()), "Environment": {"SAGEMAKER_PROGRAM": "inference.py"}}

        drop_id = add_script("drop-id", "def model_fn(folder): return 0\ndef transform_fn(model, body, content_type, accept):\n"
                             "    return '\\n'.join(line.split(',', 1)[1] for line in body.splitlines()), 'text/csv'\n")
        abalone = sagemaker.describe_model(ModelName="abalone")["PrimaryContainer"]
        sagemaker.create_model(ModelName="two", ExecutionRoleArn=ROLE, Containers=[{**drop_id, "ContainerHostname": "drop-id"}, abalone])
        rows = [[f"id-{n}", *row[1:]] for n, row in enumerate(ROWS[:20])]
        job = run("two", put("two/rows.csv", lines_of(rows)), model="two", DataProcessing={"JoinSource": "Input", "OutputFilter": "$[0,-1]"})
        self.assertEqual(job["TransformJobStatus"], "Completed", job.get("FailureReason"))
        alone = run("two-alone", put("two-alone/rows.csv", lines_of(row[1:] for row in rows)))
        self.assertEqual(alone["TransformJobStatus"], "Completed")
        expected = [f"id-{n},{line}" for n, line in enumerate(get("out/two-alone/rows.csv.out").splitlines())]
        self.assertEqual(get("out/two/rows.csv.out").splitlines(), expected)
        streams = logs.describe_log_streams(logGroupName="/aws/sagemaker/TransformJobs", logStreamNamePrefix="two/")["logStreams"]
        self.assertEqual([stream["logStreamName"].split("/")[-1] for stream in streams], ["container-2", "data-log", "drop-id"])

    def test_a_bad_record_fails_its_file_alone_and_is_named(self):
        put("spoilt/a.csv", "0.5,0.4,0.1\n")
        put("spoilt/b.csv", "0.5,0.4,0.1\n" * 700 + "0.5,shell,0.1\n" + "0.5,0.4,0.1\n" * 50)
        job = run("spoilt", f"s3://{BUCKET}/spoilt/")
        self.assertEqual(job["TransformJobStatus"], "Failed")
        self.assertIn(f"ClientError: 1 of 2 input files could not be transformed and have no output. s3://{BUCKET}/spoilt/b.csv: line 701: ", job["FailureReason"])
        self.assertIn("415", job["FailureReason"])
        self.assertEqual(keys("out/spoilt"), ["out/spoilt/a.csv.out"])

    def test_a_content_type_the_model_refuses(self):
        uri = put("types/rows.csv", "1,2,3\n")
        job = run("types", uri, source={"ContentType": "application/x-parquet"})
        self.assertEqual(job["TransformJobStatus"], "Failed")
        self.assertIn("Content-type application/x-parquet is not supported", job["FailureReason"])
        with self.assertRaises(Exception):
            sagemaker.get_waiter("transform_job_completed_or_stopped").wait(TransformJobName="types", WaiterConfig={"Delay": 1})

    def test_a_record_over_the_limit(self):
        uri = put("large/rows.csv", "1," * 600_000 + "1\n")
        self.assertRegex(run("large", uri, MaxPayloadInMB=1)["FailureReason"], "line 1 is longer than the payload limit of 1 MB")

    def test_nothing_under_the_prefix(self):
        job = run("nothing", f"s3://{BUCKET}/no/such/prefix")
        self.assertRegex(job["FailureReason"], "^ClientError: Data download failed: No S3 objects found under s3://.*/no/such/prefix")

    def test_a_stopped_job_stores_nothing(self):
        put("slow/a.jsonl", json.dumps({"features": [1]}))
        put("slow/b.jsonl", json.dumps({"features": [1], "wait": True}))
        create("slow", f"s3://{BUCKET}/slow/", model="scripted", source={"ContentType": "application/jsonlines"}, output={"Accept": "application/jsonlines"})
        while "TransformStartTime" not in sagemaker.describe_transform_job(TransformJobName="slow"):
            time.sleep(0.1)
        self.assertEqual(sagemaker.list_transform_jobs(StatusEquals="InProgress")["TransformJobSummaries"][0]["TransformJobName"], "slow")
        sagemaker.stop_transform_job(TransformJobName="slow")
        self.assertEqual(wait("slow")["TransformJobStatus"], "Stopped")
        self.assertEqual(keys("out/slow"), [])
        self.refused("transform job is in status Stopped", lambda: sagemaker.stop_transform_job(TransformJobName="slow"))

    def test_what_the_job_reads_is_what_the_model_was(self):
        sagemaker.create_model(ModelName="short-lived", ExecutionRoleArn=ROLE, PrimaryContainer=sagemaker.describe_model(ModelName="abalone")["PrimaryContainer"])
        create("short-lived", put("short/rows.csv", "0.5,0.4,0.1\n"), model="short-lived")
        sagemaker.delete_model(ModelName="short-lived")
        self.assertEqual(wait("short-lived")["TransformJobStatus"], "Completed")

    def test_a_registered_model_needs_approval_and_is_taken_as_it_was_registered(self):
        content = s3.get_object(Bucket=BUCKET, Key="models/abalone/output/model.tar.gz")["Body"].read()
        data = put("registered/model.tar.gz", content)
        sagemaker.create_model_package_group(ModelPackageGroupName="abalone")
        package = sagemaker.create_model_package(
            ModelPackageGroupName="abalone", ModelApprovalStatus="PendingManualApproval",
            InferenceSpecification={"Containers": [{"Image": XGBOOST, "ModelDataUrl": data}], "SupportedContentTypes": ["text/csv"],
                                    "SupportedResponseMIMETypes": ["text/csv"]})["ModelPackageArn"]

        def create_model():
            sagemaker.create_model(ModelName="registered", ExecutionRoleArn=ROLE, Containers=[{"ModelPackageName": package}])

        self.refused("PendingManualApproval", create_model)
        sagemaker.update_model_package(ModelPackageArn=package, ModelApprovalStatus="Approved")
        create_model()
        put("registered/model.tar.gz", b"other bytes since")
        job = run("registered", put("registered/rows.csv", "0.5,0.4,0.1\n"), model="registered")
        self.assertEqual(job["TransformJobStatus"], "Completed", job.get("FailureReason"))

    def test_captured_input_and_output(self):
        uri = put("captured/rows.csv", "0.5,0.4,0.1\n")
        job = run("captured", uri, DataCaptureConfig={"DestinationS3Uri": f"s3://{BUCKET}/capture", "GenerateInferenceId": True})
        self.assertEqual(job["TransformJobStatus"], "Completed", job.get("FailureReason"))
        hour = job["CreationTime"].strftime("%Y/%m/%d/%H")
        self.assertEqual(json.loads(get(f"capture/input/{hour}/captured.json")), [{"prefix": f"s3://{BUCKET}/captured/"}, "rows.csv"])
        self.assertEqual(json.loads(get(f"capture/output/{hour}/captured.json")), [{"prefix": f"s3://{BUCKET}/out/captured/"}, "rows.csv.out"])
        self.assertRegex(get("out/captured/rows.csv.out"), r"^[0-9.]+,[0-9a-f-]{36},\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n$")

    def test_refusals(self):
        uri = f"s3://{BUCKET}/abalone/train"
        self.refused("Could not find model", lambda: create("r", uri, model="no-such-model"))
        self.refused("not a supported JSONPath", lambda: create("r", uri, DataProcessing={"InputFilter": "$..x"}))
        self.refused("does not fit CSV", lambda: create("r", uri, DataProcessing={"InputFilter": "$.x"}))
        self.refused("SplitType and AssembleWith to be the same", lambda: create("r", uri, source={"SplitType": "None"}, DataProcessing={"JoinSource": "Input"}))
        self.refused("must not exceed 100 MB", lambda: create("r", uri, MaxPayloadInMB=60, MaxConcurrentTransforms=2))
        self.refused("AugmentedManifestFile is not supported", lambda: create("r", uri, source={"DataSource": {"S3DataSource": {"S3DataType": "AugmentedManifestFile", "S3Uri": uri}}}))
        self.refused("Could not find requested job with name: r", lambda: sagemaker.describe_transform_job(TransformJobName="r"))
        sagemaker.create_model(ModelName="roleless", PrimaryContainer={"Image": XGBOOST})
        self.refused("has no ExecutionRoleArn", lambda: create("r", uri, model="roleless"))
        create("twice", uri)
        self.refused("transform job with this name already exists", lambda: create("twice", uri), "ResourceInUse")
        wait("twice")


if __name__ == "__main__":
    unittest.main()
