#!/bin/bash
# Secrets Manager by the AWS CLI.
set -euo pipefail
aws secretsmanager create-secret --name cli/secret --secret-string first > /dev/null
aws secretsmanager put-secret-value --secret-id cli/secret --secret-string second > /dev/null
[ "$(aws secretsmanager get-secret-value --secret-id cli/secret --query SecretString --output text)" = second ]
[ "$(aws secretsmanager get-secret-value --secret-id cli/secret --version-stage AWSPREVIOUS --query SecretString --output text)" = first ]
aws secretsmanager delete-secret --secret-id cli/secret --force-delete-without-recovery > /dev/null
if aws secretsmanager get-secret-value --secret-id cli/secret 2> refused; then exit 1; fi
grep -q ResourceNotFoundException refused
echo done
