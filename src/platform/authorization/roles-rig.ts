import assert from 'node:assert/strict';
import type { RoleSessions } from './port.ts';

/** The roles of rooms under test: every service may assume each, and asks for no credentials. */
export const GRANTED_ROLES: RoleSessions = {
  resolve: async (_account, roleArn) => ({ effectiveRoleArn: roleArn }),
  assume: async (request) => ({
    kind: 'role-session',
    account: request.account,
    arn: request.roleArn,
    userId: 'AROA',
    name: 'SageMakerPipelineExecutionRole',
  }),
  credentials: () => assert.fail('no credentials are asked for'),
};
