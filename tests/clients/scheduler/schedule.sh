#!/bin/bash
# EventBridge Scheduler by the AWS CLI.
set -euo pipefail
aws() { command aws --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }
role=arn:aws:iam::123456789012:role/SageMakerPipelineExecutionRole
url=$(aws sqs create-queue --queue-name cli-schedule --query QueueUrl --output text)
arn=$(aws sqs get-queue-attributes --queue-url "$url" --attribute-names QueueArn --query Attributes.QueueArn --output text)
aws iam put-role-policy --role-name SageMakerPipelineExecutionRole --policy-name cli-schedule \
  --policy-document '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sqs:SendMessage","Resource":"*"}]}'
aws scheduler create-schedule --name cli --schedule-expression 'rate(1 hours)' --flexible-time-window Mode=OFF \
  --target "Arn=$arn,RoleArn=$role" > refused 2>&1 && exit 1
grep -q 'ValidationException' refused
aws scheduler create-schedule --name cli --schedule-expression 'rate(1 hour)' --flexible-time-window Mode=OFF \
  --target "{\"Arn\":\"$arn\",\"RoleArn\":\"$role\",\"Input\":\"from <aws.scheduler.schedule-arn>\"}" > /dev/null
aws sqs receive-message --queue-url "$url" --wait-time-seconds 20 --query 'Messages[0].Body' --output text > answer
grep -q 'schedule/default/cli' answer
aws scheduler list-schedules --output text > answer
grep -q cli answer
aws scheduler delete-schedule --name cli
aws sqs delete-queue --queue-url "$url"
echo done
