"""SageMaker SDK 2.x: a pipeline with triggers (`PipelineSchedule`), which EventBridge Scheduler starts."""
import datetime
import time

import boto3
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.parameters import ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.triggers import PipelineSchedule

role = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"
session = PipelineSession()
text = ParameterString(name="Text", default_value="by itself")
steps = [FailStep(name="Ends", error_message=text)]
pipeline = Pipeline("triggered", parameters=[text], steps=steps, sagemaker_session=session)
pipeline.upsert(role_arn=role)

when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=3)
arns = pipeline.put_triggers(
    triggers=[
        PipelineSchedule(name="once", at=when),
        PipelineSchedule(name="hourly", rate=(1, "hour"), start_date=when + datetime.timedelta(days=1)),
        PipelineSchedule(cron="0 9 ? * MON *", enabled=False),
    ],
    role_arn=role,
)
assert len(arns) == 3, arns
assert pipeline.describe_trigger("once")["Schedule_State"] == "ENABLED", pipeline.describe_trigger("once")
assert boto3.client("scheduler").get_schedule(Name="triggered")["State"] == "DISABLED"
client = session.sagemaker_client
executions = []
while not executions or executions[0]["PipelineExecutionStatus"] == "Executing":
    time.sleep(0.2)  # as the SDK's own waiters ask
    executions = client.list_pipeline_executions(PipelineName="triggered")["PipelineExecutionSummaries"]
assert len(executions) == 1 and executions[0]["PipelineExecutionStatus"] == "Failed", executions
found = client.list_pipeline_execution_steps(PipelineExecutionArn=executions[0]["PipelineExecutionArn"])["PipelineExecutionSteps"]
assert "by itself" in found[0]["FailureReason"], found
# put again, it is updated
pipeline.put_triggers(triggers=[PipelineSchedule(name="hourly", rate=(2, "hours"))], role_arn=role)
assert boto3.client("scheduler").get_schedule(Name="hourly")["ScheduleExpression"] == "rate(2 hours)"
pipeline.delete_triggers(["once", "hourly", "triggered"])
left = {one["Name"] for one in boto3.client("scheduler").list_schedules()["Schedules"]}
assert not left & {"once", "hourly", "triggered"}, left
print("triggered once")
