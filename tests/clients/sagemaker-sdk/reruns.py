"""The SageMaker SDK 2.x: steps with CacheConfig and retry policies, an execution of selected steps."""
import json
import pathlib
import tempfile

import sagemaker
from botocore.exceptions import ClientError
from sagemaker.processing import ProcessingInput, ProcessingOutput, ScriptProcessor
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.pipeline_definition_config import PipelineDefinitionConfig
from sagemaker.workflow.retry import (
    SageMakerJobExceptionTypeEnum, SageMakerJobStepRetryPolicy, StepExceptionTypeEnum, StepRetryPolicy,
)
from sagemaker.workflow.selective_execution_config import SelectiveExecutionConfig
from sagemaker.workflow.steps import CacheConfig, ProcessingStep

role = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"
session = PipelineSession()
folder = pathlib.Path(tempfile.mkdtemp())
cache = CacheConfig(enable_caching=True, expire_after="30d")
retries = [
    StepRetryPolicy(exception_types=[StepExceptionTypeEnum.SERVICE_FAULT, StepExceptionTypeEnum.THROTTLING], expire_after_mins=5, interval_seconds=10),
    SageMakerJobStepRetryPolicy(exception_types=[SageMakerJobExceptionTypeEnum.INTERNAL_ERROR], max_attempts=3, interval_seconds=1, backoff_rate=1.5),
]


def step(name, code, source=None):
    script = folder / f"{name}.py"
    script.write_text(code)
    processor = ScriptProcessor(
        image_uri="123456789012.dkr.ecr.us-east-1.amazonaws.com/python:3.11", command=["python3"], role=role, instance_count=1,
        instance_type="ml.m5.large", sagemaker_session=session)
    return ProcessingStep(
        name=name, cache_config=cache, retry_policies=retries,
        step_args=processor.run(
            code=str(script), inputs=[ProcessingInput(source=source, destination="/opt/ml/processing/in")] if source else [],
            outputs=[ProcessingOutput(output_name="out", source="/opt/ml/processing/out")]))


WRITE = "import pathlib; pathlib.Path('/opt/ml/processing/out/value').write_text('7')"
COPY = "import pathlib; pathlib.Path('/opt/ml/processing/out/value').write_text(pathlib.Path('/opt/ml/processing/in/value').read_text())"


def pipeline(last=COPY):
    first = step("First", WRITE)
    second = step("Second", COPY, first.properties.ProcessingOutputConfig.Outputs["out"].S3Output.S3Uri)
    third = step("Third", last, second.properties.ProcessingOutputConfig.Outputs["out"].S3Output.S3Uri)
    return Pipeline("sdk-reruns", steps=[first, second, third], sagemaker_session=session,
                    pipeline_definition_config=PipelineDefinitionConfig(use_custom_job_prefix=False))


def taken(execution):
    """How each step came to its result; an execution that did not succeed has its status beside."""
    try:
        execution.wait(delay=1, max_attempts=120)
    except Exception:  # the waiter's own error says no more than the status
        pass
    words = {}
    for one in execution.list_steps():
        source = one.get("CacheHitResult") or one.get("SelectiveExecutionResult")
        words[one["StepName"]] = "ran" if not source else "cached" if "CacheHitResult" in one else "reused"
    return execution.describe()["PipelineExecutionStatus"], dict(sorted(words.items()))


made = pipeline()
made.upsert(role_arn=role)
policies = json.loads(made.definition())["Steps"][0]["RetryPolicies"]
print("policies:", [sorted(policy) for policy in policies])
first = made.start()
print("first:", *taken(first))
print("second:", *taken(made.start()))
print("third:", *taken(made.start(selective_execution_config=SelectiveExecutionConfig(
    selected_steps=["Second"], source_pipeline_execution_arn=first.arn))))
print("latest:", *taken(made.start(selective_execution_config=SelectiveExecutionConfig(selected_steps=["Second", "Third"]))))
changed = pipeline(COPY + "\nprint('edited')")
changed.upsert(role_arn=role)
print("edited:", *taken(changed.start()))
try:
    made.start(selective_execution_config=SelectiveExecutionConfig(selected_steps=["First", "Third"], source_pipeline_execution_arn=first.arn))
except ClientError as error:
    print("refused:", error.response["Error"]["Message"])
