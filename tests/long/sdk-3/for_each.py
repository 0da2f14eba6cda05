"""SageMaker SDK 3: train once per item and pick the best, tell of a failure, clean up."""
import json
import pathlib
import time

import boto3
import sagemaker.core.helper.session_helper as session_helper
from sagemaker.core.training.configs import Compute, InputData, StoppingCondition
from sagemaker.core.workflow.parameters import ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core import image_uris
from sagemaker.mlops.workflow.cleanup_step import CleanupStep, S3CleanupSource
from sagemaker.mlops.workflow.for_each_step import CurrentItem, ForEachSelector, ForEachStep, IterationOutput
from sagemaker.mlops.workflow.lambda_step import LambdaStep
from sagemaker.core.lambda_helper import Lambda
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.step_dependency import StepDependency, TriggerCondition
from sagemaker.mlops.workflow.steps import TrainingStep
from sagemaker.train.model_trainer import ModelTrainer

session = PipelineSession()
region = session.boto_region_name
bucket = session.default_bucket()
role = session_helper.get_execution_role()
image = image_uris.retrieve("xgboost", region, version="1.7-1")

rows = "\n".join(f"{(n % 7) * (n % 5) + n % 3},{n % 7},{n % 5},{n % 3}" for n in range(400))
s3 = boto3.client("s3")
for channel in ("train", "validation"):
    s3.put_object(Bucket=bucket, Key=f"for-each/{channel}/rows.csv", Body=rows)

items = ParameterString(name="Depths", default_value=json.dumps([{"depth": "1"}, {"depth": "3"}, {"depth": "6"}]))
item = CurrentItem()


def trainer(**hyperparameters):
    return ModelTrainer(
        sagemaker_session=session,
        training_image=image,
        role=role,
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        stopping_condition=StoppingCondition(max_runtime_in_seconds=600),
        hyperparameters={"objective": "reg:squarederror", "num_round": "8", **hyperparameters},
    )


channels = [
    InputData(channel_name=name, data_source=f"s3://{bucket}/for-each/{name}", content_type="text/csv") for name in ("train", "validation")
]
body = TrainingStep(name="TrainOne", step_args=trainer(max_depth=item.depth).train(input_data_config=channels))
each = ForEachStep(
    name="TryDepths",
    iterable_items=items,
    max_concurrency=2,
    for_each_body=[body],
    selector=ForEachSelector("MinBy", IterationOutput(body).FinalMetricDataList["validation:rmse"].Value),
)
broken = TrainingStep(name="Broken", step_args=trainer(num_round="no number").train(input_data_config=channels))
notify = Lambda(
    function_name="sdk3-notify",
    execution_role_arn=role,
    script=str(pathlib.Path(__file__).parent / "notify.py"),
    handler="notify.handler",
    session=session,
)
tell = LambdaStep(
    name="TellOfFailure",
    lambda_func=notify,
    inputs={"best": each.properties.Selected.ModelArtifacts.S3ModelArtifacts, "children": each.properties.SucceededStepCount},
    depends_on=[StepDependency(broken, TriggerCondition.FAILED)],
)
scrap = TrainingStep(name="Scrap", step_args=trainer().train(input_data_config=channels))
clean_up = CleanupStep(name="CleanUp", s3_sources=[S3CleanupSource(scrap)])
pipeline = Pipeline(name="TryDepths", parameters=[items], steps=[each, broken, tell, scrap, clean_up], sagemaker_session=session)

if __name__ == "__main__":
    pipeline.upsert(role_arn=role)
    execution = pipeline.start()
    while (description := execution.describe())["PipelineExecutionStatus"] == "Executing":
        time.sleep(1)
    print("pipeline:", description["PipelineExecutionStatus"])
    steps = {step["StepName"]: step for step in execution.list_steps()}
    for name in sorted(steps):
        print(f"{name}: {steps[name]['StepStatus']}")
    count, best = boto3.client("ssm").get_parameter(Name="/sdk3/best")["Parameter"]["Value"].split(" ", 1)
    jobs = {}
    for name, step in steps.items():
        if name.startswith("TrainOne-"):
            job = boto3.client("sagemaker").describe_training_job(TrainingJobName=step["Metadata"]["TrainingJob"]["Arn"].split("/")[-1])
            [rmse] = [m["Value"] for m in job["FinalMetricDataList"] if m["MetricName"] == "validation:rmse"]
            jobs[job["ModelArtifacts"]["S3ModelArtifacts"]] = rmse
    print("best of", count, jobs[best] == min(jobs.values()))
    scrapped = steps["Scrap"]["Metadata"]["TrainingJob"]["Arn"].split("/")[-1]
    left = [item["Key"] for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket) for item in page.get("Contents", [])]
    print("left of the scrap:", [key for key in left if scrapped in key])
