#!/bin/bash
# CodePipeline by the AWS CLI: a structure as the CDK synthesises it, from an object to an approval.
set -euo pipefail
ROLE=arn:aws:iam::123456789012:role
BUCKET=delivery-cli-$RANDOM
aws s3api create-bucket --bucket "$BUCKET" >/dev/null
aws s3api put-bucket-versioning --bucket "$BUCKET" --versioning-configuration Status=Enabled
echo hello > hello.txt
python3 -m zipfile -c source.zip hello.txt
aws s3 cp --quiet source.zip "s3://$BUCKET/in/source.zip"

cat > pipeline.json <<JSON
{
  "pipeline": {
    "name": "cli-$BUCKET",
    "roleArn": "$ROLE/SeedStack-PipelineRoleB27FAA37-1ABC",
    "pipelineType": "V2",
    "artifactStore": {
      "type": "S3",
      "location": "$BUCKET",
      "encryptionKey": { "type": "KMS", "id": "arn:aws:kms:us-east-1:123456789012:key/8a0b3a5e-0000-4000-8000-000000000000" }
    },
    "stages": [
      {
        "name": "Source",
        "actions": [
          {
            "name": "S3Source",
            "actionTypeId": { "category": "Source", "owner": "AWS", "provider": "S3", "version": "1" },
            "configuration": { "S3Bucket": "$BUCKET", "S3ObjectKey": "in/source.zip", "PollForSourceChanges": "false" },
            "inputArtifacts": [],
            "outputArtifacts": [{ "name": "Artifact_Source_S3Source" }],
            "roleArn": "$ROLE/SeedStack-PipelineSourceS3SourceCodePipelineActionRole-1DEF",
            "runOrder": 1
          }
        ]
      },
      {
        "name": "Approve",
        "actions": [
          {
            "name": "Manual",
            "actionTypeId": { "category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1" },
            "configuration": { "CustomData": "look at it" },
            "inputArtifacts": [],
            "outputArtifacts": [],
            "roleArn": "$ROLE/SeedStack-PipelineApproveManualCodePipelineActionRole-1GHI",
            "runOrder": 1
          }
        ]
      }
    ]
  }
}
JSON
NAME=$(aws codepipeline create-pipeline --cli-input-json file://pipeline.json --query pipeline.name --output text)
token() {
  aws codepipeline get-pipeline-state --name "$NAME" --output text \
    --query "stageStates[1].actionStates[0].latestExecution.token"
}
for _ in $(seq 60); do
  TOKEN=$(token)
  [ "$TOKEN" != None ] && break
done
aws codepipeline put-approval-result --pipeline-name "$NAME" --stage-name Approve --action-name Manual \
  --token "$TOKEN" --result summary=fine,status=Approved --query approvedAt --output text >/dev/null
for _ in $(seq 60); do
  STATUS=$(aws codepipeline list-pipeline-executions --pipeline-name "$NAME" --query "pipelineExecutionSummaries[0].status" --output text)
  [ "$STATUS" = Succeeded ] && break
done
test "$STATUS" = Succeeded
EXECUTION=$(aws codepipeline start-pipeline-execution --name "$NAME" --query pipelineExecutionId --output text)
aws codepipeline stop-pipeline-execution --pipeline-name "$NAME" --pipeline-execution-id "$EXECUTION" --abandon >/dev/null
aws codepipeline list-action-executions --pipeline-name "$NAME" --query "actionExecutionDetails[].actionName" --output text
aws codepipeline list-action-types --query "actionTypes[].id.provider" --output text
aws codepipeline delete-pipeline --name "$NAME"
if aws codepipeline get-pipeline --name "$NAME" 2> refused; then exit 1; fi
grep -q PipelineNotFoundException refused
echo done
