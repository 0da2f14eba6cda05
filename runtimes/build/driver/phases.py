"""The phases with commands, and what comes after them."""
import os
import re

import artifacts
import console
from failure import BuildFailed
from shell import FreshShells, Shell

COMMAND_SHOWN = 1000
EXPORTED_MAX = 100
EXPORTED_CHARS_MAX = 5 * 1024


def announce(plan):
    console.say("Phases found in YAML: %d" % len([phase for phase in plan["phases"] if phase["commands"]]))
    for phase in plan["phases"]:
        if phase["commands"]:
            console.say(" %s: %d commands" % (phase["name"], len(phase["commands"])))


def complete(records, name, failure):
    """Tells how a phase ended, in the log and in the records."""
    contexts = [{"statusCode": failure.status_code, "message": failure.message}] if failure else [{"statusCode": "", "message": ""}]
    state = "FAILED" if failure else "SUCCEEDED"
    console.say("Phase complete: %s State: %s" % (name, state))
    console.say("Phase context status code: %(statusCode)s Message: %(message)s" % contexts[0])
    for context in contexts:
        context["message"] = shown(context["message"])[:4096]
    records.end(name, state, contexts)


def shown(text):
    """Without secrets: whoever may see the build sees it."""
    return console.masked(text.encode("utf-8", "replace")).decode("utf-8", "replace")


def run(start, plan, records):
    """Whether the build succeeded."""
    shell = (FreshShells if plan["version"] == "0.1" else Shell)(plan["shell"], environment_of(plan), start["sources"][0]["directory"])
    succeeded, upload = True, True
    for phase in plan["phases"]:
        on_failure = phase.get("onFailure") or {}
        failure = run_phase(shell, phase, on_failure, succeeded, records)
        if failure is None:
            continue
        succeeded = False
        if on_failure.get("action") == "CONTINUE":
            continue
        if on_failure.get("action") == "ABORT" or phase["name"] in ("INSTALL", "PRE_BUILD"):
            upload = False
            break
    tell_exported(shell, plan, records)
    if upload:
        failure = upload_phase(start, plan, shell, records)
        succeeded = succeeded and failure is None
    return succeeded


def environment_of(plan):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLIPWAY_", "SAGEMAKER_BASE_DIR"))}
    return {**kept, **plan["environment"]}


def run_phase(shell, phase, on_failure, succeeding, records):
    """None, or the failure; also what `finally` did wrong is one."""
    name = phase["name"]
    records.begin(name)
    console.say("Entering phase %s" % name)
    retries = on_failure.get("times", 0) if on_failure.get("action") == "RETRY" else 0
    while True:
        shell_set(shell, "CODEBUILD_BUILD_SUCCEEDING", "1" if succeeding else "0")
        failure = run_commands(shell, phase["commands"])
        if failure is None or retries == 0 or not matches(on_failure.get("pattern"), failure.message):
            break
        console.say("Retrying phase %s: on-failure allows %d more" % (name, retries))
        retries -= 1
    if phase["finally"]:
        if failure:
            shell_set(shell, "CODEBUILD_BUILD_SUCCEEDING", "0")
        console.say("Running commands of finally")
        failure = run_commands(shell, phase["finally"]) or failure
    complete(records, name, failure)
    return failure


def shell_set(shell, name, value):
    shell.environment[name] = value
    if isinstance(shell, FreshShells):
        return
    shell.run("export %s=%s" % (name, value))


def matches(pattern, message):
    try:
        return pattern is None or re.search(pattern, message) is not None
    except re.error as error:
        console.say("on-failure: %s is no regular expression: %s" % (pattern, error))
        return False


def run_commands(shell, commands):
    for command in commands:
        console.say("Running command %s" % command)
        status = shell.run(command)
        if status != 0:
            console.say("Command did not exit successfully %s exit status %d" % (command, status))
            shown = command if len(command) <= COMMAND_SHOWN else command[:COMMAND_SHOWN] + "…"
            return BuildFailed("COMMAND_EXECUTION_ERROR",
                               "Error while executing command: %s. Reason: exit status %d" % (shown, status))
    return None


def tell_exported(shell, plan, records):
    if plan["exported"]:
        values = shell.values(plan["exported"]) if not isinstance(shell, FreshShells) else shell.environment
        found = [{"name": name, "value": shown(values.get(name, ""))[:EXPORTED_CHARS_MAX]} for name in plan["exported"][:EXPORTED_MAX]]
        records.add(kind="exported", variables=found)


def upload_phase(start, plan, shell, records):
    """Only gathers: the server writes to S3, with the project's rights. Where there is something to write, it says how this phase ended."""
    records.begin("UPLOAD_ARTIFACTS")
    if not (plan["artifacts"] or plan["reports"] or plan["cache"]):
        complete(records, "UPLOAD_ARTIFACTS", None)
        return None
    failure = None
    environment = shell.exported()
    try:
        artifacts.collect_reports(start, plan["reports"], environment, records)
        for artifact in plan["artifacts"]:
            artifacts.collect(start, artifact, environment, shell, records)
        artifacts.collect_cache(start, plan["cache"], environment, records)
    except BuildFailed as caught:
        failure = caught
    except OSError as error:
        failure = BuildFailed("CLIENT_ERROR", "Artifacts cannot be gathered: %s" % error)
    if failure:
        complete(records, "UPLOAD_ARTIFACTS", failure)
    return failure
