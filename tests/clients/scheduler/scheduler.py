"""EventBridge Scheduler as its users call it: schedules, groups, times that come, targets of both kinds."""
import datetime
import json
import unittest

import boto3
from botocore.exceptions import ClientError

scheduler = boto3.client("scheduler")
sqs = boto3.client("sqs")
iam = boto3.client("iam")
account = boto3.client("sts").get_caller_identity()["Account"]
ROLE = "arn:aws:iam::%s:role/schedule-client" % account
OFF = {"Mode": "OFF"}


def queue(name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def receive(url):
    while True:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"]).get("Messages", []):
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            return message


def soon(seconds=2):
    return (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)).strftime("at(%Y-%m-%dT%H:%M:%S)")


def make_role():
    trust = {"Effect": "Allow", "Principal": {"Service": "scheduler.amazonaws.com"}, "Action": "sts:AssumeRole"}
    iam.create_role(RoleName="schedule-client", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    allowed = {"Effect": "Allow", "Action": ["sqs:SendMessage", "sqs:PurgeQueue", "sns:Publish", "ssm:PutParameter"], "Resource": "*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allowed]})
    iam.put_role_policy(RoleName="schedule-client", PolicyName="targets", PolicyDocument=policy)


class Schedules(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_role()

    def refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["ResponseMetadata"]["HTTPStatusCode"]

    def test_schedule(self):
        url, arn = queue("schedule-idle")
        end = datetime.datetime(2199, 1, 1, tzinfo=datetime.timezone.utc)
        made = dict(
            Name="daily",
            ScheduleExpression="cron(0 9 ? * MON-FRI *)",
            ScheduleExpressionTimezone="Europe/Berlin",
            FlexibleTimeWindow={"Mode": "FLEXIBLE", "MaximumWindowInMinutes": 15},
            EndDate=end,
            Target={"Arn": arn, "RoleArn": ROLE, "Input": "{}"},
        )
        answer = scheduler.create_schedule(**made, ClientToken="token-1")
        self.assertEqual(answer["ScheduleArn"], "arn:aws:scheduler:us-east-1:%s:schedule/default/daily" % account)
        scheduler.create_schedule(**made, ClientToken="token-1")
        self.assertEqual(self.refused("ConflictException", scheduler.create_schedule, **made), 409)
        shown = scheduler.get_schedule(Name="daily")
        self.assertEqual((shown["EndDate"], shown["State"], shown["ActionAfterCompletion"]), (end, "ENABLED", "NONE"))
        self.assertEqual(shown["Target"]["RetryPolicy"], {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185})
        scheduler.update_schedule(**{**made, "State": "DISABLED", "Description": "d"})
        self.assertEqual(scheduler.get_schedule(Name="daily")["Description"], "d")
        self.assertEqual([one["Name"] for one in scheduler.list_schedules(State="DISABLED")["Schedules"]], ["daily"])
        scheduler.delete_schedule(Name="daily")
        self.assertEqual(self.refused("ResourceNotFoundException", scheduler.get_schedule, Name="daily"), 404)
        for change in [
            {"ScheduleExpression": "cron(0 9 * * * *)"},
            {"ScheduleExpressionTimezone": "Mars/Olympus"},
            {"Target": {"Arn": "arn:aws:s3:::bucket", "RoleArn": ROLE}},
            {"Target": {"Arn": "arn:aws:scheduler:::aws-sdk:sqs:listQueues", "RoleArn": ROLE}},
        ]:
            self.refused("ValidationException", scheduler.create_schedule, **{**made, **change})

    def test_group(self):
        arn = scheduler.create_schedule_group(Name="team", Tags=[{"Key": "a", "Value": "1"}])["ScheduleGroupArn"]
        self.assertEqual(scheduler.get_schedule_group(Name="team")["State"], "ACTIVE")
        self.assertEqual(scheduler.get_schedule_group(Name="default")["Name"], "default")
        scheduler.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
        scheduler.untag_resource(ResourceArn=arn, TagKeys=["a"])
        self.assertEqual(scheduler.list_tags_for_resource(ResourceArn=arn)["Tags"], [{"Key": "b", "Value": "2"}])
        self.assertEqual([one["Name"] for one in scheduler.list_schedule_groups()["ScheduleGroups"]], ["default", "team"])
        scheduler.delete_schedule_group(Name="team")
        self.refused("ValidationException", scheduler.delete_schedule_group, Name="default")

    def test_once(self):
        url, arn = queue("schedule-once")
        text = json.dumps({"at": "<aws.scheduler.scheduled-time>", "by": "<aws.scheduler.schedule-arn>"})
        when = soon()
        scheduler.create_schedule(
            Name="once", ScheduleExpression=when, FlexibleTimeWindow=OFF, ActionAfterCompletion="DELETE",
            Target={"Arn": arn, "RoleArn": ROLE, "Input": text},
        )
        body = json.loads(receive(url)["Body"])
        self.assertEqual(body, {"at": when[3:-1] + "Z", "by": "arn:aws:scheduler:us-east-1:%s:schedule/default/once" % account})
        self.refused("ResourceNotFoundException", scheduler.get_schedule, Name="once")

    def test_topic_and_rate(self):
        sns = boto3.client("sns")
        url, arn = queue("schedule-topic")
        topic = sns.create_topic(Name="scheduled")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
        # without a start date a rate begins at once
        scheduler.create_schedule(
            Name="rate", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF, Target={"Arn": topic, "RoleArn": ROLE}
        )
        event = json.loads(receive(url)["Body"])
        self.assertEqual((event["source"], event["detail-type"]), ("aws.scheduler", "Scheduled Event"))

    def test_universal(self):
        url, arn = queue("schedule-universal")
        target = {
            "Arn": "arn:aws:scheduler:::aws-sdk:ssm:putParameter",
            "RoleArn": ROLE,
            "Input": json.dumps({"Name": "/scheduled", "Value": "v", "Type": "String", "Overwrite": True}),
        }
        scheduler.create_schedule(Name="universal", ScheduleExpression=soon(), FlexibleTimeWindow=OFF, Target=target)
        ssm = boto3.client("ssm")
        while True:
            try:
                self.assertEqual(ssm.get_parameter(Name="/scheduled")["Parameter"]["Value"], "v")
                break
            except ssm.exceptions.ParameterNotFound:
                receive_nothing(url)

    def test_dead_letter(self):
        """What the role may not do ends in the queue for dead letters, with the reason."""
        url, dead = queue("schedule-dead")
        target = {
            "Arn": "arn:aws:scheduler:::aws-sdk:sqs:deleteQueue",
            "RoleArn": ROLE,
            "Input": json.dumps({"QueueUrl": url}),
            "DeadLetterConfig": {"Arn": dead},
            "RetryPolicy": {"MaximumRetryAttempts": 0},
        }
        scheduler.create_schedule(Name="forbidden", ScheduleExpression=soon(), FlexibleTimeWindow=OFF, Target=target)
        message = receive(url)
        told = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
        self.assertEqual((told["ERROR_CODE"], told["TARGET_ARN"]), ("NO_PERMISSIONS", target["Arn"]))

    def test_role(self):
        """A role that does not trust the service is no role for a schedule."""
        trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        role = iam.create_role(RoleName="schedule-stranger", AssumeRolePolicyDocument=document)["Role"]["Arn"]
        url, arn = queue("schedule-never")
        target = {"Arn": arn, "RoleArn": role}
        self.refused(
            "ValidationException", scheduler.create_schedule,
            Name="stranger", ScheduleExpression="rate(1 hour)", FlexibleTimeWindow=OFF, Target=target,
        )


def receive_nothing(url):
    """A pause that the server gives: nobody writes into this queue."""
    sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)


unittest.main()
