"""Publishes until the server dies by kill -9; then checks that what was acknowledged has reached both queues.

`survives.py work FILE PID` kills the server itself in the middle; `survives.py check FILE` after its next start."""
import json
import os
import signal
import sys
import threading

import boto3
from botocore.config import Config

settings = Config(retries={"total_max_attempts": 1})
sns, sqs = boto3.client("sns", config=settings), boto3.client("sqs", config=settings)
what, path = sys.argv[1:3]
queues = ["told-one", "told-two"]

if what == "work":
    arn = sns.create_topic(Name="survivors")["TopicArn"]
    for name in queues:
        url = sqs.create_queue(QueueName=name)["QueueUrl"]
        target = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns.subscribe(TopicArn=arn, Protocol="sqs", Endpoint=target, Attributes={"RawMessageDelivery": "true"})
    sent, lock = set(), threading.Lock()

    def work(number):
        try:
            for at in range(1_000_000):
                sns.publish(TopicArn=arn, Message="%d-%d" % (number, at))
                with lock:
                    sent.add("%d-%d" % (number, at))
                    if len(sent) == 60:
                        os.kill(int(sys.argv[3]), signal.SIGKILL)
        except Exception as error:
            print(number, type(error).__name__)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    with open(path, "w") as file:
        json.dump(sorted(sent), file)
else:
    with open(path) as file:
        sent = set(json.load(file))
    for name in queues:
        url, got = sqs.get_queue_url(QueueName=name)["QueueUrl"], set()
        while not sent <= got:
            for message in sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20, MaxNumberOfMessages=10).get("Messages", []):
                got.add(message["Body"])
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    print("%d published, all told" % len(sent))
