#!/bin/bash
# Filtering logs by the AWS CLI.
set -euo pipefail
aws logs create-log-group --log-group-name /cli/app
aws logs create-log-stream --log-group-name /cli/app --log-stream-name s
now=$(date +%s%3N)
aws logs put-log-events --log-group-name /cli/app --log-stream-name s \
  --log-events "timestamp=$now,message=ERROR one" "timestamp=$now,message=fine" > /dev/null
[ "$(aws logs filter-log-events --log-group-name /cli/app --filter-pattern ERROR --query 'events[].message' --output text)" = 'ERROR one' ]
aws logs put-retention-policy --log-group-name /cli/app --retention-in-days 30
[ "$(aws logs describe-log-groups --log-group-name-prefix /cli/app --query 'logGroups[0].retentionInDays')" = 30 ]
echo done
