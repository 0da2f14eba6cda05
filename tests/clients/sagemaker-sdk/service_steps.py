"""SageMaker SDK 2.x: steps that call functions and wait for people; a definition as SDK 3 writes it, repeated for items."""
import json
import pathlib
import tempfile
import time

import boto3
import sagemaker
from botocore.exceptions import ClientError
from sagemaker.lambda_helper import Lambda
from sagemaker.workflow.callback_step import CallbackOutput, CallbackOutputTypeEnum, CallbackStep
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionEquals
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join
from sagemaker.workflow.lambda_step import LambdaOutput, LambdaOutputTypeEnum, LambdaStep
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession

role = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"
session = PipelineSession()
client = session.sagemaker_client
sqs = boto3.client("sqs")
folder = pathlib.Path(tempfile.mkdtemp())
(folder / "count.py").write_text(
    """
def lambda_handler(event, context):
    if event["text"] == "":
        raise ValueError("nothing to count")
    return {"statusCode": 200, "letters": len(event["text"]), "request": context.aws_request_id}
"""
)
function = Lambda(
    function_name="count-letters", execution_role_arn=role, script=str(folder / "count.py"), handler="count.lambda_handler",
    session=session)
text = ParameterString(name="Text")
count = LambdaStep(
    name="Count", lambda_func=function, inputs={"text": text},
    outputs=[
        LambdaOutput(output_name="statusCode", output_type=LambdaOutputTypeEnum.String),
        LambdaOutput(output_name="letters", output_type=LambdaOutputTypeEnum.Integer),
    ])
queue = sqs.create_queue(QueueName="approvals")["QueueUrl"]
ask = CallbackStep(
    name="Ask", sqs_queue_url=queue, inputs={"letters": count.properties.Outputs["letters"]},
    outputs=[CallbackOutput(output_name="agreed", output_type=CallbackOutputTypeEnum.Boolean)])
check = ConditionStep(
    name="Agreed", conditions=[ConditionEquals(left=ask.properties.Outputs["agreed"], right=True)], if_steps=[],
    else_steps=[FailStep(name="Refused", error_message=Join(on=" ", values=["refused", count.properties.Outputs["letters"]]))])
pipeline = Pipeline("services", parameters=[text], steps=[count, ask, check], sagemaker_session=session)
pipeline.upsert(role_arn=role)


def received():
    messages = []
    while not messages:
        messages = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20).get("Messages", [])
    sqs.delete_message(QueueUrl=queue, ReceiptHandle=messages[0]["ReceiptHandle"])
    return json.loads(messages[0]["Body"])


def ended(execution):
    while (description := execution.describe())["PipelineExecutionStatus"] in ("Executing", "Stopping"):
        time.sleep(0.2)  # the SDK's own waiter knows neither Stopped nor CompletedWithFailures
    steps = {one["StepName"]: one["StepStatus"] for one in reversed(execution.list_steps())}
    print(description["PipelineExecutionStatus"] + ":", steps, *description.get("FailureReason", "").splitlines())


for agreed in ("true", "false"):
    execution = pipeline.start(parameters={"Text": "hello"})
    message = received()
    assert message["pipelineExecutionArn"] == execution.arn and message["status"] == "Executing", message
    print("asked:", message["arguments"])
    client.send_pipeline_execution_step_success(
        CallbackToken=message["token"], OutputParameters=[{"Name": "agreed", "Value": agreed}])
    ended(execution)
for token in (message["token"], "a" * 10):
    try:
        client.send_pipeline_execution_step_failure(CallbackToken=token, FailureReason="late")
    except ClientError as error:
        print("refused:", error.response["Error"]["Code"])
ended(pipeline.start(parameters={"Text": ""}))

execution = pipeline.start(parameters={"Text": "stop"})
received()
client.stop_pipeline_execution(PipelineExecutionArn=execution.arn, ClientRequestToken="s" * 32)
message = received()
print("told:", message["status"], client.describe_pipeline_execution(PipelineExecutionArn=execution.arn)["PipelineExecutionStatus"])
client.send_pipeline_execution_step_failure(CallbackToken=message["token"], FailureReason="stopped")
ended(execution)

arn = function.function_arn or boto3.client("lambda").get_function(FunctionName="count-letters")["Configuration"]["FunctionArn"]
step = {"Type": "Lambda", "FunctionArn": arn}
letters = {"OutputName": "letters", "OutputType": "Integer"}
definition = {
    "Version": "2020-12-01",
    "Parameters": [{"Name": "Words", "Type": "String"}],
    "Steps": [
        {
            "Name": "Each", "Type": "ForEach",
            "Arguments": {
                "IterableItems": {"Get": "Parameters.Words"}, "MaxConcurrency": 2,
                "Selector": {"Pick": "MaxBy", "Field": {"Get": "IterationOutput.Letters.OutputParameters['letters']"}},
                "ForEachBody": [{
                    **step, "Name": "Letters", "Arguments": {"text": {"Get": "ForEach.CurrentItem.word"}}, "OutputParameters": [letters],
                }],
            },
        },
        {**step, "Name": "Longest", "OutputParameters": [letters], "Arguments": {
            "text": {"Std:Join": {"On": "", "Values": ["x" * 90, {"Get": "Steps.Each.Selected.OutputParameters['letters']"}]}}}},
        {**step, "Name": "Mend", "OutputParameters": [letters], "DependsOn": [{"Step": "Each", "Trigger": "Failed"}],
         "Arguments": {"text": {"Std:Join": {"On": " ", "Values": [{"Get": "Steps.Each.FailedStepCount"}, "failed"]}}}},
    ],
}
client.create_pipeline(PipelineName="words", RoleArn=role, PipelineDefinition=json.dumps(definition), ClientRequestToken="c" * 32)
for words in (["a", "three", "two"], ["a", ""]):
    items = json.dumps([json.dumps({"word": word}) for word in words])
    start = client.start_pipeline_execution(
        PipelineName="words", PipelineParameters=[{"Name": "Words", "Value": items}])
    execution = sagemaker.workflow.pipeline._PipelineExecution(arn=start["PipelineExecutionArn"], sagemaker_session=session)
    ended(execution)
    each = next(one for one in execution.list_steps() if one["StepName"] == "Each")["Metadata"]["ForEach"]
    print("each:", {name: each[name] for name in sorted(each) if name != "Selector"}, each.get("Selector"))
