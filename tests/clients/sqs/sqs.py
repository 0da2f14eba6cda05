"""SQS through boto3: the client itself compares the digests of what it sends and receives."""
import hashlib
import json
import threading
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import boto3
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import ClientError, ReadTimeoutError

sqs = boto3.client("sqs")


def queue(name, **attributes):
    return sqs.create_queue(QueueName=name, Attributes={key: str(value) for key, value in attributes.items()})["QueueUrl"]


def receive(url, **more):
    return sqs.receive_message(QueueUrl=url, **{"MaxNumberOfMessages": 10, **more}).get("Messages", [])


class Queues(unittest.TestCase):
    def refused(self, code, call, **wrong):
        with self.assertRaises(ClientError) as caught:
            call(**wrong)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["Error"]["Message"]

    def test_create_find_delete(self):
        url = queue("client-one", VisibilityTimeout=7)
        self.assertTrue(url.startswith(sqs.meta.endpoint_url + "/123456789012/"))
        self.assertEqual(queue("client-one", VisibilityTimeout=7), url)
        with self.assertRaises(sqs.exceptions.QueueNameExists):
            queue("client-one", VisibilityTimeout=8)
        self.refused("QueueAlreadyExists", queue, name="client-one", DelaySeconds=1)
        self.assertEqual(sqs.get_queue_url(QueueName="client-one")["QueueUrl"], url)
        self.assertIn(url, sqs.list_queues(QueueNamePrefix="client-")["QueueUrls"])
        attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        self.assertEqual((attributes["QueueArn"], attributes["VisibilityTimeout"]), ("arn:aws:sqs:us-east-1:123456789012:client-one", "7"))
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"DelaySeconds": "3"})
        self.assertEqual(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["DelaySeconds"])["Attributes"], {"DelaySeconds": "3"})
        self.refused("InvalidAttributeName", sqs.get_queue_attributes, QueueUrl=url, AttributeNames=["Colour"])
        self.refused("InvalidAttributeName", sqs.set_queue_attributes, QueueUrl=url, Attributes={"Colour": "red"})
        self.refused("InvalidAttributeValue", sqs.set_queue_attributes, QueueUrl=url, Attributes={"DelaySeconds": "901"})
        sqs.tag_queue(QueueUrl=url, Tags={"team": "a", "stage": "test"})
        sqs.untag_queue(QueueUrl=url, TagKeys=["team"])
        self.assertEqual(sqs.list_queue_tags(QueueUrl=url)["Tags"], {"stage": "test"})
        sqs.delete_queue(QueueUrl=url)
        with self.assertRaises(sqs.exceptions.QueueDoesNotExist):
            sqs.get_queue_url(QueueName="client-one")
        self.refused("AWS.SimpleQueueService.NonExistentQueue", sqs.send_message, QueueUrl=url, MessageBody="x")

    def test_messages(self):
        url = queue("client-messages", VisibilityTimeout=30)
        attributes = {
            "name": {"DataType": "String", "StringValue": "é"},
            "size": {"DataType": "Number", "StringValue": "7"},
            "raw": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
        }
        sent = sqs.send_message(QueueUrl=url, MessageBody="grüße \U0001f600", MessageAttributes=attributes)
        self.assertEqual(sent["MD5OfMessageBody"], hashlib.md5("grüße \U0001f600".encode()).hexdigest())
        [message] = receive(url, AttributeNames=["SentTimestamp", "ApproximateReceiveCount"], MessageAttributeNames=["All"])
        self.assertEqual((message["Body"], message["MessageId"], message["MessageAttributes"]), ("grüße \U0001f600", sent["MessageId"], attributes))
        self.assertEqual(message["MD5OfMessageAttributes"], sent["MD5OfMessageAttributes"])
        self.assertEqual(message["Attributes"]["ApproximateReceiveCount"], "1")
        self.assertLess(abs(int(message["Attributes"]["SentTimestamp"]) / 1000 - time.time()), 300)
        self.assertEqual(receive(url), [])
        sqs.change_message_visibility(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
        [message] = receive(url)
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        with self.assertRaises(sqs.exceptions.ReceiptHandleIsInvalid):
            sqs.delete_message(QueueUrl=url, ReceiptHandle="mine")
        sent = sqs.send_message_batch(QueueUrl=url, Entries=[{"Id": str(at), "MessageBody": "m%d" % at} for at in range(10)])
        self.assertEqual([entry["Id"] for entry in sent["Successful"]], [str(at) for at in range(10)])
        self.assertNotIn("Failed", sent)
        got = receive(url)
        self.assertEqual(sorted(message["Body"] for message in got), ["m%d" % at for at in range(10)])
        done = sqs.delete_message_batch(
            QueueUrl=url, Entries=[{"Id": str(at), "ReceiptHandle": message["ReceiptHandle"]} for at, message in enumerate(got)] )
        self.assertEqual(len(done["Successful"]), 10)
        self.refused("AWS.SimpleQueueService.EmptyBatchRequest", sqs.send_message_batch, QueueUrl=url, Entries=[])
        self.refused("InvalidParameterValue", sqs.receive_message, QueueUrl=url, MaxNumberOfMessages=11)
        self.refused("InvalidParameterValue", sqs.receive_message, QueueUrl=url, WaitTimeSeconds=21)
        self.refused("InvalidMessageContents", sqs.send_message, QueueUrl=url, MessageBody="\x07")
        sqs.send_message(QueueUrl=url, MessageBody="late", DelaySeconds=900)
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        self.assertEqual(counts["ApproximateNumberOfMessagesDelayed"], "1")
        sqs.purge_queue(QueueUrl=url)
        with self.assertRaises(sqs.exceptions.PurgeQueueInProgress):
            sqs.purge_queue(QueueUrl=url)
        counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        self.assertEqual(counts["ApproximateNumberOfMessagesDelayed"], "0")

    def test_long_poll_is_woken(self):
        url = queue("client-poll", ReceiveMessageWaitTimeSeconds=20)
        got, began = [], time.monotonic()
        other = threading.Thread(target=lambda: got.extend(boto3.client("sqs").receive_message(QueueUrl=url).get("Messages", [])))
        other.start()
        sqs.send_message(QueueUrl=url, MessageBody="wake up")
        other.join()
        self.assertEqual([message["Body"] for message in got], ["wake up"])
        self.assertLess(time.monotonic() - began, 15)
        self.assertEqual(receive(url, WaitTimeSeconds=1), [])

    def test_who_went_away_gets_no_message(self):
        url = queue("client-gone")
        impatient = boto3.client("sqs", config=Config(read_timeout=0.3, retries={"total_max_attempts": 1}))
        for _ in range(3):
            with self.assertRaises(ReadTimeoutError):
                impatient.receive_message(QueueUrl=url, WaitTimeSeconds=20)
        sqs.send_message(QueueUrl=url, MessageBody="for whoever stayed")
        self.assertEqual([message["Body"] for message in receive(url)], ["for whoever stayed"])

    def test_dead_letters(self):
        dead = queue("client-dead")
        arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        url = queue("client-source", RedrivePolicy=json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 1}))
        sqs.send_message(QueueUrl=url, MessageBody="poison")
        self.assertEqual(len(receive(url, VisibilityTimeout=0)), 1)
        self.assertEqual(receive(url), [])
        [letter] = receive(dead, MessageSystemAttributeNames=["All"])
        self.assertEqual(letter["Attributes"]["DeadLetterQueueSourceArn"], "arn:aws:sqs:us-east-1:123456789012:client-source")
        self.assertEqual(sqs.list_dead_letter_source_queues(QueueUrl=dead)["queueUrls"], [url])
        self.refused("InvalidParameterValue", queue, name="client-wrong", RedrivePolicy="{}")

    def test_fifo(self):
        url = queue("client.fifo", FifoQueue="true", ContentBasedDeduplication="true")
        first = sqs.send_message(QueueUrl=url, MessageBody="1", MessageGroupId="g")
        self.assertEqual(sqs.send_message(QueueUrl=url, MessageBody="1", MessageGroupId="g")["MessageId"], first["MessageId"])
        sqs.send_message(QueueUrl=url, MessageBody="2", MessageGroupId="g")
        [one] = receive(url, MaxNumberOfMessages=1, AttributeNames=["All"])
        self.assertEqual((one["Body"], one["Attributes"]["SequenceNumber"]), ("1", first["SequenceNumber"]))
        self.assertEqual(receive(url), [])
        sqs.delete_message(QueueUrl=url, ReceiptHandle=one["ReceiptHandle"])
        self.assertEqual([message["Body"] for message in receive(url)], ["2"])
        self.refused("MissingParameter", sqs.send_message, QueueUrl=url, MessageBody="3")

    def test_forms_of_older_clients(self):
        url = queue("client-forms")

        def form(address, **parameters):
            request = AWSRequest("POST", address, data=urllib.parse.urlencode(parameters),
                                 headers={"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"})
            session = boto3.session.Session()
            SigV4Auth(session.get_credentials(), "sqs", session.region_name).add_auth(request)
            prepared = request.prepare()
            asked = urllib.request.Request(prepared.url, prepared.body.encode(), dict(prepared.headers))
            try:
                with urllib.request.urlopen(asked) as answer:
                    return answer.read().decode()
            except urllib.error.HTTPError as error:
                return error.read().decode()

        sent = form(url, Action="SendMessage", Version="2012-11-05", MessageBody="a&b", **{
            "MessageAttribute.1.Name": "kind", "MessageAttribute.1.Value.DataType": "String", "MessageAttribute.1.Value.StringValue": "x"})
        self.assertRegex(sent, "<SendMessageResponse xmlns=.*<SendMessageResult>.*<MessageId>.*</SendMessageResult>")
        got = form(url, Action="ReceiveMessage", **{"AttributeName.1": "All", "MessageAttributeName.1": "All"})
        self.assertIn("<Body>a&amp;b</Body>", got)
        self.assertIn("<Attribute><Name>ApproximateReceiveCount</Name><Value>1</Value></Attribute>", got)
        self.assertIn("<MessageAttribute><Name>kind</Name><Value><StringValue>x</StringValue><DataType>String</DataType></Value></MessageAttribute>", got)
        many = form(sqs.meta.endpoint_url, Action="SendMessageBatch", QueueUrl=url, **{
            "SendMessageBatchRequestEntry.1.Id": "1", "SendMessageBatchRequestEntry.1.MessageBody": "one"})
        self.assertIn("<SendMessageBatchResultEntry><Id>1</Id>", many)
        self.assertIn("<Attribute><Name>DelaySeconds</Name><Value>0</Value></Attribute>",
                      form(url, Action="GetQueueAttributes", **{"AttributeName.1": "DelaySeconds"}))
        self.assertIn(f"<QueueUrl>{url}</QueueUrl>", form(sqs.meta.endpoint_url, Action="ListQueues"))
        self.assertIn("<Code>AWS.SimpleQueueService.NonExistentQueue</Code>", form(url + "x", Action="PurgeQueue"))
        self.assertIn("<Code>AWS.SimpleQueueService.EmptyBatchRequest</Code>", form(url, Action="DeleteMessageBatch"))

    def test_the_resource_interface(self):
        jobs = boto3.resource("sqs").create_queue(QueueName="client-resource")
        jobs.send_message(MessageBody="hello")
        [message] = jobs.receive_messages()
        self.assertEqual(message.body, "hello")
        message.delete()
        jobs.delete()


if __name__ == "__main__":
    unittest.main()
