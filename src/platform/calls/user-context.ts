import type { UserContext } from '../../contract/generated/sagemaker.ts';
import type { OperationContext } from './operation.ts';

/** CreatedBy and LastModifiedBy of SageMaker's descriptions. */
export const userContext = ({ principal }: OperationContext): UserContext => ({
  IamIdentity: { Arn: principal.arn, PrincipalId: principal.userId },
});
