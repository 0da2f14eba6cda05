#!/bin/bash
# From data to a prediction with the AWS CLI alone. main-job.sh SEEDS: the folder with the data and the job scripts.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
seeds=$1
bucket=cli-story
xgboost=683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1
sklearn=683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3
cluster='{"ClusterConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10}}'
one_host=InstanceType=ml.m5.large,InstanceCount=1,VolumeSizeInGB=10
export AWS_PAGER=''

say() { printf '%s\n' "$*"; }

# expect TEXT COMMAND...: the command is refused, and says so
expect() {
  local text=$1 answer
  shift
  if answer=$("$@" 2>&1); then say "not refused: $*"; exit 1; fi
  case $answer in *"$text"*) say "refused: $text" ;; *) say "refused, but: $answer"; exit 1 ;; esac
}

# until_not STATUS COMMAND...: the waiters of the CLI look only every 30 to 120 seconds, so ask more often first
until_not() {
  local busy=$1
  shift
  while [[ $("$@") =~ ^($busy)$ ]]; do sleep 2; done
}

account=$(aws sts get-caller-identity --query Account --output text)
role=$(aws iam get-role --role-name SageMakerPipelineExecutionRole --query Role.Arn --output text)
say "caller of $account, role $role"

# Storage
aws s3 mb "s3://$bucket"
aws s3 cp --quiet "$seeds/data/breast-cancer.csv" "s3://$bucket/raw/"
aws s3 cp --quiet --recursive --exclude '*' --include '*.py' "$seeds/my-ml-pipeline/" "s3://$bucket/code/"
tar -czf sourcedir.tar.gz -C "$seeds/sagemaker-pipeline" train.py
aws s3 cp --quiet sourcedir.tar.gz "s3://$bucket/code/"
aws s3 ls --recursive "s3://$bucket/" | awk '{print $4}' >keys.txt
grep -qx code/preprocess.py keys.txt
say "objects: $(wc -l <keys.txt)"

# A processing job
aws sagemaker create-processing-job --processing-job-name cli-prepare --role-arn "$role" --processing-resources "$cluster" \
  --app-specification "ImageUri=$sklearn,ContainerEntrypoint=python3,/opt/ml/processing/input/code/preprocess.py" \
  --processing-inputs "$(cat <<JSON
[{"InputName": "rows", "S3Input": {"S3Uri": "s3://$bucket/raw/", "LocalPath": "/opt/ml/processing/input", "S3DataType": "S3Prefix", "S3InputMode": "File"}},
 {"InputName": "code", "S3Input": {"S3Uri": "s3://$bucket/code/preprocess.py", "LocalPath": "/opt/ml/processing/input/code", "S3DataType": "S3Prefix", "S3InputMode": "File"}}]
JSON
)" --processing-output-config "$(cat <<JSON
{"Outputs": [{"OutputName": "train", "S3Output": {"S3Uri": "s3://$bucket/prepared/train", "LocalPath": "/opt/ml/processing/train", "S3UploadMode": "EndOfJob"}},
             {"OutputName": "validation", "S3Output": {"S3Uri": "s3://$bucket/prepared/validation", "LocalPath": "/opt/ml/processing/validation", "S3UploadMode": "EndOfJob"}}]}
JSON
)" --query ProcessingJobArn --output text
until_not 'InProgress' aws sagemaker describe-processing-job --processing-job-name cli-prepare --query ProcessingJobStatus --output text
aws sagemaker wait processing-job-completed-or-stopped --processing-job-name cli-prepare
stream=$(aws logs describe-log-streams --log-group-name /aws/sagemaker/ProcessingJobs --log-stream-name-prefix cli-prepare/ \
  --query 'logStreams[0].logStreamName' --output text)
say "log: $(aws logs get-log-events --log-group-name /aws/sagemaker/ProcessingJobs --log-stream-name "$stream" --start-from-head \
  --query 'events[].message' --output text)"

# Training jobs: the built-in algorithm, and a script of ours
channels="$(cat <<JSON
[{"ChannelName": "train", "ContentType": "text/csv", "DataSource": {"S3DataSource":
  {"S3DataType": "S3Prefix", "S3Uri": "s3://$bucket/prepared/train", "S3DataDistributionType": "FullyReplicated"}}}]
JSON
)"
train() {
  aws sagemaker create-training-job --training-job-name "$1" --role-arn "$role" --resource-config "$one_host" \
    --algorithm-specification "TrainingImage=$xgboost,TrainingInputMode=File" --input-data-config "$channels" \
    --output-data-config "S3OutputPath=s3://$bucket/models" --stopping-condition MaxRuntimeInSeconds=600 \
    --hyper-parameters "$2" --query TrainingJobArn --output text
}
train cli-builtin '{"num_round": "20", "objective": "binary:logistic"}'
train cli-script "{\"sagemaker_program\": \"train.py\", \"sagemaker_submit_directory\": \"s3://$bucket/code/sourcedir.tar.gz\",
  \"num_round\": \"10\", \"max_depth\": \"3\", \"eta\": \"0.3\"}"
for job in cli-builtin cli-script; do
  until_not 'InProgress' aws sagemaker describe-training-job --training-job-name "$job" --query TrainingJobStatus --output text
  aws sagemaker wait training-job-completed-or-stopped --training-job-name "$job"
  model=$(aws sagemaker describe-training-job --training-job-name "$job" --query ModelArtifacts.S3ModelArtifacts --output text)
  aws s3 cp --quiet "$model" "$job.tar.gz"
  say "$job: $(tar -tzf "$job.tar.gz")"
done

# A pipeline: once accurate enough, once not
aws sagemaker create-model-package-group --model-package-group-name cli-models --query ModelPackageGroupArn --output text
aws sagemaker create-pipeline --pipeline-name cli-pipeline --role-arn "$role" --pipeline-definition "file://$here/definition.json" \
  --client-request-token "$(printf 'cli-%.0s' {1..10})" --query PipelineArn --output text
execution() {
  aws sagemaker start-pipeline-execution --pipeline-name cli-pipeline --query PipelineExecutionArn --output text \
    --pipeline-parameters "Name=Bucket,Value=$bucket" "Name=Role,Value=$role" "$@"
}
accurate=$(execution)
strict=$(execution Name=Threshold,Value=1.5)
for arn in "$accurate" "$strict"; do
  until_not 'Executing' aws sagemaker describe-pipeline-execution --pipeline-execution-arn "$arn" --query PipelineExecutionStatus --output text
  say "execution: $(aws sagemaker describe-pipeline-execution --pipeline-execution-arn "$arn" --query '[PipelineExecutionStatus, FailureReason]' --output text)"
  aws sagemaker list-pipeline-execution-steps --pipeline-execution-arn "$arn" --sort-order Ascending \
    --query 'PipelineExecutionSteps[].[StepName, StepStatus]' --output text
done

# Approval and serving
package=$(aws sagemaker list-model-packages --model-package-group-name cli-models --query 'ModelPackageSummaryList[].ModelPackageArn' --output text)
say "registered: $package"
expect PendingManualApproval aws sagemaker create-model --model-name cli-model --execution-role-arn "$role" --containers "ModelPackageName=$package"
aws sagemaker update-model-package --model-package-arn "$package" --model-approval-status Approved --approval-description 'Checked by hand' --output text
aws sagemaker create-model --model-name cli-model --execution-role-arn "$role" --containers "ModelPackageName=$package" --output text
aws sagemaker create-endpoint-config --endpoint-config-name cli-config --output text \
  --production-variants VariantName=AllTraffic,ModelName=cli-model,InitialInstanceCount=1,InstanceType=ml.m5.large,InitialVariantWeight=1
aws sagemaker create-endpoint --endpoint-name cli-endpoint --endpoint-config-name cli-config --output text
until_not 'Creating' aws sagemaker describe-endpoint --endpoint-name cli-endpoint --query EndpointStatus --output text
aws sagemaker wait endpoint-in-service --endpoint-name cli-endpoint
aws s3 cp --quiet "s3://$bucket/prepared/validation/validation.csv" .
head -3 validation.csv | cut -d, -f2- >rows.csv
aws sagemaker-runtime invoke-endpoint --endpoint-name cli-endpoint --content-type text/csv --body fileb://rows.csv answer.csv \
  --query InvokedProductionVariant --output text
say "labels and scores: $(paste -d' ' <(head -3 validation.csv | cut -d, -f1) answer.csv | tr '\n' ';')"

# And down again
aws sagemaker delete-endpoint --endpoint-name cli-endpoint
while aws sagemaker describe-endpoint --endpoint-name cli-endpoint --output text >gone.txt 2>&1; do sleep 2; done
aws sagemaker wait endpoint-deleted --endpoint-name cli-endpoint
aws sagemaker delete-endpoint-config --endpoint-config-name cli-config
aws sagemaker delete-model --model-name cli-model
aws sagemaker delete-model-package --model-package-name "$package"
aws sagemaker delete-model-package-group --model-package-group-name cli-models
aws sagemaker delete-pipeline --pipeline-name cli-pipeline --client-request-token "$(printf 'del-%.0s' {1..10})" --output text
expect 'does not exist' aws sagemaker describe-pipeline --pipeline-name cli-pipeline
aws s3 rb --force "s3://$bucket" >/dev/null
say done
