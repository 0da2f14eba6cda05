"""Filtering and retention of CloudWatch Logs through boto3."""
import json
import time
import unittest

import boto3

logs = boto3.client("logs")
DAY_MS = 24 * 3600 * 1000


def messages(**query):
    pages = logs.get_paginator("filter_log_events").paginate(**query)
    return [event["message"] for page in pages for event in page["events"]]


class Filters(unittest.TestCase):
    def test_filter(self):
        group = "/client/filters"
        logs.create_log_group(logGroupName=group)
        now = int(time.time() * 1000)
        for stream, offset in (("web/1", 0), ("web/2", 1), ("batch/1", 2)):
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
            logs.put_log_events(logGroupName=group, logStreamName=stream, logEvents=[
                {"timestamp": now + at * 10 + offset, "message": json.dumps({"at": at, "stream": stream, "level": "ERROR" if at % 5 == 0 else "INFO"})}
                for at in range(20)])
        found = messages(logGroupName=group, PaginationConfig={"PageSize": 7})
        self.assertEqual([(json.loads(one)["at"], json.loads(one)["stream"]) for one in found],
                         [(at, stream) for at in range(20) for stream in ("web/1", "web/2", "batch/1")])
        self.assertEqual(len(messages(logGroupName=group, filterPattern="ERROR")), 12)
        self.assertEqual(len(messages(logGroupName=group, filterPattern='ERROR -"web/1"')), 8)
        self.assertEqual(len(messages(logGroupName=group, filterPattern='{ $.level = "ERROR" && $.at > 5 }', logStreamNamePrefix="web/")), 4)
        self.assertEqual(len(messages(logGroupName=group, logStreamNames=["batch/1"], startTime=now + 100)), 10)
        with self.assertRaises(logs.exceptions.InvalidParameterException):
            logs.filter_log_events(logGroupName=group, filterPattern="a:b")
        logs.delete_log_group(logGroupName=group)

    def test_retention(self):
        place = {"logGroupName": "/client/retention", "logStreamName": "s"}
        logs.create_log_group(logGroupName=place["logGroupName"])
        logs.create_log_stream(**place)
        now = int(time.time() * 1000)
        for days, text in ((9, "old " + "x" * 100), (0, "new")):
            logs.put_log_events(**place, logEvents=[{"timestamp": now - days * DAY_MS, "message": text}])
        logs.put_retention_policy(logGroupName=place["logGroupName"], retentionInDays=7)
        with self.assertRaises(logs.exceptions.InvalidParameterException):
            logs.put_retention_policy(logGroupName=place["logGroupName"], retentionInDays=8)
        while len(texts := [one["message"] for one in logs.get_log_events(**place, startFromHead=True)["events"]]) > 1:
            time.sleep(0.05)
        self.assertEqual(texts, ["new"])
        [group] = logs.describe_log_groups(logGroupNamePrefix=place["logGroupName"])["logGroups"]
        self.assertEqual(group["retentionInDays"], 7)
        logs.delete_retention_policy(logGroupName=place["logGroupName"])
        [group] = logs.describe_log_groups(logGroupNamePrefix=place["logGroupName"])["logGroups"]
        self.assertNotIn("retentionInDays", group)
        logs.delete_log_group(logGroupName=place["logGroupName"])


if __name__ == "__main__":
    unittest.main()
