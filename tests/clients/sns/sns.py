"""SNS as its users call it: topics, subscriptions of queues, functions and URLs, filters, policies."""
import base64
import http.server
import json
import threading
import unittest
import urllib.request

import boto3
from botocore.exceptions import ClientError

sns = boto3.client("sns")
sqs = boto3.client("sqs")
iam = boto3.client("iam")
account = boto3.client("sts").get_caller_identity()["Account"]


class Receiver:
    """A real HTTP server that keeps what it was sent, and fails as often as it was told to."""

    def __init__(self, failures=0):
        self.got, self.arrived, failing = [], threading.Condition(), [failures]
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"])).decode()
                kind = self.headers["x-amz-sns-message-type"]
                failed = kind == "Notification" and failing[0] > 0
                if failed:
                    failing[0] -= 1
                self.send_response(503 if failed else 200)
                self.end_headers()
                with outer.arrived:
                    outer.got.append((kind, dict(self.headers), body))
                    outer.arrived.notify_all()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = "http://127.0.0.1:%d/in" % self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count):
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.got) >= count, 120), self.got
            return self.got[count - 1]


def verify(message):
    """Whether the signature holds is tested beside the room; here, that a validator finds what it asks for."""
    pem = urllib.request.urlopen(message["SigningCertURL"]).read()
    assert pem.startswith(b"-----BEGIN CERTIFICATE-----"), pem
    assert len(base64.b64decode(message["Signature"])) == 256


def queue(name):
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    return url, sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def receive(url, count=1):
    found = []
    while len(found) < count:
        for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MessageAttributeNames=["All"]).get("Messages", []):
            found.append(message)
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


class Topics(unittest.TestCase):
    def refused(self, code, call, **arguments):
        with self.assertRaises(ClientError) as caught:
            call(**arguments)
        self.assertEqual(caught.exception.response["Error"]["Code"], code)
        return caught.exception.response["Error"]["Message"]

    def test_topic(self):
        arn = sns.create_topic(Name="client-topic", Attributes={"DisplayName": "d"}, Tags=[{"Key": "a", "Value": "1"}])["TopicArn"]
        self.assertEqual(arn, "arn:aws:sns:us-east-1:%s:client-topic" % account)
        self.assertEqual(sns.create_topic(Name="client-topic")["TopicArn"], arn)
        self.assertIn({"TopicArn": arn}, [t for page in sns.get_paginator("list_topics").paginate() for t in page["Topics"]])
        sns.set_topic_attributes(TopicArn=arn, AttributeName="DisplayName", AttributeValue="e")
        self.assertEqual(sns.get_topic_attributes(TopicArn=arn)["Attributes"]["DisplayName"], "e")
        sns.tag_resource(ResourceArn=arn, Tags=[{"Key": "b", "Value": "2"}])
        sns.untag_resource(ResourceArn=arn, TagKeys=["a"])
        self.assertEqual(sns.list_tags_for_resource(ResourceArn=arn)["Tags"], [{"Key": "b", "Value": "2"}])
        sns.add_permission(TopicArn=arn, Label="l", AWSAccountId=[account], ActionName=["Publish"])
        sns.remove_permission(TopicArn=arn, Label="l")
        sns.delete_topic(TopicArn=arn)
        self.refused("NotFound", sns.get_topic_attributes, TopicArn=arn)
        self.refused("ResourceNotFound", sns.list_tags_for_resource, ResourceArn=arn)
        self.refused("InvalidParameter", sns.create_topic, Name="no good")
        self.refused("NotFound", sns.publish, TopicArn=arn, Message="m")
        self.refused("NotImplementedException", sns.create_topic, Name="x.fifo", Attributes={"FifoTopic": "true"})

    def test_queue(self):
        arn = sns.create_topic(Name="to-queues")["TopicArn"]
        url, target = queue("topic-inbox")
        raw_url, raw = queue("topic-raw")
        plain = sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=target)["SubscriptionArn"]
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=raw, Attributes={"RawMessageDelivery": "true", "FilterPolicy": '{"n": [{"numeric": [">", 1]}]}'})
        sent = sns.publish(TopicArn=arn, Message="héllo", Subject="s", MessageAttributes={"n": {"DataType": "Number", "StringValue": "1"}})
        body = json.loads(receive(url)[0]["Body"])
        verify(body)
        self.assertEqual((body["MessageId"], body["Message"], body["Subject"]), (sent["MessageId"], "héllo", "s"))
        batch = sns.publish_batch(
            TopicArn=arn,
            PublishBatchRequestEntries=[
                {"Id": "a", "Message": "for both", "MessageAttributes": {"n": {"DataType": "Number", "StringValue": "2"}}},
                {"Id": "b", "Message": "for one"},
            ],
        )
        self.assertEqual([one["Id"] for one in batch["Successful"]], ["a", "b"])
        message = receive(raw_url)[0]
        self.assertEqual((message["Body"], message["MessageAttributes"]["n"]["StringValue"]), ("for both", "2"))
        self.assertEqual(sorted(json.loads(one["Body"])["Message"] for one in receive(url, 2)), ["for both", "for one"])
        sns.set_subscription_attributes(SubscriptionArn=plain, AttributeName="FilterPolicy", AttributeValue='{"kind": [{"prefix": "x"}]}')
        self.assertEqual(sns.get_subscription_attributes(SubscriptionArn=plain)["Attributes"]["FilterPolicyScope"], "MessageAttributes")
        listed = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
        self.assertEqual(sorted(one["Endpoint"] for one in listed), sorted([target, raw]))
        sns.unsubscribe(SubscriptionArn=plain)
        self.refused("NotFound", sns.get_subscription_attributes, SubscriptionArn=plain)

    def test_url(self):
        """Asked for confirmation, then told; a failing receiver is asked again by the delivery policy."""
        receiver = Receiver(failures=2)
        arn = sns.create_topic(Name="to-urls", Attributes={"SignatureVersion": "2"})["TopicArn"]
        policy = {"healthyRetryPolicy": {"numRetries": 3, "numNoDelayRetries": 1, "minDelayTarget": 1, "maxDelayTarget": 1}}
        pending = sns.subscribe(
            TopicArn=arn, Protocol="http", Endpoint=receiver.url, Attributes={"DeliveryPolicy": json.dumps(policy)}
        )
        self.assertEqual(pending["SubscriptionArn"], "pending confirmation")
        kind, headers, body = receiver.wait(1)
        asked = json.loads(body)
        verify(asked)
        self.assertEqual((kind, headers["x-amz-sns-topic-arn"]), ("SubscriptionConfirmation", arn))
        self.assertEqual(sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"][0]["SubscriptionArn"], "PendingConfirmation")
        self.refused("InvalidParameter", sns.confirm_subscription, TopicArn=arn, Token="f" * 64)
        confirmed = sns.confirm_subscription(TopicArn=arn, Token=asked["Token"])["SubscriptionArn"]
        sns.publish(TopicArn=arn, Message="m")
        for at in (2, 3, 4):
            kind, headers, body = receiver.wait(at)
            self.assertEqual((kind, headers["x-amz-sns-subscription-arn"]), ("Notification", confirmed))
            verify(json.loads(body))
        # another receiver confirms by asking for the link, as AWS's own samples do
        other = Receiver()
        sns.subscribe(TopicArn=arn, Protocol="http", Endpoint=other.url)
        urllib.request.urlopen(json.loads(other.wait(1)[2])["SubscribeURL"]).read()
        sns.publish(TopicArn=arn, Message="n")
        self.assertEqual(json.loads(other.wait(2)[2])["Message"], "n")

    def test_dead_letter(self):
        url, dead = queue("topic-dead")
        arn = sns.create_topic(Name="to-nowhere")["TopicArn"]
        missing = "arn:aws:sqs:us-east-1:%s:not-there" % account
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=missing, Attributes={"RedrivePolicy": json.dumps({"deadLetterTargetArn": dead})})
        sns.publish(TopicArn=arn, Message="lost?")
        self.assertEqual(json.loads(receive(url)[0]["Body"])["Message"], "lost?")

    def test_rights(self):
        """A topic's own policy lets in whom it names; whoever has no right hears so in SNS's words."""
        arn = sns.create_topic(Name="guarded")["TopicArn"]
        iam.create_user(UserName="topic-guest")
        key = iam.create_access_key(UserName="topic-guest")["AccessKey"]
        guest = boto3.client("sns", aws_access_key_id=key["AccessKeyId"], aws_secret_access_key=key["SecretAccessKey"])
        self.refused("AuthorizationError", guest.publish, TopicArn=arn, Message="m")
        statement = {
            "Effect": "Allow",
            "Principal": {"AWS": "arn:aws:iam::%s:user/topic-guest" % account},
            "Action": "sns:Publish",
            "Resource": arn,
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=policy)
        guest.publish(TopicArn=arn, Message="m")
        self.refused("AuthorizationError", guest.list_subscriptions_by_topic, TopicArn=arn)


unittest.main()
