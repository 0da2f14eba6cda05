import assert from 'node:assert/strict';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { loadService, serviceIds } from '../../models/load.ts';
import { createAuthorizer } from '../platform/authorization/authorizer.ts';
import type { Principal } from '../platform/authorization/principal.ts';
import { createDispatcher } from '../platform/calls/dispatch.ts';
import { type AnyOperation, operation } from '../platform/calls/operation.ts';
import { systemClock } from '../platform/clock.ts';
import { ServiceError } from '../platform/errors/families.ts';
import { systemIds } from '../platform/ids.ts';
import type { LedgerInput } from '../platform/ledger/entry.ts';
import { createGateway, type GatewayPorts } from './server.ts';
import { signRequest } from './signature/sign.ts';

/** Operations that show what reached them; the gateway and dispatch around them are the real ones. */
export const objects = new Map<string, string>();
export const seen: { name: string; input: Record<string, unknown> }[] = [];
export const denials: LedgerInput[] = [];
export const logged: object[] = [];

async function textOf(body: AsyncIterable<Uint8Array> | undefined): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body ?? []) chunks.push(chunk);
  return Buffer.concat(chunks).toString('latin1');
}

async function* bytesOf(text: string): AsyncIterable<Uint8Array> {
  yield Buffer.from(text, 'latin1');
}

const operations: AnyOperation[] = [
  operation('sagemaker:CreateModel', {
    effect: 'change',
    needs: (input) => [
      { action: 'sagemaker:CreateModel', resources: [`arn:aws:sagemaker:us-east-1:1:model/${input.ModelName}`] },
    ],
    async handle(input) {
      seen.push({ name: 'CreateModel', input: { ...input } });
      return { ModelArn: `arn:aws:sagemaker:us-east-1:123456789012:model/${input.ModelName}` };
    },
  }),
  operation('sagemaker:DescribeModel', {
    effect: 'read',
    needs: () => [],
    handle: async () =>
      ({
        ModelName: 'm',
        ExecutionRoleArn: 'arn:x',
        CreationTime: 1_700_000_000_123,
        ModelArn: 'arn:m',
        secretOfTheRoom: 1,
      }) as never,
  }),
  operation('sagemaker:DeleteModel', {
    effect: 'change',
    needs: () => [{ action: 'sagemaker:DeleteModel', resources: ['arn:m'] }],
    handle: async () => ({}),
  }),
  operation('sagemaker:ListModels', {
    effect: 'read',
    needs: () => [],
    handle: async () => {
      throw new Error('SELECT secret FROM /var/lib');
    },
  }),
  operation('sagemaker:CreatePipeline', {
    effect: 'change',
    needs: () => [],
    handle: async (input) => ({ PipelineArn: `token:${input.ClientRequestToken}` }),
  }),
  operation('iam:GetRole', {
    effect: 'read',
    needs: () => [],
    handle: async ({ RoleName }) => {
      throw new ServiceError('NoSuchEntity', `The role with name ${RoleName} cannot be found.`);
    },
  }),
  operation('iam:CreateRole', {
    effect: 'change',
    needs: () => [],
    async handle(input) {
      seen.push({ name: 'CreateRole', input: { ...input } });
      return {
        Role: {
          Path: '/',
          RoleName: input.RoleName,
          RoleId: 'A',
          Arn: 'arn',
          CreateDate: 1_700_000_000_000,
          Tags: input.Tags ?? [],
        },
      };
    },
  }),
  operation('s3:PutObject', {
    effect: 'change',
    needs: () => [],
    async handle(input) {
      const text = await textOf(input.Body);
      objects.set(`${input.Bucket}/${input.Key}`, text);
      seen.push({ name: 'PutObject', input: { ...input, Body: text } });
      return { ETag: '"e"' };
    },
  }),
  operation('s3:GetObject', {
    effect: 'read',
    needs: () => [],
    async handle({ Bucket, Key }) {
      const text = objects.get(`${Bucket}/${Key}`);
      if (text === undefined) throw new ServiceError('NoSuchKey', 'The specified key does not exist.', { Key });
      return { Body: bytesOf(text), ContentLength: text.length, LastModified: 1_700_000_000_000, Metadata: { a: 'x\r\ny: ü→' } };
    },
  }),
  operation('s3:HeadObject', {
    effect: 'read',
    needs: () => [],
    handle: async () => {
      throw new ServiceError('NotFound', 'Not Found');
    },
  }),
  operation('s3:DeleteObjects', {
    effect: 'change',
    needs: () => [],
    async handle(input) {
      seen.push({ name: 'DeleteObjects', input: { ...input } });
      return { Deleted: [] };
    },
  }),
  operation('s3:DeleteBucket', { effect: 'change', needs: () => [], handle: async () => assert.fail('must not be reached') }),
];

export const principal: Principal = {
  kind: 'user',
  account: '123456789012',
  arn: 'arn:aws:iam::123456789012:user/ann',
  userId: 'AIDA1',
  name: 'ann',
};
const policy = {
  Statement: [
    { Effect: 'Allow', Action: '*', Resource: '*' },
    { Effect: 'Deny', Action: 'sagemaker:DeleteModel', Resource: '*' },
  ],
} as const;
const services = serviceIds.map(loadService);
const dispatcher = createDispatcher({
  operations,
  services,
  authorizer: createAuthorizer({ policiesOf: async () => [policy] }),
  clock: systemClock,
  ids: systemIds,
  store: {
    commit: async ({ ledger }) => {
      denials.push(...(ledger ?? []));
      return { outcome: 'done', firstVersion: 1 };
    },
  },
});
const log = { debug: () => {}, info: () => {}, warn: () => {}, error: (fields: object) => void logged.push(fields) };
export const gatewayPorts: GatewayPorts = {
  services,
  dispatcher,
  clock: systemClock,
  ids: systemIds,
  log,
  region: 'us-east-1',
  webRoutes: [{ path: '/_slipway/ui/', handle: async (_request, response, url) => void response.end(`page ${url.pathname}`) }],
  runtimeForward: (request, response) => void response.writeHead(299, { 'x-host': request.headers.host ?? '' }).end(),
  identities: {
    credential: async (id, token) =>
      id === 'AKIATEST' ? { secretAccessKey: 'secret', principal } : token === 'old' ? { problem: 'expired' } : undefined,
  },
};
export const gateway = createGateway(gatewayPorts);
export const port = await gateway.listen(0, '127.0.0.1');

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

export function send(
  method: string,
  path: string,
  headers: Record<string, string>,
  body: string | Uint8Array = '',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', method, path, headers, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text: Buffer.concat(chunks).toString() }),
      );
      response.on('error', reject);
    });
    request.on('error', reject);
    request.end(body);
  });
}

export interface Sending {
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
  readonly key?: string;
  readonly secret?: string;
  readonly token?: string;
  readonly nowMs?: number;
}

export function signed(service: string, method: string, path: string, sending: Sending = {}): Promise<Answer> {
  const { headers = {}, body = '', key = 'AKIATEST', secret = 'secret', token, nowMs = Date.now() } = sending;
  const credentials = { accessKeyId: key, secretAccessKey: secret, ...(token !== undefined && { sessionToken: token }) };
  const url = new URL(`http://127.0.0.1:${port}${path}`);
  const all = signRequest({ method, url, headers, body, region: 'us-east-1', service, credentials, nowMs });
  return send(method, path, { ...all, 'content-length': String(Buffer.byteLength(body)) }, body);
}

export const json = (target: string, body: unknown, sending: Sending = {}): Promise<Answer> =>
  signed('sagemaker', 'POST', '/', {
    ...sending,
    headers: { 'content-type': 'application/x-amz-json-1.1', 'x-amz-target': target, ...sending.headers },
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
  });

export const form = (service: string, body: string): Promise<Answer> =>
  signed(service, 'POST', '/', { headers: { 'content-type': 'application/x-www-form-urlencoded' }, body });

export const ROLE = 'arn:aws:iam::123456789012:role/r';
