"""Changes of objects are told to queues and functions that asked for them."""
import io
import json
import unittest
import zipfile

import boto3
from botocore.exceptions import ClientError

s3 = boto3.client("s3")
sqs = boto3.client("sqs")
functions = boto3.client("lambda")
ssm = boto3.client("ssm")
account = boto3.client("sts").get_caller_identity()["Account"]
BUCKET = "client-notifications"

HANDLER = """
import boto3, json, urllib.parse
def handler(event, context):
    record = event["Records"][0]
    key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
    boto3.client("ssm").put_parameter(Name="/notified" + "/" + key.replace(" ", "_"), Value=record["eventName"], Type="String", Overwrite=True)
"""


def receive(queue, count):
    records = []
    while len(records) < count:
        for message in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20, MaxNumberOfMessages=10).get("Messages", []):
            records.extend(json.loads(message["Body"])["Records"])
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
    return records


class Notifications(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        s3.create_bucket(Bucket=BUCKET)
        cls.queue = sqs.create_queue(QueueName="object-changes")["QueueUrl"]
        cls.queue_arn = sqs.get_queue_attributes(QueueUrl=cls.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def test_queue(self):
        rule = {"Key": {"FilterRules": [{"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".csv"}]}}
        configuration = {
            "QueueConfigurations": [
                {"Id": "csv", "QueueArn": self.queue_arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:Delete"], "Filter": rule}
            ]
        }
        s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=configuration)
        kept = s3.get_bucket_notification_configuration(Bucket=BUCKET)["QueueConfigurations"][0]
        self.assertEqual((kept["Id"], kept["QueueArn"], len(kept["Filter"]["Key"]["FilterRules"])), ("csv", self.queue_arn, 2))
        s3.put_object(Bucket=BUCKET, Key="in/a b.csv", Body=b"1,2")
        s3.put_object(Bucket=BUCKET, Key="in/other.txt", Body=b"no")
        s3.copy_object(Bucket=BUCKET, Key="in/copy.csv", CopySource=f"{BUCKET}/in/a b.csv")
        s3.delete_object(Bucket=BUCKET, Key="in/a b.csv")
        records = receive(self.queue, 3)
        told = sorted((record["eventName"], record["s3"]["object"]["key"]) for record in records)
        self.assertEqual(
            told, [("ObjectCreated:Copy", "in/copy.csv"), ("ObjectCreated:Put", "in/a+b.csv"), ("ObjectRemoved:Delete", "in/a+b.csv")]
        )
        put = next(record for record in records if record["eventName"] == "ObjectCreated:Put")
        self.assertEqual((put["s3"]["bucket"]["name"], put["s3"]["object"]["size"], put["s3"]["configurationId"]), (BUCKET, 3, "csv"))

    def test_function(self):
        code = io.BytesIO()
        with zipfile.ZipFile(code, "w") as archive:
            archive.writestr("index.py", HANDLER)
        role = f"arn:aws:iam::{account}:role/SageMakerPipelineExecutionRole"
        arn = functions.create_function(
            FunctionName="on-object", Runtime="python3.11", Handler="index.handler", Role=role, Code={"ZipFile": code.getvalue()}
        )["FunctionArn"]
        functions.get_waiter("function_active_v2").wait(FunctionName="on-object")
        s3.create_bucket(Bucket=BUCKET + "-fn")
        s3.put_bucket_notification_configuration(
            Bucket=BUCKET + "-fn",
            NotificationConfiguration={"LambdaFunctionConfigurations": [{"LambdaFunctionArn": arn, "Events": ["s3:ObjectCreated:Put"]}]},
        )
        s3.put_object(Bucket=BUCKET + "-fn", Key="train me", Body=b"x")
        for _ in range(600):
            try:
                value = ssm.get_parameter(Name="/notified/train_me")["Parameter"]["Value"]
                break
            except ssm.exceptions.ParameterNotFound:
                # a look with a pause of its own: a long poll of an empty queue
                sqs.receive_message(QueueUrl=self.queue, WaitTimeSeconds=1)
        self.assertEqual(value, "ObjectCreated:Put")

    def test_what_is_wrong_is_said(self):
        for wrong, code in (
            ({"QueueConfigurations": [{"QueueArn": "nonsense", "Events": ["s3:ObjectCreated:*"]}]}, "InvalidArgument"),
            ({"QueueConfigurations": [{"QueueArn": self.queue_arn, "Events": ["s3:ObjectRestore:*"]}]}, "InvalidArgument"),
            ({"QueueConfigurations": [{"QueueArn": self.queue_arn, "Events": ["s3:ObjectEaten:*"]}]}, "MalformedXML"),
        ):
            with self.assertRaises(ClientError) as raised:
                s3.put_bucket_notification_configuration(Bucket=BUCKET + "-absent", NotificationConfiguration=wrong)
            self.assertEqual(raised.exception.response["Error"]["Code"], code)
        topics = {"TopicConfigurations": [{"TopicArn": f"arn:aws:sns:us-east-1:{account}:t", "Events": ["s3:ObjectCreated:*"]}]}
        with self.assertRaises(ClientError) as raised:
            s3.put_bucket_notification_configuration(Bucket=BUCKET, NotificationConfiguration=topics)
        self.assertEqual(raised.exception.response["ResponseMetadata"]["HTTPStatusCode"], 501)


if __name__ == "__main__":
    unittest.main()
