#!/bin/bash
# SQS by the AWS CLI.
set -euo pipefail
# Version 1 of the CLI has an address of its own for SQS, which only this option overrides.
aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }
url=$(aws sqs create-queue --queue-name cli-queue --attributes VisibilityTimeout=60 --query QueueUrl --output text)
aws sqs send-message --queue-url "$url" --message-body '{"token": "t-1"}' > /dev/null
handle=$(aws sqs receive-message --queue-url "$url" --wait-time-seconds 5 --query 'Messages[0].ReceiptHandle' --output text)
aws sqs change-message-visibility --queue-url "$url" --receipt-handle "$handle" --visibility-timeout 0
[ "$(aws sqs receive-message --queue-url "$url" --query 'Messages[0].Body' --output text)" = '{"token": "t-1"}' ]
aws sqs delete-message --queue-url "$url" --receipt-handle "$handle"
aws sqs list-queues --queue-name-prefix cli- --output text | grep -q cli-queue
if aws sqs get-queue-url --queue-name none 2> refused; then exit 1; fi
grep -q 'AWS.SimpleQueueService.NonExistentQueue' refused
aws sqs delete-queue --queue-url "$url"
echo done
