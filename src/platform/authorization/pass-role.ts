import type { AuthorizationNeed } from './policy.ts';
import type { RoleSessions } from './port.ts';

/**
 * What every operation needs that is given a role for a service to act by: the right to pass it. Asked of the role that
 * the ARN leads to here (`roles: lenient` maps absent ones). Without a role nothing is needed.
 */
export async function passRoleNeeds(
  roles: Pick<RoleSessions, 'resolve'>,
  account: string,
  roleArn: string | undefined,
  service = 'sagemaker.amazonaws.com',
): Promise<AuthorizationNeed[]> {
  if (roleArn === undefined) return [];
  const { effectiveRoleArn } = await roles.resolve(account, roleArn);
  return [{ action: 'iam:PassRole', resources: [effectiveRoleArn], context: { 'iam:PassedToService': service } }];
}
