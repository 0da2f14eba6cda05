"""Many schedules of one moment, at which the server dies by kill -9; then each has started its pipeline, and none twice.

`survives.py work PID` kills the server itself; `survives.py check` after its next start."""
import datetime
import json
import os
import signal
import sys

import boto3

COUNT = 24
role = "arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole"
sagemaker, scheduler = boto3.client("sagemaker"), boto3.client("scheduler")


def started():
    pages = sagemaker.get_paginator("list_pipeline_executions").paginate(PipelineName="survivor")
    return [one["PipelineExecutionArn"] for page in pages for one in page["PipelineExecutionSummaries"]]


if sys.argv[1] == "work":
    definition = {"Version": "2020-12-01", "Steps": [{"Name": "Ends", "Type": "Fail", "Arguments": {"ErrorMessage": "m"}}]}
    arn = sagemaker.create_pipeline(
        PipelineName="survivor", PipelineDefinition=json.dumps(definition), RoleArn=role, ClientRequestToken="t" * 32
    )["PipelineArn"]
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=8)
    for at in range(COUNT):
        scheduler.create_schedule(
            Name="s%d" % at,
            ScheduleExpression=when.strftime("at(%Y-%m-%dT%H:%M:%S)"),
            FlexibleTimeWindow={"Mode": "OFF"},
            ActionAfterCompletion="DELETE",
            Target={"Arn": arn, "RoleArn": role, "SageMakerPipelineParameters": {}},
        )
    while not started():
        pass
    os.kill(int(sys.argv[2]), signal.SIGKILL)
else:
    while len(started()) < COUNT or scheduler.list_schedules()["Schedules"]:
        pass
    assert len(started()) == COUNT, started()
    print("%d started once" % COUNT)
