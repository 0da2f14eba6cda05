#!/bin/bash
# The ways to serve with the AWS CLI alone: variants by weight, an inference pipeline, many models, later answers, serverless.
set -euo pipefail
sklearn=683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3
bucket=cli-serving
export AWS_PAGER=''

say() { printf '%s\n' "$*"; }

role=$(aws iam get-role --role-name SageMakerPipelineExecutionRole --query Role.Arn --output text)
aws s3 mb "s3://$bucket"

# archive NAME: a model that puts its name before what it is sent
archive() {
  mkdir -p "$1/code"
  cat >"$1/code/inference.py" <<PY
def model_fn(folder): return "$1"
def transform_fn(model, body, content_type, accept): return model + " " + body, "text/plain"
PY
  tar -czf "$1.tar.gz" -C "$1" code
  aws s3 cp --quiet "$1.tar.gz" "s3://$bucket/models/$1.tar.gz"
}

container() { printf '{"Image": "%s", "ModelDataUrl": "s3://%s/models/%s.tar.gz"}' "$sklearn" "$bucket" "$1"; }

# variant NAME MORE: one of a configuration
variant() { printf '{"VariantName": "%s", "ModelName": "%s", %s}' "$1" "${3:-$1}" "$2"; }

host='"InstanceType": "ml.m5.large", "InitialInstanceCount": 1'

# deploy NAME VARIANTS MORE...: answers when it serves
deploy() {
  local name=$1 variants=$2
  shift 2
  aws sagemaker create-endpoint-config --endpoint-config-name "$name" --production-variants "$variants" "$@" >>made.json
  aws sagemaker create-endpoint --endpoint-name "$name" --endpoint-config-name "$name" >>made.json
  in_service "$name"
}

in_service() {
  while [[ $(aws sagemaker describe-endpoint --endpoint-name "$1" --query EndpointStatus --output text) =~ ^(Creating|Updating)$ ]]; do sleep 0.5; done
  aws sagemaker wait endpoint-in-service --endpoint-name "$1"
}

# ask ENDPOINT MORE...: what it answers, and which variant did
ask() {
  local name=$1
  shift
  aws sagemaker-runtime invoke-endpoint --endpoint-name "$name" --content-type text/plain --body hello \
    "$@" answer.txt --query InvokedProductionVariant --output text >variant.txt
  say "$(cat answer.txt) ($(cat variant.txt))"
}

for name in one two; do
  archive "$name"
  aws sagemaker create-model --model-name "$name" --execution-role-arn "$role" --primary-container "$(container "$name")" >>made.json
done
deploy split "[$(variant one "$host, \"InitialVariantWeight\": 1"), $(variant two "$host, \"InitialVariantWeight\": 1")]"
ask split --target-variant two
aws sagemaker update-endpoint-weights-and-capacities --endpoint-name split \
  --desired-weights-and-capacities VariantName=two,DesiredWeight=0 >>made.json
ask split
ask split

aws sagemaker create-model --model-name chain --execution-role-arn "$role" --containers "[$(container one), $(container two)]" >>made.json
deploy chain "[$(variant chain "$host")]"
ask chain

aws sagemaker create-model --model-name many --execution-role-arn "$role" \
  --primary-container "Image=$sklearn,Mode=MultiModel,ModelDataUrl=s3://$bucket/models/" >>made.json
deploy many "[$(variant many "$host")]"
ask many --target-model one.tar.gz
ask many --target-model two.tar.gz

printf hello >input.txt
aws s3 cp --quiet --content-type text/plain input.txt "s3://$bucket/input.txt"
deploy later "[$(variant one "$host")]" --async-inference-config "OutputConfig={S3OutputPath=s3://$bucket/results}"
result=$(aws sagemaker-runtime invoke-endpoint-async --endpoint-name later --input-location "s3://$bucket/input.txt" --query OutputLocation --output text)
aws s3api wait object-exists --bucket "$bucket" --key "${result#"s3://$bucket/"}"
say "later: $(aws s3 cp "$result" -)"

deploy light "[$(variant one '"ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 2}')]"
ask light

for name in split chain many later light; do aws sagemaker delete-endpoint --endpoint-name "$name"; done
say done
