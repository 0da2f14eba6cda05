"""Processing and training jobs as they end: what fails says why, what must not come out stays in."""
import io
import tarfile
import unittest

from botocore.exceptions import ClientError

from account import (
    ACCOUNT, BUCKET, CLUSTER, PYTHON, ROLE, XGBOOST, error_of, get, keys_under, log_of, processing, put, sagemaker, script_uri, settled,
    settled_processing, settled_training, start_processing,
)


def archive(members):
    """A tar.gz; a value is content, or (type, link)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, value in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(value, bytes):
                member.size = len(value)
                tar.addfile(member, io.BytesIO(value))
            else:
                member.type, member.linkname = value
                tar.addfile(member)
    return buffer.getvalue()


def train(name, parameters=None, channels=None, script=None, **more):
    """A training job of the XGBoost image, or of a script in a channel of its own."""
    channels = {**(channels or {}), **({"code": script_uri(script)} if script else {})}
    entry = {"TrainingImage": PYTHON, "ContainerEntrypoint": ["python3", "/opt/ml/input/data/code/run.py"]} if script else {}
    specification = {"TrainingImage": XGBOOST, "TrainingInputMode": "File", **entry, **more.pop("AlgorithmSpecification", {})}
    sources = [{"ChannelName": channel, "ContentType": "text/csv", "DataSource": {"S3DataSource": {
        "S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}}} for channel, uri in channels.items()]
    return sagemaker.create_training_job(
        TrainingJobName=name, RoleArn=ROLE, AlgorithmSpecification=specification, HyperParameters=parameters or {},
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/models"}, ResourceConfig=CLUSTER["ClusterConfig"],
        **{"StoppingCondition": {"MaxRuntimeInSeconds": 300}, **({"InputDataConfig": sources} if sources else {}), **more})


class ProcessingJobs(unittest.TestCase):
    def reason(self, name):
        job = settled_processing(name)
        self.assertEqual(job["ProcessingJobStatus"], "Failed")
        return job["FailureReason"]

    def test_inputs_to_outputs_with_arguments_environment_and_message(self):
        uri = put("jobs/in/a.txt", "one")
        put("jobs/in/deep/b.txt", "two")
        script = ("import os, sys, pathlib; root = pathlib.Path('/opt/ml/processing');"
                  "text = '+'.join(path.read_text() for path in sorted((root / 'in/all').rglob('*.txt')));"
                  "target = root / 'out/joined/sub'; target.mkdir(parents=True); (target / 'c.txt').write_text(text);"
                  "pathlib.Path('/opt/ml/output/message').write_text('joined ' + os.environ['WHAT'] + ' ' + sys.argv[1]); print(text)")
        request = processing(script, {"all": f"s3://{BUCKET}/jobs/in/"}, {"joined": f"s3://{BUCKET}/jobs/out"}, Environment={"WHAT": "texts"})
        request["AppSpecification"]["ContainerArguments"] = ["now"]
        sagemaker.create_processing_job(ProcessingJobName="jobs-joined", **request)
        job = settled_processing("jobs-joined")
        self.assertEqual(job["ProcessingJobStatus"], "Completed", job.get("FailureReason"))
        self.assertEqual(job["ExitMessage"], "joined texts now")
        self.assertEqual(keys_under(f"s3://{BUCKET}/jobs/out"), ["/sub/c.txt"])
        self.assertEqual(get(f"s3://{BUCKET}/jobs/out/sub/c.txt"), b"one+two")
        self.assertEqual(log_of("ProcessingJobs", "jobs-joined")[-1], "one+two")
        self.assertLessEqual(job["CreationTime"], job["ProcessingStartTime"])
        self.assertLessEqual(job["ProcessingStartTime"], job["ProcessingEndTime"])
        self.assertEqual(get(uri), b"one")

    def test_a_script_that_raises(self):
        start_processing("jobs-raises", "print('so far so good'); raise ValueError('the age column is missing')")
        reason = self.reason("jobs-raises")
        self.assertTrue(reason.startswith("AlgorithmError: ") and reason.endswith(", exit code: 1"), reason)
        self.assertIn("ValueError: the age column is missing", reason)

    def test_a_long_reason_is_cut(self):
        start_processing("jobs-long", "import sys; print('x' * 5000); sys.exit(7)")
        reason = self.reason("jobs-long")
        self.assertLessEqual(len(reason), 1024)
        self.assertTrue(reason.endswith(", exit code: 7"), reason)

    def test_a_program_that_is_not_there(self):
        request = processing("")
        request["AppSpecification"]["ContainerEntrypoint"] = ["/opt/nothing/here"]
        sagemaker.create_processing_job(ProcessingJobName="jobs-absent", **request)
        self.assertRegex(self.reason("jobs-absent"), "/opt/nothing/here")

    def test_an_image_nobody_knows(self):
        start_processing("jobs-unknown-image", "pass", AppSpecification={"ImageUri": "example.com/none:1"})
        self.assertRegex(self.reason("jobs-unknown-image"), r"^ClientError: .*example\.com/none:1.*sagemaker-xgboost")

    def test_max_runtime(self):
        start_processing("jobs-slow", "import time; time.sleep(600)", StoppingCondition={"MaxRuntimeInSeconds": 1})
        job = settled_processing("jobs-slow")
        self.assertEqual(job["ProcessingJobStatus"], "Stopped")

    def test_memory(self):
        # the server of these tests gives this instance type 256 MiB
        start_processing("jobs-greedy", "kept = []\nwhile True: kept.append(bytearray(64 << 20))",
                         ProcessingResources={"ClusterConfig": {**CLUSTER["ClusterConfig"], "InstanceType": "ml.t3.medium"}})
        reason = self.reason("jobs-greedy")
        self.assertRegex(reason, r"memory.*exit code: 137$")

    def test_stopping_is_graceful(self):
        start_processing("jobs-stopped", "import signal, sys, time\n"
                         "def end(*_): open('/opt/ml/processing/out/o/kept.txt', 'w').write('kept'); print('told to end', flush=True); sys.exit(0)\n"
                         "signal.signal(signal.SIGTERM, end); print('up', flush=True); time.sleep(600)", outputs={"o": f"s3://{BUCKET}/jobs/stopped"})
        settled(lambda: {"up": "up" in running_log("jobs-stopped")}, "up", (False,))
        sagemaker.stop_processing_job(ProcessingJobName="jobs-stopped")
        self.assertEqual(settled_processing("jobs-stopped")["ProcessingJobStatus"], "Stopped")
        self.assertIn("told to end", log_of("ProcessingJobs", "jobs-stopped"))
        self.assertEqual(error_of(sagemaker.stop_processing_job, ProcessingJobName="jobs-stopped")[0], "ValidationException")

    def test_missing_inputs(self):
        start_processing("jobs-no-object", "pass", {"gone": f"s3://{BUCKET}/jobs/none/at/all"})
        self.assertRegex(self.reason("jobs-no-object"), f"s3://{BUCKET}/jobs/none/at/all")
        start_processing("jobs-no-bucket", "pass", {"gone": "s3://no-such-bucket-here/x"})
        self.assertRegex(self.reason("jobs-no-bucket"), "no-such-bucket-here")

    def test_links_do_not_carry_files_out(self):
        script = ("import os; out = '/opt/ml/processing/out/o/'; open(out + 'real.txt', 'w').write('real');"
                  "os.symlink('/etc/passwd', out + 'file'); os.symlink('/etc', out + 'folder'); os.symlink('real.txt', out + 'near')")
        start_processing("jobs-links", script, outputs={"o": f"s3://{BUCKET}/jobs/links"})
        job = settled_processing("jobs-links")
        self.assertEqual(job["ProcessingJobStatus"], "Completed", job.get("FailureReason"))
        self.assertEqual(keys_under(f"s3://{BUCKET}/jobs/links"), ["/real.txt"])

    def test_network_isolation(self):
        script = ("import socket\ntry: socket.create_connection(('%s', %d), 3); print('CONNECTED')\nexcept OSError as error: print('no way out')")
        address = sagemaker.meta.endpoint_url.split("//")[1].split(":")
        start_processing("jobs-isolated", script % (address[0], int(address[1])), NetworkConfig={"EnableNetworkIsolation": True})
        start_processing("jobs-open", script % (address[0], int(address[1])))
        self.assertEqual(settled_processing("jobs-isolated")["ProcessingJobStatus"], "Completed")
        self.assertEqual(log_of("ProcessingJobs", "jobs-isolated")[-1], "no way out")
        self.assertEqual(settled_processing("jobs-open")["ProcessingJobStatus"], "Completed")
        self.assertEqual(log_of("ProcessingJobs", "jobs-open")[-1], "CONNECTED")

    def test_what_cannot_run_is_refused_when_it_is_asked_for(self):
        request = processing("", {"twice": f"s3://{BUCKET}/x"})
        request["ProcessingInputs"] *= 2
        code, text = error_of(sagemaker.create_processing_job, ProcessingJobName="jobs-twice", **request)
        self.assertEqual(code, "ValidationException")
        self.assertIn('"twice"', text)
        request = processing("", outputs={"o": f"s3://{BUCKET}/x"})
        request["ProcessingOutputConfig"]["Outputs"][0]["S3Output"]["LocalPath"] = "/etc"
        self.assertIn("/etc", error_of(sagemaker.create_processing_job, ProcessingJobName="jobs-etc", **request)[1])
        for name in "jobs-twice", "jobs-etc":
            self.assertIn("Could not find", error_of(sagemaker.describe_processing_job, ProcessingJobName=name)[1])

    def test_names_and_lists(self):
        for at in range(5):
            start_processing(f"jobs-listed-{at}", "pass" if at else "raise SystemExit(3)")
        code, text = error_of(start_processing, name="jobs-listed-0", script="pass")
        self.assertEqual(code, "ResourceInUse")
        self.assertIn("already exists", text)
        for at in range(5):
            settled_processing(f"jobs-listed-{at}")
        listed = sagemaker.get_paginator("list_processing_jobs").paginate(
            NameContains="jobs-listed", SortBy="CreationTime", SortOrder="Ascending", PaginationConfig={"PageSize": 2})
        pages = [[summary["ProcessingJobName"] for summary in page["ProcessingJobSummaries"]] for page in listed]
        self.assertEqual(pages, [["jobs-listed-0", "jobs-listed-1"], ["jobs-listed-2", "jobs-listed-3"], ["jobs-listed-4"]])
        failed = sagemaker.list_processing_jobs(NameContains="jobs-listed", StatusEquals="Failed")["ProcessingJobSummaries"]
        self.assertEqual([(one["ProcessingJobName"], one["ProcessingJobStatus"]) for one in failed], [("jobs-listed-0", "Failed")])
        self.assertTrue(failed[0]["FailureReason"].endswith("exit code: 3"))
        sagemaker.delete_processing_job(ProcessingJobName="jobs-listed-0")
        self.assertIn("Could not find", error_of(sagemaker.describe_processing_job, ProcessingJobName="jobs-listed-0")[1])


def running_log(name):
    try:
        return log_of("ProcessingJobs", name)
    except (IndexError, ClientError):  # no stream yet
        return []


class TrainingJobs(unittest.TestCase):
    def test_fast_file_and_metrics_of_a_script(self):
        put("jobs/fast/rows.csv", "1\n2\n3\n")
        put("jobs/code/train.tar.gz", archive({"train.py": (
            b"import os\nrows = open(os.environ['SM_CHANNEL_ROWS'] + '/rows.csv').read().split()\n"
            b"for epoch in range(3): print(f'epoch {epoch} loss={1 / (epoch + len(rows))}')\n"
            b"try: open(os.environ['SM_CHANNEL_ROWS'] + '/new', 'w'); print('WRITTEN')\nexcept OSError: print('read-only')\n"
            b"open(os.environ['SM_MODEL_DIR'] + '/m', 'w').write('m'); open(os.environ['SM_OUTPUT_DATA_DIR'] + '/extra.txt', 'w').write('e')\n")}))
        train("jobs-fast", {"sagemaker_program": "train.py", "sagemaker_submit_directory": f"s3://{BUCKET}/jobs/code/train.tar.gz"},
              {"rows": f"s3://{BUCKET}/jobs/fast/"}, AlgorithmSpecification={
                  "TrainingInputMode": "FastFile", "MetricDefinitions": [{"Name": "loss", "Regex": "loss=([0-9.]+)"}]})
        job = settled_training("jobs-fast")
        self.assertEqual(job["TrainingJobStatus"], "Completed", job.get("FailureReason"))
        self.assertEqual([(one["MetricName"], round(one["Value"], 4)) for one in job["FinalMetricDataList"]], [("loss", 0.2)])
        self.assertIn("read-only", log_of("TrainingJobs", "jobs-fast"))
        self.assertEqual([step["Status"] for step in job["SecondaryStatusTransitions"]][-1], "Completed")
        self.assertIn("Training", [step["Status"] for step in job["SecondaryStatusTransitions"]])
        output = tarfile.open(fileobj=io.BytesIO(get(f"s3://{BUCKET}/models/jobs-fast/output/output.tar.gz")))
        self.assertEqual([name for name in output.getnames() if name.endswith(".txt")], ["extra.txt"])

    def test_code_that_escapes_its_archive(self):
        for name, members in {
            "jobs-escape-up": {"../../../../tmp/escaped": b"x", "train.py": b"print('ran')"},
            "jobs-escape-root": {"/tmp/escaped": b"x", "train.py": b"print('ran')"},
            "jobs-escape-link": {"out": (tarfile.SYMTYPE, "/tmp"), "out/escaped": b"x", "train.py": b"print('ran')"},
        }.items():
            uri = put(f"jobs/code/{name}.tar.gz", archive(members))
            train(name, {"sagemaker_program": "train.py", "sagemaker_submit_directory": uri})
            job = settled_training(name)
            self.assertEqual(job["TrainingJobStatus"], "Failed", name)
            self.assertRegex(job["FailureReason"], "AlgorithmError: (?s:.*) would be unpacked outside of its folder|AlgorithmError: (?s:.*)link", name)

    def test_failure_file_and_exit_code(self):
        train("jobs-own-words", script="open('/opt/ml/output/failure', 'w').write('no rows of class 1'); raise SystemExit(4)")
        self.assertEqual(settled_training("jobs-own-words")["FailureReason"], "AlgorithmError: no rows of class 1, exit code: 4")

    def test_max_runtime_keeps_the_model(self):
        script = ("import signal, sys, time; signal.signal(signal.SIGTERM, lambda *_: sys.exit(0));"
                  "open('/opt/ml/model/half', 'w').write('half'); time.sleep(600)")
        train("jobs-late", script=script, StoppingCondition={"MaxRuntimeInSeconds": 2})
        job = settled_training("jobs-late")
        self.assertEqual((job["TrainingJobStatus"], job["SecondaryStatus"]), ("Stopped", "MaxRuntimeExceeded"))
        self.assertEqual(tarfile.open(fileobj=io.BytesIO(get(job["ModelArtifacts"]["S3ModelArtifacts"]))).getnames(), ["half"])

    def test_stopping_and_deleting(self):
        train("jobs-endless", script="import time; print('up', flush=True); time.sleep(600)")
        settled(lambda: {"status": sagemaker.describe_training_job(TrainingJobName="jobs-endless")["SecondaryStatus"]}, "status", ("Starting", "Pending"))
        code, message = error_of(sagemaker.delete_training_job, TrainingJobName="jobs-endless")
        self.assertEqual((code, "InProgress" in message), ("ResourceInUse", True), message)
        sagemaker.stop_training_job(TrainingJobName="jobs-endless")
        job = settled_training("jobs-endless")
        self.assertEqual((job["TrainingJobStatus"], job["SecondaryStatus"]), ("Stopped", "Stopped"))
        sagemaker.delete_training_job(TrainingJobName="jobs-endless")
        self.assertIn("Could not find", error_of(sagemaker.describe_training_job, TrainingJobName="jobs-endless")[1])

    def test_missing_channel_data(self):
        train("jobs-no-data", {"num_round": "1"}, {"train": f"s3://{BUCKET}/jobs/nothing/"})
        job = settled_training("jobs-no-data")
        self.assertEqual(job["TrainingJobStatus"], "Failed")
        self.assertRegex(job["FailureReason"], f"s3://{BUCKET}/jobs/nothing/")

    def test_lists(self):
        for at in range(3):
            train(f"jobs-trained-{at}", script="pass")
        for at in range(3):
            self.assertEqual(settled_training(f"jobs-trained-{at}")["TrainingJobStatus"], "Completed")
        listed = sagemaker.get_paginator("list_training_jobs").paginate(
            NameContains="jobs-trained", SortBy="Name", SortOrder="Descending", PaginationConfig={"PageSize": 1})
        self.assertEqual([page["TrainingJobSummaries"][0]["TrainingJobName"] for page in listed], [f"jobs-trained-{at}" for at in (2, 1, 0)])
        code, text = error_of(train, name="jobs-trained-0", script="pass")
        self.assertEqual((code, "already exists" in text), ("ResourceInUse", True), text)
        self.assertIn("Could not find", error_of(sagemaker.describe_training_job, TrainingJobName="jobs-none")[1])
        self.assertEqual(sagemaker.list_training_jobs(NameContains="jobs-none")["TrainingJobSummaries"], [])


if __name__ == "__main__":
    unittest.main()
