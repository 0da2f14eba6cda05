"""SageMaker SDK 2.x: notebooks as steps of a pipeline."""
import io
import json
import os
import pathlib
import tarfile
import tempfile
import time

import boto3
import sagemaker
from sagemaker.workflow.notebook_job_step import NotebookJobStep
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession

role = "arn:aws:iam::123456789012:role/DataScientists"
session = PipelineSession()
os.chdir(tempfile.mkdtemp())
pathlib.Path("numbers.txt").write_text("1 2 3")
pathlib.Path("prepare.sh").write_text("echo 4 >> more.txt\n")


def notebook(name, *cells):
    code = [{"cell_type": "code", "execution_count": None, "metadata": {"tags": tags}, "outputs": [], "source": source} for source, tags in cells]
    content = {"cells": code, "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}, "nbformat": 4, "nbformat_minor": 4}
    pathlib.Path(name).write_text(json.dumps(content))
    return name


good = notebook(
    "sum.ipynb", ("factor = '1'", ["parameters"]), ("import pathlib\nvalues = (pathlib.Path('numbers.txt').read_text() + ' ' + pathlib.Path('more.txt').read_text()).split()", []),
    ("total = sum(map(int, values)) * int(factor)\nprint('total:', total)\ntotal", []))
bad = notebook("fails.ipynb", ("a = 1", []), ("a / 0", []))
image = sagemaker.image_uris.retrieve("sklearn", session.boto_region_name, version="1.2-1", instance_type="ml.m5.large")
settings = dict(image_uri=image, kernel_name="python3", role=role, instance_type="ml.m5.large")
first = NotebookJobStep(
    name="Sum", notebook_job_name="sum", input_notebook=good, parameters={"factor": "2"}, initialization_script="prepare.sh",
    additional_dependencies=["numbers.txt"], **settings)
second = NotebookJobStep(name="Fails", notebook_job_name="fails", input_notebook=bad, **settings)
pipeline = Pipeline("notebooks", steps=[first, second], sagemaker_session=session)
pipeline.upsert(role_arn=role)
execution = pipeline.start()
while (description := execution.describe())["PipelineExecutionStatus"] == "Executing":
    time.sleep(0.2)
steps = {one["StepName"]: one for one in execution.list_steps()}
print(description["PipelineExecutionStatus"] + ":", {name: steps[name]["StepStatus"] for name in sorted(steps)})
print("reason:", steps["Fails"]["FailureReason"])
job = session.sagemaker_client.describe_training_job(TrainingJobName=steps["Sum"]["Metadata"]["TrainingJob"]["Arn"].split("/")[-1])
bucket, key = job["ModelArtifacts"]["S3ModelArtifacts"].removeprefix("s3://").split("/", 1)
archive = tarfile.open(fileobj=io.BytesIO(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()))
done = json.load(archive.extractfile(job["Environment"]["SM_OUTPUT_NOTEBOOK_NAME"]))
print("outputs:", [output.get("text") or output["data"]["text/plain"] for output in done["cells"][-1]["outputs"]])
