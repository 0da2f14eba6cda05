"""Sends, receives and deletes until the server dies by kill -9; then checks that what was acknowledged is so.

`survives.py work FILE PID` kills the server itself in the middle; `survives.py check FILE` after its next start."""
import json
import os
import signal
import sys
import threading

import boto3
from botocore.config import Config

sqs = boto3.client("sqs", config=Config(retries={"total_max_attempts": 1}))
what, path = sys.argv[1:3]

if what == "work":
    url = sqs.create_queue(QueueName="survivors", Attributes={"VisibilityTimeout": "43200"})["QueueUrl"]
    sent, asked, deleted, lock = set(), set(), set(), threading.Lock()

    def work(number):
        try:
            for at in range(1_000_000):
                body = "%d-%d" % (number, at)
                sqs.send_message(QueueUrl=url, MessageBody=body)
                with lock:
                    sent.add(body)
                    if len(sent) == 60:
                        os.kill(int(sys.argv[3]), signal.SIGKILL)
                if at % 2 == 0:
                    for message in sqs.receive_message(QueueUrl=url).get("Messages", []):
                        asked.add(message["Body"])
                        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                        deleted.add(message["Body"])
        except Exception as error:
            print(number, type(error).__name__)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    with open(path, "w") as file:
        json.dump({"url": url, "sent": sorted(sent), "asked": sorted(asked), "deleted": sorted(deleted)}, file)
else:
    with open(path) as file:
        before = json.load(file)
    left = []
    while messages := sqs.receive_message(QueueUrl=before["url"], MaxNumberOfMessages=10).get("Messages", []):
        left += [message["Body"] for message in messages]
    assert len(left) == len(set(left)), "handed out twice"
    assert not set(left) & set(before["deleted"]), "deleted and there again"
    assert not set(left) & set(before["asked"]), "handed out within its visibility"
    # one receive per worker may have been committed whose answer was lost: hidden, but not gone
    attributes = sqs.get_queue_attributes(QueueUrl=before["url"], AttributeNames=["All"])["Attributes"]
    hidden = int(attributes["ApproximateNumberOfMessagesNotVisible"])
    missing = set(before["sent"]) - set(left) - set(before["asked"])
    assert len(missing) <= hidden - len(left), ("lost", missing)
    print("%d sent, %d deleted, %d left" % (len(before["sent"]), len(before["deleted"]), len(left)))
