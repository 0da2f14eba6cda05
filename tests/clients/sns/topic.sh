#!/bin/bash
# SNS by the AWS CLI.
set -euo pipefail
aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }
topic=$(aws sns create-topic --name cli-topic --query TopicArn --output text)
url=$(aws sqs create-queue --queue-name cli-topic-inbox --query QueueUrl --output text)
queue=$(aws sqs get-queue-attributes --queue-url "$url" --attribute-names QueueArn --query Attributes.QueueArn --output text)
subscription=$(aws sns subscribe --topic-arn "$topic" --protocol sqs --notification-endpoint "$queue" --query SubscriptionArn --output text)
aws sns publish --topic-arn "$topic" --subject hello --message 'from the command line' > /dev/null
aws sqs receive-message --queue-url "$url" --wait-time-seconds 20 --query 'Messages[0].Body' --output text > answer
grep -q 'from the command line' answer
aws sns list-subscriptions --output text > answer
grep -q "$queue" answer
aws sns unsubscribe --subscription-arn "$subscription"
aws sns delete-topic --topic-arn "$topic"
if aws sns get-topic-attributes --topic-arn "$topic" 2> refused; then exit 1; fi
grep -q NotFound refused
aws sqs delete-queue --queue-url "$url"
echo done
