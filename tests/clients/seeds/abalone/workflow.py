"""A basic SageMaker pipeline: preprocess, train, create a model, predict the held-out rows in a batch, record the model's name."""
import pathlib

import sagemaker
from sagemaker.estimator import Estimator
from sagemaker.inputs import CreateModelInput, TrainingInput, TransformInput
from sagemaker.lambda_helper import Lambda
from sagemaker.model import Model
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.transformer import Transformer
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
from sagemaker.workflow.parameters import ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.steps import CreateModelStep, ProcessingStep, TrainingStep, TransformStep

here = pathlib.Path(__file__).parent
session = sagemaker.Session()
region = session.boto_region_name
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
model_path = f"s3://{bucket}/AbaloneTrain"

processing_instance_count = ParameterInteger(name="ProcessingInstanceCount", default_value=1)
training_instance_count = ParameterInteger(name="TrainingInstanceCount", default_value=1)
model_approval_status = ParameterString(name="ModelApprovalStatus", default_value="PendingManualApproval")
input_data = ParameterString(name="InputData", default_value=f"s3://{bucket}/abalone/abalone.csv")


def xgboost_image():
    # the region of the image need not be the session's
    return sagemaker.image_uris.retrieve(
        framework="xgboost", region="ap-southeast-1", version="1.0-1", py_version="py3", instance_type="ml.m5.xlarge"
    )


def create_process_step():
    processor = SKLearnProcessor(
        framework_version="0.23-1",
        instance_type="ml.m5.xlarge",
        instance_count=processing_instance_count,
        base_job_name="sklearn-abalone-process",
        role=role,
        sagemaker_session=session,
    )
    return ProcessingStep(
        name="AbaloneProcess",
        processor=processor,
        inputs=[ProcessingInput(source=input_data, destination="/opt/ml/processing/input")],
        outputs=[ProcessingOutput(output_name=name, source=f"/opt/ml/processing/{name}") for name in ("train", "validation", "test")],
        code=str(here / "preprocessing.py"),
    )


def split_uri(step, name):
    return step.properties.ProcessingOutputConfig.Outputs[name].S3Output.S3Uri


def create_training_step(process):
    estimator = Estimator(
        image_uri=xgboost_image(),
        instance_type="ml.m5.xlarge",
        instance_count=training_instance_count,
        output_path=model_path,
        role=role,
        sagemaker_session=session,
    )
    estimator.set_hyperparameters(
        objective="reg:linear", num_round=50, max_depth=5, eta=0.2, gamma=4, min_child_weight=6, subsample=0.7, silent=0
    )
    return TrainingStep(
        name="AbaloneTrain",
        estimator=estimator,
        inputs={name: TrainingInput(s3_data=split_uri(process, name), content_type="text/csv") for name in ("train", "validation")},
    )


def create_model_step(train):
    model = Model(
        image_uri=xgboost_image(), model_data=train.properties.ModelArtifacts.S3ModelArtifacts, sagemaker_session=session, role=role
    )
    return CreateModelStep(
        name="AbaloneCreateModel",
        model=model,
        inputs=CreateModelInput(instance_type="ml.m5.large", accelerator_type="ml.eia1.medium"),
    )


def create_transform_step(model, process):
    transformer = Transformer(
        model_name=model.properties.ModelName,
        instance_type="ml.m5.xlarge",
        instance_count=1,
        strategy="MultiRecord",
        assemble_with="Line",
        accept="text/csv",
        output_path=f"s3://{bucket}/AbaloneTransform",
        sagemaker_session=session,
    )
    return TransformStep(
        name="AbaloneTransform",
        transformer=transformer,
        inputs=TransformInput(
            data=split_uri(process, "test"),
            content_type="text/csv",
            split_type="Line",
            input_filter="$[1:]",  # the label is not the model's to see
            join_source="Input",
            output_filter="$[0,-1]",
        ),
    )


def create_lambda_step(model):
    return LambdaStep(
        name="LambdaRecordModelNameToParameterStore",
        lambda_func=Lambda(
            function_name="RecordModelName",
            execution_role_arn=role,
            script=str(here / "record_model_name.py"),
            handler="record_model_name.lambda_handler",
            session=session,
        ),
        inputs={"model_name": model.properties.ModelName},
        outputs=[LambdaOutput(output_name="recorded_name", output_type=LambdaOutputTypeEnum.String)],
    )


def create_pipeline():
    process = create_process_step()
    train = create_training_step(process)
    model = create_model_step(train)
    return Pipeline(
        name="AbalonePipelineTestPrintName",
        parameters=[processing_instance_count, training_instance_count, model_approval_status, input_data],
        steps=[process, train, model, create_transform_step(model, process), create_lambda_step(model)],
        sagemaker_session=session,
    )
