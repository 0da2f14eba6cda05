"""Emits a pipeline definition with the real SageMaker Python SDK 3.x, for the golden tests of what only that line writes.

    python3 -m venv V3 && V3/bin/pip install sagemaker-mlops && V3/bin/python emit_v3.py

Writes v3/<program>.json beside this file. Nothing of AWS is called.
"""
import json
import os
import pathlib

os.environ.update(
    AWS_ACCESS_KEY_ID="AKIAEXAMPLE", AWS_SECRET_ACCESS_KEY="example", AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
)

import boto3  # noqa: E402
from sagemaker.core.lambda_helper import Lambda  # noqa: E402
from sagemaker.core.workflow.parameters import ParameterString  # noqa: E402
from sagemaker.core.workflow.pipeline_context import PipelineSession  # noqa: E402
from sagemaker.mlops.workflow.callback_step import CallbackOutput, CallbackOutputTypeEnum, CallbackStep  # noqa: E402
from sagemaker.mlops.workflow.endpoint_step import EndpointConfigStep, EndpointStep  # noqa: E402
from sagemaker.mlops.workflow.for_each_step import (  # noqa: E402
    CurrentItem,
    ForEachSelector,
    ForEachStep,
    IterationOutput,
)
from sagemaker.mlops.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep  # noqa: E402
from sagemaker.mlops.workflow.pipeline import Pipeline  # noqa: E402
from sagemaker.mlops.workflow.step_dependency import StepDependency, TriggerCondition  # noqa: E402
from sagemaker.core.workflow.execution_variables import ExecutionVariables  # noqa: E402
from sagemaker.core.workflow.functions import Join  # noqa: E402

BUCKET = "sagemaker-us-east-1-123456789012"
ARN = "arn:aws:lambda:us-east-1:123456789012:function:score"
session = PipelineSession(boto_session=boto3.Session(region_name="us-east-1"), default_bucket=BUCKET)


def score(name, inputs, depends_on=None):
    return LambdaStep(
        name=name, lambda_func=Lambda(function_arn=ARN, session=session), inputs=inputs, depends_on=depends_on,
        outputs=[LambdaOutput(output_name="score", output_type=LambdaOutputTypeEnum.Float)],
    )


def steps_of_v3():
    items = ParameterString(name="Items", default_value='["{\\"depth\\": 1}"]')
    item = CurrentItem()
    prepare = score("Prepare", {"all": item, "depth": item.depth, "name": item["a name"]})
    fit = score("Fit", {"of": prepare.properties.Outputs["score"]})
    each = ForEachStep(
        name="Each", iterable_items=items, max_concurrency=3, for_each_body=[prepare, fit],
        selector=ForEachSelector(pick="MaxBy", field=IterationOutput(fit).OutputParameters["score"]),
        display_name="Every depth",
    )
    fixed = ForEachStep(
        name="Fixed", iterable_items=["a", items, 3], max_concurrency=50, for_each_body=[score("Other", {"x": item})],
    )
    best = score("Best", {
        "best": each.properties.Selected.OutputParameters["score"],
        "first": each.properties.IterationOutputs[0].Prepare.OutputParameters["score"],
        "failed": each.properties.FailedStepCount,
        "status": each.properties.Status,
    })
    tell = CallbackStep(
        name="Tell", sqs_queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/q", inputs={"step": "Best"},
        outputs=[CallbackOutput(output_name="seen", output_type=CallbackOutputTypeEnum.Boolean)],
        depends_on=[StepDependency(best, TriggerCondition.FAILED), StepDependency(fixed, TriggerCondition.ANY)],
    )
    config = EndpointConfigStep(
        name="Config",
        step_args=session.create_endpoint_config(
            name=Join(on="-", values=["risk", ExecutionVariables.PIPELINE_EXECUTION_ID]),
            production_variants=[{
                "ModelName": "risk", "VariantName": "AllTraffic", "InitialVariantWeight": 1, "InitialInstanceCount": 1,
                "InstanceType": "ml.m5.large",
            }],
        ),
        depends_on=[best],
    )
    deploy = EndpointStep(
        name="Deploy",
        step_args=session.create_endpoint(endpoint_name="risk", config_name=config.properties.EndpointConfigName),
    )
    return Pipeline(
        name="Third", parameters=[items], steps=[each, fixed, best, tell, config, deploy], sagemaker_session=session
    )


out = pathlib.Path(__file__).resolve().parent / "v3"
out.mkdir(exist_ok=True)
for program in [steps_of_v3]:
    definition = json.loads(program().definition())
    (out / f"{program.__name__.replace('_', '-')}.json").write_text(json.dumps(definition, indent=1) + "\n")
    print("wrote", program.__name__)
