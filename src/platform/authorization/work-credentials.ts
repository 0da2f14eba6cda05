import type { ServerResponse } from 'node:http';
import { ServiceError } from '../errors/families.ts';
import type { WebRoute } from '../ports/web.ts';
import type { WorkBackend } from '../ports/work.ts';
import { JOB_SESSION_POLICY } from './job-session-policy.ts';
import type { AssumeForService, RoleSessions } from './port.ts';
import { openToken, signToken } from './signed-and-sealed.ts';

/** Whose role code inside a piece of work acts by. */
export interface WorkAccess {
  readonly account: string;
  readonly region: string;
  /** Without one the code gets no credentials. */
  readonly roleArn?: string;
  readonly workId: string;
  /** ARN of the job, endpoint or function. */
  readonly onBehalfOf: string;
  /** A function or build has all rights of its role; everything else has less: jobs, model servers, and what such code made. */
  readonly kind?: 'function' | 'function-of-job' | 'build' | 'build-of-job';
}

export interface WorkCredentialsPorts {
  readonly roles: RoleSessions;
  readonly backend: Pick<WorkBackend, 'status'>;
  /** Secret of this data folder, e.g. its sealing key; used for nothing else under the same label. */
  readonly key: string;
  /** How code on this host reaches the main port and the runtime port; known once they listen. */
  readonly serverUrl: () => string;
  readonly runtimeUrl: () => string;
}

export interface WorkCredentials {
  /** Environment by which code in the work reaches Slipway as its role. */
  environment(access: WorkAccess): Promise<Readonly<Record<string, string>>>;
  readonly route: WebRoute;
}

const PATH = '/_slipway/credentials/';
const LIFETIME_SECONDS = 3600;
const TOKEN_PURPOSE = 'work-credentials';

/**
 * The container-credentials endpoint for work on this host (the protocol every AWS SDK speaks when
 * AWS_CONTAINER_CREDENTIALS_FULL_URI is set). The work's token says whose role it acts by and is signed with our key, so
 * nothing about it is stored; it is good only while the work runs.
 */
export function createWorkCredentials(ports: WorkCredentialsPorts): WorkCredentials {
  return {
    async environment(access) {
      const common = {
        AWS_REGION: access.region,
        AWS_DEFAULT_REGION: access.region,
        AWS_ENDPOINT_URL: ports.serverUrl(),
        AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME: ports.runtimeUrl(),
        AWS_EC2_METADATA_DISABLED: 'true',
      };
      if (access.roleArn === undefined) return common;
      return {
        ...common,
        AWS_CONTAINER_CREDENTIALS_FULL_URI: `${ports.serverUrl()}${PATH}${access.workId}`,
        AWS_CONTAINER_AUTHORIZATION_TOKEN: signToken(ports.key, TOKEN_PURPOSE, access),
      };
    },
    route: {
      path: PATH,
      async handle(request, response, url) {
        if (request.method !== 'GET') return answer(response, 405, { code: 'MethodNotAllowed', message: 'Use GET.' });
        const access = openToken<WorkAccess>(ports.key, TOKEN_PURPOSE, request.headers.authorization ?? '');
        if (!access || `${PATH}${access.workId}` !== url.pathname) {
          return answer(response, 403, { code: 'AccessDenied', message: 'The authorization token is not one of this work.' });
        }
        const { phase } = await ports.backend.status(access.workId);
        if (phase !== 'running' && phase !== 'preparing') {
          return answer(response, 403, {
            code: 'AccessDenied',
            message: `The work is ${phase}; credentials are given only while it runs.`,
          });
        }
        return answerCredentials(ports.roles, access, response);
      },
    },
  };
}

async function answerCredentials(roles: RoleSessions, access: WorkAccess, response: ServerResponse): Promise<void> {
  try {
    const principal = await roles.assume(assumptionOf(access, access.roleArn ?? ''));
    const { accessKeyId, secretAccessKey, sessionToken, expiresAtMs } = roles.credentials(principal, LIFETIME_SECONDS);
    answer(response, 200, {
      RoleArn: access.roleArn ?? '',
      AccessKeyId: accessKeyId,
      SecretAccessKey: secretAccessKey,
      Token: sessionToken,
      Expiration: new Date(expiresAtMs).toISOString(),
    });
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    answer(response, 400, { code: error.code, message: error.message }); // e.g. the role is gone
  }
}

/** The session of a job or model server: its own role, less what submitted code must never do. A function's or build's is its role's. */
export function assumptionOf(access: Omit<WorkAccess, 'region' | 'roleArn'>, roleArn: string): AssumeForService {
  const { account, workId, onBehalfOf } = access;
  const session = { account, roleArn, sessionName: workId.slice(0, 64), onBehalfOf };
  if (access.kind === 'function') return { ...session, service: 'lambda.amazonaws.com' };
  if (access.kind === 'function-of-job')
    return { ...session, service: 'lambda.amazonaws.com', sessionPolicy: JOB_SESSION_POLICY };
  if (access.kind === 'build') return { ...session, service: 'codebuild.amazonaws.com' };
  if (access.kind === 'build-of-job')
    return { ...session, service: 'codebuild.amazonaws.com', sessionPolicy: JOB_SESSION_POLICY };
  return { ...session, service: 'sagemaker.amazonaws.com', sessionPolicy: JOB_SESSION_POLICY };
}

function answer(response: ServerResponse, status: number, document: object): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(document));
}
