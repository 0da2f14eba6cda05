"""End-to-end MLOps with SageMaker Pipelines: preprocess, train, evaluate, and register the model if it is accurate enough."""
import json
import pathlib

import boto3
import sagemaker
import sagemaker.inputs
import sagemaker.model
import sagemaker.processing
import sagemaker.workflow.functions
from sagemaker.estimator import Estimator
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import ProcessingStep, TrainingStep

here = pathlib.Path(__file__).parent
role = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"
session = sagemaker.Session()
pipeline_session = PipelineSession()
region = session.boto_region_name
bucket = session.default_bucket()

# Parameters
processing_instance_count = ParameterInteger(name="ProcessingInstanceCount", default_value=1)
input_data = ParameterString(name="InputData", default_value=f"s3://{bucket}/my-input-data/")
accuracy_threshold = ParameterFloat(name="AccuracyThreshold", default_value=0.80)

# Preprocessing
sklearn_processor = SKLearnProcessor(
    framework_version="0.23-1",
    role=role,
    instance_type="ml.m5.large",
    instance_count=processing_instance_count,
    sagemaker_session=session,
)

step_process = ProcessingStep(
    name="DataProcessing",
    processor=sklearn_processor,
    inputs=[sagemaker.processing.ProcessingInput(source=input_data, destination="/opt/ml/processing/input")],
    outputs=[
        sagemaker.processing.ProcessingOutput(output_name="train", source="/opt/ml/processing/train"),
        sagemaker.processing.ProcessingOutput(output_name="validation", source="/opt/ml/processing/validation"),
    ],
    code=str(here / "preprocess.py"),
)

# Training with the built-in algorithm
training_image = sagemaker.image_uris.retrieve("xgboost", region, version="1.7-1")
model_estimator = Estimator(
    image_uri=training_image,
    role=role,
    instance_count=1,
    instance_type="ml.m5.xlarge",
    output_path=f"s3://{bucket}/my-models",
    sagemaker_session=session,
    hyperparameters={"objective": "binary:logistic", "num_round": 50, "max_depth": 4, "eta": 0.2, "eval_metric": "logloss"},
)

step_train = TrainingStep(
    name="ModelTraining",
    estimator=model_estimator,
    inputs={
        name: sagemaker.inputs.TrainingInput(
            s3_data=step_process.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri, content_type="text/csv")
        for name in ("train", "validation")
    },
)

# Evaluation, in the image that has XGBoost
eval_processor = sagemaker.processing.ScriptProcessor(
    image_uri=training_image, command=["python3"], role=role, instance_type="ml.m5.large", instance_count=1, sagemaker_session=session)
evaluation_report = PropertyFile(name="EvaluationReport", output_name="evaluation", path="evaluation.json")
step_eval = ProcessingStep(
    name="ModelEvaluation",
    processor=eval_processor,
    inputs=[
        sagemaker.processing.ProcessingInput(
            source=step_train.properties.ModelArtifacts.S3ModelArtifacts, destination="/opt/ml/processing/model"),
        sagemaker.processing.ProcessingInput(
            source=step_process.properties.ProcessingOutputConfig.Outputs["validation"].S3Output.S3Uri,
            destination="/opt/ml/processing/validation"),
    ],
    outputs=[sagemaker.processing.ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
    property_files=[evaluation_report],
    code=str(here / "evaluate.py"),
)

# Registration
evaluation_uri = step_eval.properties.ProcessingOutputConfig.Outputs["evaluation"].S3Output.S3Uri
model = sagemaker.model.Model(
    image_uri=training_image,
    model_data=step_train.properties.ModelArtifacts.S3ModelArtifacts,
    role=role,
    sagemaker_session=pipeline_session,
)
step_register_model = ModelStep(
    name="RegisterModel",
    step_args=model.register(
        content_types=["text/csv"],
        response_types=["text/csv"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        model_package_group_name="MyModels",
        approval_status="PendingManualApproval",
        model_metrics=ModelMetrics(model_statistics=MetricsSource(
            s3_uri=sagemaker.workflow.functions.Join(on="/", values=[evaluation_uri, "evaluation.json"]),
            content_type="application/json")),
    ),
)

# Condition
cond_gte = ConditionGreaterThanOrEqualTo(
    left=sagemaker.workflow.functions.JsonGet(
        step_name=step_eval.name, property_file=evaluation_report, json_path="metrics.accuracy.value"),
    right=accuracy_threshold,
)
step_cond = ConditionStep(name="CheckAccuracy", conditions=[cond_gte], if_steps=[step_register_model], else_steps=[])

pipeline = Pipeline(
    name="MyMLPipeline",
    parameters=[processing_instance_count, input_data, accuracy_threshold],
    steps=[step_process, step_train, step_eval, step_cond],
    sagemaker_session=pipeline_session,
)


def run(**parameters):
    """One execution to its end; returns its steps by name."""
    execution = pipeline.start(parameters=parameters)
    execution.wait(delay=2, max_attempts=300)
    print(execution.describe()["PipelineExecutionStatus"], execution.arn, {p["Name"]: p["Value"] for p in execution.list_parameters()["PipelineParameters"]})
    steps = {step["StepName"]: step for step in execution.list_steps()}
    for name, step in sorted(steps.items(), key=lambda item: item[1]["StartTime"]):
        print(f"  {name}: {step['StepStatus']} {json.dumps(step['Metadata'])}")
    return steps


def versions():
    packages = boto3.client("sagemaker").list_model_packages(ModelPackageGroupName="MyModels")["ModelPackageSummaryList"]
    return [package["ModelPackageArn"] for package in packages]


if __name__ == "__main__":
    session.upload_data(str(here.parent / "data" / "breast-cancer.csv"), bucket=bucket, key_prefix="my-input-data")
    pipeline.upsert(role_arn=role)
    pipeline.upsert(role_arn=role, description="Preprocess, train, evaluate, register.")  # the second time it is an update

    accurate = run()
    assert accurate["CheckAccuracy"]["Metadata"]["Condition"]["Outcome"] == "True", accurate
    registered = versions()
    assert [accurate["RegisterModel-RegisterModel"]["Metadata"]["RegisterModel"]["Arn"]] == registered, registered

    strict = run(AccuracyThreshold=0.9999)
    assert strict["CheckAccuracy"]["Metadata"]["Condition"]["Outcome"] == "False", strict
    assert "RegisterModel-RegisterModel" not in strict, strict
    assert versions() == registered, "nothing was registered"
    print(f"registered {registered[0]}")
