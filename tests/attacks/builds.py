"""What a build must not reach: other builds, the data folder, the server's rights. `builds.py DATA_FOLDER`"""
import json
import sys
import time

import boto3

codebuild, logs, ssm = (boto3.client(name) for name in ("codebuild", "logs", "ssm"))
data = sys.argv[1]


def start(name, commands, **more):
    spec = {"version": "0.2", "phases": {"build": {"commands": commands}}, **more}
    environment = {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"}
    codebuild.create_project(name=name, source={"type": "NO_SOURCE", "buildspec": json.dumps(spec)}, environment=environment,
                             artifacts={"type": "NO_ARTIFACTS"}, serviceRole="arn:aws:iam::123456789012:role/build")
    return codebuild.start_build(projectName=name)["build"]["id"]


def until(build_id, holds):
    while not holds(build := codebuild.batch_get_builds(ids=[build_id])["builds"][0]):
        time.sleep(0.05)
    return build


def log(build):
    events = logs.get_log_events(logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"], startFromHead=True)
    return [event["message"] for event in events["events"]]


ssm.put_parameter(Name="/victim", Value="victims-secret-value", Type="SecureString")
victim = start("victim", ["echo here > /tmp/victims-file", "echo here > $CODEBUILD_SRC_DIR/victims-file", "sleep 300"],
               env={"parameter-store": {"SECRET": "/victim"}})
until(victim, lambda build: build["currentPhase"] == "BUILD")
uuid = victim.split(":")[1]
# `ask URL AUTHORIZATION [BODY]`, of what every build has
asks = """ask() { python3 -c '
import sys, urllib.request as web
url, authorization, *body = sys.argv[1:]
web.urlopen(web.Request(url, *(text.encode() for text in body), headers={"authorization": authorization})).read()
' "$@" 2> /dev/null; }"""
own_credentials = 'ask "$AWS_CONTAINER_CREDENTIALS_FULL_URI" "$AWS_CONTAINER_AUTHORIZATION_TOKEN" && echo asked'
# each prints `reached` where it should not have got
tries = {
    "files of another build": "find / -xdev -name victims-file 2>/dev/null | grep . && echo reached",
    "the data folder": "ls -A %s 2>/dev/null | grep . && echo reached" % data,
    "its database": "head -c1 %s/slipway.db && echo reached" % data,
    "the run folder of another build": "ls -A %s/runs/build-%s 2>/dev/null | grep . && echo reached" % (data, uuid),
    "the environment of another build": "grep -l victims-secret-value /proc/[0-9]*/environ 2>/dev/null | grep . && echo reached",
    "a process of another build": "for p in /proc/[0-9]*; do tr '\\0' ' ' < $p/cmdline 2>/dev/null | grep -q '^sleep 300' && echo reached; done",
    "credentials of another build": "ask $AWS_ENDPOINT_URL/_slipway/credentials/build-%s \"$AWS_CONTAINER_AUTHORIZATION_TOKEN\" && echo reached" % uuid,
    "the plan of another build": "ask $AWS_ENDPOINT_URL/_slipway/builds/build-%s '123456789012|us-east-1|%s|x' '{\"kind\":\"plan\"}' && echo reached" % (uuid, victim),
    "the runtime it shares": "echo x > $(dirname $(command -v slipway-build))/docker && echo reached",
    "the system": "touch /usr/bin/mine && echo reached",
    "its own token on disk": "cat /opt/ml/build/start.json 2>/dev/null && echo reached",
}
build = until(start("attacker", [asks, own_credentials] + ["%s; echo 'tried %s'" % (command, what) for what, command in tries.items()]),
              lambda build: build["buildComplete"])
lines = log(build)
assert build["buildStatus"] == "SUCCEEDED", lines
assert "asked" in lines, "what asks does not work: the attacks by it were none"
assert [line for line in lines if line.startswith("tried ")] == ["tried " + what for what in tries], lines
own = [line for line in lines if not line.startswith("[Container]")]
assert not any("reached" in line for line in own), own
assert not any("victims-secret-value" in line for line in own), own
# the victim itself cannot show its secret either
codebuild.stop_build(id=victim)
until(victim, lambda build: build["buildComplete"])
print("nothing reached")
