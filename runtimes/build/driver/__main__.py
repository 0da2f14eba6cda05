"""Runs one build inside its sandbox: sources, phases, artifacts. Standard library only.

`/opt/ml/build/start.json` says where everything is. The server reads the buildspec and answers with a plan (server_link.py); what happens
is told in an append-only file of records (records.py), which outlives this process and the server.
"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import console
import phases
import sources
from failure import BuildFailed
from records import Records
from server_link import ServerLink

START = "/opt/ml/build/start.json"


def main():
    with open(START) as file:
        start = json.load(file)
    os.unlink(START)  # it holds what only this process needs
    link = ServerLink(start["server"])
    records = Records(start["records"], link.hint)
    plan, failed = prepare(start, link, records)
    succeeded = False
    if not failed:
        succeeded = phases.run(start, plan, records)
    records.add(kind="end", status="SUCCEEDED" if succeeded else "FAILED")
    return 0 if succeeded else 1


def prepare(start, link, records):
    """DOWNLOAD_SOURCE: (plan, False), or (None, True) when the phase failed."""
    console.say("Phase is DOWNLOAD_SOURCE")
    console.say("CODEBUILD_SRC_DIR=%s" % start["sources"][0]["directory"])
    records.begin("DOWNLOAD_SOURCE")
    try:
        version = sources.fetch(start["sources"], start.get("git", {}))
        if version:
            records.add(kind="source", version=version)
        text = sources.read_buildspec(start)
        plan = link.ask({"kind": "plan", "buildspec": text, "version": version})
        if "problem" in plan:
            raise BuildFailed(plan["problem"]["statusCode"], plan["problem"]["message"])
        console.hide(plan["masks"])
        for note in plan["notes"]:
            console.say(note)
        sources.restore_cache(start)
    except BuildFailed as failure:
        phases.complete(records, "DOWNLOAD_SOURCE", failure)
        return None, True
    phases.announce(plan)
    phases.complete(records, "DOWNLOAD_SOURCE", None)
    return plan, False


if __name__ == "__main__":
    sys.exit(main())
