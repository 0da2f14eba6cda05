import type { PolicyDocument } from './policy.ts';

/** Who makes a call. */
export interface Principal {
  readonly kind: 'user' | 'role-session';
  readonly account: string;
  /** `arn:aws:iam::<account>:user/<name>` or `arn:aws:sts::<account>:assumed-role/<role>/<session>`. */
  readonly arn: string;
  /** GetCallerIdentity's UserId: `AIDA…` or `AROA…:<session>`. */
  readonly userId: string;
  /** Users: the user name; sessions: the role name. Identity policies are found by it. */
  readonly name: string;
  readonly accessKeyId?: string;
  /** Restricts a session further: an action must be allowed by the role and by this. */
  readonly sessionPolicy?: PolicyDocument;
  /** The service a session works for, e.g. `sagemaker.amazonaws.com`. */
  readonly service?: string;
  /** The role ARN as asked for, when `roles: lenient` resolved it to another one. */
  readonly requestedRoleArn?: string;
  /** What the session is for (job or execution ARN); goes to the ledger's origin. */
  readonly onBehalfOf?: string;
}
