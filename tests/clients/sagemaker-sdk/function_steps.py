"""SageMaker SDK 2.x: functions under @step as a pipeline, their results handed on, and one under @remote."""
import os
import tempfile

import sagemaker
from sagemaker.remote_function import remote
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThan
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.function_step import step
from sagemaker.workflow.parameters import ParameterInteger
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession

os.chdir(tempfile.mkdtemp())  # the SDK looks for files to pack beside the program
role = "arn:aws:iam::123456789012:role/DataScientists"
session = PipelineSession()
image = sagemaker.image_uris.retrieve("sklearn", session.boto_region_name, version="1.2-1", instance_type="ml.m5.large")
settings = dict(role=role, instance_type="ml.m5.large", image_uri=image)


@step(name="Numbers", **settings)
def numbers(count):
    return list(range(count)), "made by numbers"


@step(name="Total", keep_alive_period_in_seconds=60, **settings)
def total(values, text):
    print("summing", len(values), "numbers", text)
    return sum(values)


@step(name="Report", **settings)
def report(value):
    return f"the sum is {value}"


count = ParameterInteger(name="Count", default_value=5)
made = numbers(count)
summed = total(made[0], made[1])
enough = ConditionStep(
    name="Enough", conditions=[ConditionGreaterThan(left=summed, right=9)],
    if_steps=[report(summed)], else_steps=[FailStep(name="TooFew", error_message="the sum is too small")],
)
pipeline = Pipeline(name="Functions", parameters=[count], steps=[made, summed, enough], sagemaker_session=session)
pipeline.upsert(role_arn=role)


def run(**parameters):
    execution = pipeline.start(parameters=parameters)
    try:
        execution.wait(delay=1, max_attempts=600)
    except Exception:
        pass
    steps = {one["StepName"]: one["StepStatus"] for one in execution.list_steps()}
    print(execution.describe()["PipelineExecutionStatus"] + ":", dict(sorted(steps.items())))
    return execution


execution = run()
print("result:", execution.result("Report"), execution.result("Total"))


@remote(**settings)
def divide(a, b):
    return a / b


try:
    divide(1, 0)
except ZeroDivisionError as error:
    print("remote failed:", error)
