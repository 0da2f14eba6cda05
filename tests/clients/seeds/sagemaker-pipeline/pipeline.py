"""Defines, updates and runs the pipeline: preprocess, train, evaluate, register."""
import json
import pathlib
import tempfile

import boto3
from sagemaker import image_uris
from sagemaker.inputs import TrainingInput
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.workflow.functions import Join
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.step_collections import RegisterModel
from sagemaker.workflow.steps import ProcessingStep, TrainingStep
from sagemaker.xgboost import XGBoost

from participants import make_participants

here = pathlib.Path(__file__).parent
settings = json.loads((here / "config" / "parameters.json").read_text())
role = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"
session = PipelineSession()

# Step 1: Parameters
model_approval = ParameterString(name="ModelApprovalStatus", default_value="PendingManualApproval")

# Step 2: Preprocessing and training
with tempfile.TemporaryDirectory() as folder:
    make_participants().to_csv(f"{folder}/participants.csv", index=False)
    participants = session.upload_data(f"{folder}/participants.csv", key_prefix="clinical-risk/participants")

preprocess_step = ProcessingStep(
    name="Preprocess",
    step_args=SKLearnProcessor(
        framework_version="1.2-1", role=role, instance_type=settings["instance_type"], instance_count=1,
        base_job_name="clinical-risk", sagemaker_session=session,
    ).run(
        code=str(here / "preprocessing.py"),
        arguments=["--test-fraction", "0.25"],
        inputs=[ProcessingInput(source=participants, destination="/opt/ml/processing/input/participants")],
        outputs=[ProcessingOutput(output_name=name, source=f"/opt/ml/processing/output/{name}") for name in ("train", "test")],
    ),
)


def preprocessed(name):
    return preprocess_step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


xgb_estimator = XGBoost(
    entry_point="train.py",
    source_dir=str(here),
    framework_version="1.7-1",
    role=role,
    instance_count=1,
    instance_type=settings["instance_type"],
    hyperparameters=settings["hyperparameters"],
    metric_definitions=[{"Name": "train:auc", "Regex": r"\[[0-9]+\].*train-auc:([0-9.]+)"}],
    sagemaker_session=session,
)
train_step = TrainingStep(
    name="TrainModel",
    estimator=xgb_estimator,
    inputs={"train": TrainingInput(preprocessed("train"), content_type="text/csv")},
)

evaluate_step = ProcessingStep(
    name="Evaluate",
    step_args=ScriptProcessor(
        image_uri=image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1"), command=["python3"],
        role=role, instance_type=settings["instance_type"], instance_count=1, sagemaker_session=session,
    ).run(
        code=str(here / "evaluate.py"),
        inputs=[
            ProcessingInput(source=train_step.properties.ModelArtifacts.S3ModelArtifacts, destination="/opt/ml/processing/model"),
            ProcessingInput(source=preprocessed("test"), destination="/opt/ml/processing/test"),
        ],
        outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
    ),
)

# Step 3: Register
model_metrics = ModelMetrics(model_statistics=MetricsSource(
    s3_uri=Join(on="/", values=[
        evaluate_step.properties.ProcessingOutputConfig.Outputs["evaluation"].S3Output.S3Uri, "evaluation.json"]),
    content_type="application/json"))
register_step = RegisterModel(
    name="RegisterModel",
    estimator=xgb_estimator,
    model_data=train_step.properties.ModelArtifacts.S3ModelArtifacts,
    content_types=["text/csv"],
    response_types=["text/csv"],
    inference_instances=[settings["instance_type"]],
    transform_instances=[settings["instance_type"]],
    approval_status=model_approval,
    model_package_group_name=settings["model_package_group"],
    model_metrics=model_metrics,
)

pipeline = Pipeline(
    name=settings["pipeline"],
    parameters=[model_approval],
    steps=[preprocess_step, train_step, evaluate_step, register_step],
    sagemaker_session=session,
)

if __name__ == "__main__":
    pipeline.upsert(role_arn=role, tags=[{"Key": "study", "Value": "dropout-risk"}])
    execution = pipeline.start(parameters={"ModelApprovalStatus": "PendingManualApproval"})
    execution.wait(delay=2, max_attempts=300)
    for step in execution.list_steps():
        print(f"{step['StepName']}: {step['StepStatus']}")
    training = next(step for step in execution.list_steps() if step["StepName"] == "TrainModel")
    job = boto3.client("sagemaker").describe_training_job(TrainingJobName=training["Metadata"]["TrainingJob"]["Arn"].split("/")[-1])
    print("train:auc", {metric["MetricName"]: metric["Value"] for metric in job["FinalMetricDataList"]}["train:auc"])
