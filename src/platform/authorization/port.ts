import type { AuthorizationNeed, PolicyDocument } from './policy.ts';
import type { Principal } from './principal.ts';

export type Decision =
  | { readonly allowed: true }
  /** In AWS's words: `User: <arn> is not authorized to perform: <action> on resource: <arn> because no identity-based policy allows the <action> action`. */
  | { readonly allowed: false; readonly message: string; readonly need: AuthorizationNeed };

export interface Authorizer {
  authorize(principal: Principal, needs: readonly AuthorizationNeed[], environment?: CallEnvironment): Promise<Decision>;
}

/** What is known of a call besides who makes it; the global condition keys are made of it. */
export interface CallEnvironment {
  readonly nowMs?: number;
  readonly region?: string;
  readonly sourceIp?: string;
  readonly userAgent?: string;
}

/** Where the authorizer and the gateway find keys and policies; the identity room implements it. */
export interface IdentityDirectory {
  /** The identity policies that apply to a user or role, by principal. */
  policiesOf(principal: Principal): Promise<readonly PolicyDocument[]>;
  /** Secret and principal of an access key (long-lived, or of a session with its token); undefined = unknown key. */
  credential(accessKeyId: string, sessionToken: string | undefined): Promise<Credential | CredentialProblem | undefined>;
}

export interface Credential {
  readonly secretAccessKey: string;
  readonly principal: Principal;
}
export interface CredentialProblem {
  readonly problem: 'expired' | 'invalid-token';
}

/** Sessions of roles, for services that act by a role (jobs, pipelines). */
export interface RoleSessions {
  /**
   * Resolves and assumes `roleArn` for a service. `roles: lenient` maps an absent role to SageMakerPipelineExecutionRole and
   * records both; `strict` throws a ServiceError in AWS's words. No credential leaves the process.
   */
  assume(request: AssumeForService): Promise<Principal>;
  /** Temporary credentials for a principal made by `assume`; sealed, so no row is written. */
  credentials(principal: Principal, lifetimeSeconds: number): TemporaryCredentials;
  /** What `roleArn` resolves to under the `roles` setting, without assuming it; throws like `assume`. */
  resolve(account: string, roleArn: string): Promise<{ readonly effectiveRoleArn: string }>;
}

export interface AssumeForService {
  readonly account: string;
  readonly roleArn: string;
  /** e.g. `sagemaker.amazonaws.com`; the role's trust policy must name it. */
  readonly service: string;
  readonly sessionName: string;
  readonly sessionPolicy?: PolicyDocument;
  readonly onBehalfOf?: string;
  /** Who assumes it in the service's stead, e.g. a pipeline's role that of an action: the trust policy must let this one. */
  readonly caller?: Principal;
}

export interface TemporaryCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  readonly expiresAtMs: number;
}
