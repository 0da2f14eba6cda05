#!/bin/bash
# Users and keys by the AWS CLI.
set -euo pipefail
aws iam create-user --user-name cli-user > /dev/null
aws iam attach-user-policy --user-name cli-user --policy-arn arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess
read -r id secret <<< "$(aws iam create-access-key --user-name cli-user --query 'AccessKey.[AccessKeyId,SecretAccessKey]' --output text)"
[ "$(AWS_ACCESS_KEY_ID=$id AWS_SECRET_ACCESS_KEY=$secret aws sts get-caller-identity --query Arn --output text)" = arn:aws:iam::123456789012:user/cli-user ]
AWS_ACCESS_KEY_ID=$id AWS_SECRET_ACCESS_KEY=$secret aws s3 ls > /dev/null
aws iam delete-access-key --user-name cli-user --access-key-id "$id"
if AWS_ACCESS_KEY_ID=$id AWS_SECRET_ACCESS_KEY=$secret aws s3 ls 2> refused; then exit 1; fi
grep -q InvalidAccessKeyId refused
aws iam detach-user-policy --user-name cli-user --policy-arn arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess
aws iam delete-user --user-name cli-user
echo done
