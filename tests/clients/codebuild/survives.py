"""A build that the server dies under, by kill -9 in each of its phases; it goes on by itself, and the next server tells its end.

`survives.py work PHASE PID` starts it and kills the server in the phase; `survives.py check PHASE` after the next start."""
import os
import signal
import sys
import time

import boto3

codebuild, s3, logs = (boto3.client(name) for name in ("codebuild", "s3", "logs"))
what, phase = sys.argv[1:3]
name = "survives-" + phase.lower().replace("_", "-")
TOKEN = {"projectName": name, "idempotencyToken": name}

if what == "work":
    # long enough to be seen
    waits = "for n in 1 2 3 4 5 6 7 8 9 10; do sleep 0.1; done"
    commands = {each: ["echo began " + each] + ([waits] if each.upper() == phase else []) for each in ("install", "pre_build", "build", "post_build")}
    phases = "".join("  %s:\n    commands: [%s]\n" % (each, ", ".join('"%s"' % one for one in list_)) for each, list_ in commands.items())
    spec = "version: 0.2\nphases:\n" + phases + "artifacts: {files: [made]}\n"
    spec = spec.replace('"echo began build"', '"echo began build", "echo x > made"')
    try:
        s3.create_bucket(Bucket="survives")
    except s3.exceptions.BucketAlreadyOwnedByYou:
        pass
    codebuild.create_project(
        name=name, source={"type": "NO_SOURCE", "buildspec": spec}, serviceRole="arn:aws:iam::123456789012:role/build",
        artifacts={"type": "S3", "location": "survives", "name": name + ".zip", "packaging": "ZIP"},
        environment={"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"})
    build_id = codebuild.start_build(**TOKEN)["build"]["id"]
    while phase != "QUEUED" and codebuild.batch_get_builds(ids=[build_id])["builds"][0]["currentPhase"] not in (phase, "COMPLETED"):
        pass
    os.kill(int(sys.argv[3]), signal.SIGKILL)
else:
    build_id = codebuild.start_build(**TOKEN)["build"]["id"]
    while not (build := codebuild.batch_get_builds(ids=[build_id])["builds"][0])["buildComplete"]:
        time.sleep(0.05)
    stream = build["logs"]
    lines = [event["message"] for event in logs.get_log_events(
        logGroupName=stream["groupName"], logStreamName=stream["streamName"], startFromHead=True)["events"]]
    assert build["buildStatus"] == "SUCCEEDED", (build["phases"], lines)
    assert len(codebuild.list_builds_for_project(projectName=name)["ids"]) == 1
    began = [line for line in lines if line.startswith("began")]
    assert began == ["began install", "began pre_build", "began build", "began post_build"], lines
    s3.head_object(Bucket="survives", Key=name + ".zip")
    print("once")
