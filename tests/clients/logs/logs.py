"""CloudWatch Logs through boto3."""
import time
import unittest

import boto3

logs = boto3.client("logs")
PLACE = {"logGroupName": "/client/app", "logStreamName": "one/stream"}


class Logs(unittest.TestCase):
    def test_groups_streams_events(self):
        logs.create_log_group(logGroupName="/client/app", tags={"team": "a"})
        with self.assertRaises(logs.exceptions.ResourceAlreadyExistsException):
            logs.create_log_group(logGroupName="/client/app")
        with self.assertRaises(logs.exceptions.ResourceNotFoundException):
            logs.describe_log_streams(logGroupName="/client/none", logStreamNamePrefix="x/")
        # What does not fit the API's model is no ValidationException here, as everywhere else.
        for call, wrong in ((logs.describe_log_groups, {"limit": 51}), (logs.create_log_group, {"logGroupName": "a" * 513}),
                            (logs.describe_log_streams, {"logGroupName": "/client/app", "orderBy": "sth"})):
            with self.assertRaisesRegex(logs.exceptions.InvalidParameterException, "1 validation error detected: Value '"):
                call(**wrong)
        logs.create_log_stream(**PLACE)
        now = int(time.time() * 1000)
        put = logs.put_log_events(**PLACE, logEvents=[{"timestamp": now + at, "message": "line %d\twith\nbreak é" % at} for at in range(25)])
        events, token = [], {}
        while True:
            page = logs.get_log_events(**PLACE, startFromHead=True, limit=10, **token)
            events += page["events"]
            if token.get("nextToken") == page["nextForwardToken"]:
                break
            token = {"nextToken": page["nextForwardToken"]}
        self.assertEqual([event["message"] for event in events], ["line %d\twith\nbreak é" % at for at in range(25)])
        self.assertEqual([event["timestamp"] for event in events], [now + at for at in range(25)])
        self.assertEqual(len(logs.get_log_events(**PLACE)["events"]), 25)
        stream = logs.describe_log_streams(logGroupName="/client/app", orderBy="LastEventTime", descending=True, limit=1)["logStreams"][0]
        self.assertEqual((stream["firstEventTimestamp"], stream["lastEventTimestamp"]), (now, now + 24))
        group = logs.describe_log_groups(logGroupNamePrefix="/client/")["logGroups"][0]
        self.assertTrue(group["arn"].endswith(":log-group:/client/app:*"))
        self.assertEqual(logs.list_tags_for_resource(resourceArn=group["logGroupArn"])["tags"], {"team": "a"})
        logs.tag_resource(resourceArn=group["logGroupArn"], tags={"study": "s"})
        logs.untag_resource(resourceArn=group["logGroupArn"], tagKeys=["team"])
        self.assertEqual(logs.list_tags_log_group(logGroupName="/client/app")["tags"], {"study": "s"})
        # Any token is taken, but older log handlers fail where there is none to send along.
        logs.put_log_events(**PLACE, sequenceToken=put["nextSequenceToken"], logEvents=[{"timestamp": now + 25, "message": "last"}])
        logs.delete_log_stream(**PLACE)
        self.assertEqual(logs.describe_log_streams(logGroupName="/client/app")["logStreams"], [])
        logs.delete_log_group(logGroupName="/client/app")
        self.assertEqual(logs.describe_log_groups(logGroupNamePrefix="/client/")["logGroups"], [])


if __name__ == "__main__":
    unittest.main()
