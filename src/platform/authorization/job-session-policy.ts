import type { PolicyDocument } from './policy.ts';

/**
 * The session policy of SageMaker jobs: whatever their role allows, code that was just submitted cannot approve itself,
 * open a stage that somebody closed, or change who may do what. Reading IAM and passing roles stay with the role's own policies.
 */
export const JOB_SESSION_POLICY: PolicyDocument = {
  Version: '2012-10-17',
  Statement: [
    { Effect: 'Allow', Action: '*', Resource: '*' },
    {
      Sid: 'NoApproval',
      Effect: 'Deny',
      Action: ['sagemaker:UpdateModelPackage', 'codepipeline:PutApprovalResult', 'codepipeline:EnableStageTransition'],
      Resource: '*',
    },
    {
      Sid: 'NoApprovedRegistration',
      Effect: 'Deny',
      Action: 'sagemaker:CreateModelPackage',
      Resource: '*',
      Condition: { StringEquals: { 'sagemaker:ModelApprovalStatus': 'Approved' } },
    },
    {
      Sid: 'NoIdentityChange',
      Effect: 'Deny',
      Action: [
        'iam:Accept*',
        'iam:Acquire*',
        'iam:Add*',
        'iam:Associate*',
        'iam:Attach*',
        'iam:Change*',
        'iam:Create*',
        'iam:Deactivate*',
        'iam:Delete*',
        'iam:Detach*',
        'iam:Disable*',
        'iam:Enable*',
        'iam:Put*',
        'iam:Reject*',
        'iam:Remove*',
        'iam:Reset*',
        'iam:Resync*',
        'iam:Send*',
        'iam:Set*',
        'iam:Tag*',
        'iam:Untag*',
        'iam:Update*',
        'iam:Upload*',
      ],
      Resource: '*',
    },
  ],
};
