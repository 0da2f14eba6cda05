#!/bin/bash
# Parameter Store by the AWS CLI.
set -euo pipefail
[ "$(aws ssm put-parameter --name /cli/model --value first --type String --query Version --output text)" = 1 ]
aws ssm put-parameter --name /cli/model --value second --overwrite > /dev/null
[ "$(aws ssm get-parameter --name /cli/model --query Parameter.Value --output text)" = second ]
[ "$(aws ssm get-parameter --name /cli/model:1 --query Parameter.Value --output text)" = first ]
aws ssm put-parameter --name /cli/password --value hidden --type SecureString > /dev/null
[ "$(aws ssm get-parameter --name /cli/password --with-decryption --query Parameter.Value --output text)" = hidden ]
[ "$(aws ssm get-parameters-by-path --path /cli --query 'length(Parameters)')" = 2 ]
aws ssm delete-parameters --names /cli/model /cli/password --query DeletedParameters --output text
echo done
