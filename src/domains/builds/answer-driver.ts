import type { ServerResponse } from 'node:http';
import { isSigned, signText } from '../../platform/authorization/signed-and-sealed.ts';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import { isPassing, throwPassing } from '../../platform/errors/passing.ts';
import { readObjectText } from '../../platform/objects/read-object-text.ts';
import type { WebRoute } from '../../platform/ports/web.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import { readWebBody } from '../../platform/web-body.ts';
import { buildWrite } from './build-rows.ts';
import { type BuildSession, openSession } from './build-session.ts';
import { buildEnvironment } from './decide-environment.ts';
import { isBuildspecProblem, parseBuildspec } from './decide-buildspec.ts';
import { decideKeeps, type DriverPlan, planDriver } from './decide-plan.ts';
import { buildspecPlace } from './decide-source.ts';
import type { BuildsPorts } from './ports.ts';
import { resolveVariables } from './resolve-variables.ts';
import { BUILD_RECONCILER, type BuildDocument, type BuildKeeps, buildKey, isEnded } from './resources.ts';

/**
 * What a build's driver asks while it runs: how to go on, once it has the buildspec; and hints that its records have grown. The token is
 * one build's own: what it is told is what that build's commands will see anyway.
 */

export const DRIVER_PATH = '/_slipway/builds/';
const QUESTION_BYTES_MAX = 4 * 1024 * 1024;
const BUILDSPEC_BYTES_MAX = 512 * 1024;
const TOKEN_PURPOSE = 'build-driver';

export type Problem = { readonly problem: { readonly statusCode: string; readonly message: string } };

/** `<account>|<region>|<build id>|<signature>`: nothing about it is stored. */
export function driverToken({ sealingKey }: Pick<BuildsPorts, 'sealingKey'>, { account, region, name }: ResourceKey): string {
  const text = [account, region, name].join('|');
  return `${text}|${signText(sealingKey, TOKEN_PURPOSE, text)}`;
}

function keyOfToken({ sealingKey }: Pick<BuildsPorts, 'sealingKey'>, token: string): ResourceKey | undefined {
  const [account = '', region = '', id = '', given = ''] = token.split('|');
  const text = [account, region, id].join('|');
  return isSigned(sealingKey, TOKEN_PURPOSE, text, given) ? buildKey({ account, region }, id) : undefined;
}

export const driverRoute = (ports: BuildsPorts): WebRoute => ({
  path: DRIVER_PATH,
  async handle(request, response) {
    if (request.method !== 'POST') return refuse(response, 405, 'Use POST.');
    const key = keyOfToken(ports, request.headers.authorization ?? '');
    if (!key) return refuse(response, 403, 'The token is not one of a build.');
    const body = await readWebBody(request, QUESTION_BYTES_MAX);
    const question = body && parseQuestion(body.toString('utf8'));
    if (!question) return refuse(response, 400, 'The question is no JSON, or too long.');
    if (question.kind === 'hint') {
      ports.loop.wake(BUILD_RECONCILER, key);
      return answer(response, {});
    }
    try {
      answer(response, await planOf(ports, key, question));
    } catch (error) {
      const final = finalProblem(error);
      if (final) return answer(response, final);
      // the driver asks again; a fault of ours that passes is not the build's
      if (!(error instanceof BackendError) && !(error instanceof ServiceError)) throw error;
      refuse(response, 503, error.message);
    }
  },
});

interface Question {
  readonly kind: 'plan' | 'hint';
  readonly buildspec?: string | null;
  readonly version?: string | null;
}

function parseQuestion(text: string): Question | undefined {
  try {
    const value = JSON.parse(text) as Partial<Question> | null;
    return value?.kind === 'plan' || value?.kind === 'hint' ? (value as Question) : undefined;
  } catch {
    return undefined;
  }
}

function answer(response: ServerResponse, document: object): void {
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(document));
}

function refuse(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
  response.end(text);
}

const problem = (statusCode: string, message: string): Problem => ({ problem: { statusCode, message } });

/** What asking again would not change: the build must not wait for it until its time is over. */
function finalProblem(error: unknown): Problem | undefined {
  if (error instanceof ServiceError && !isPassing(error)) return problem('CLIENT_ERROR', `${error.code}: ${error.message}`);
  return error instanceof BackendError && !error.retryable ? problem('INTERNAL_SERVICE_ERROR', error.message) : undefined;
}

/** The same question gets the same answer, as long as what it names stays the same. */
export async function planOf(ports: BuildsPorts, key: ResourceKey, question: Question): Promise<DriverPlan | Problem> {
  const row = await readRow<BuildDocument>(ports.store, key);
  if (!row || isEnded(row.document.status)) return problem('CLIENT_ERROR', 'The build has ended.');
  const version = question.version ?? undefined;
  const build: BuildDocument = { ...row.document, ...(version !== undefined && { resolvedSourceVersion: version }) };
  const session = await openSession(ports, key, build);
  const text = question.buildspec ?? (await buildspecOf(session, build));
  if (typeof text !== 'string') return text;
  const spec = parseBuildspec(text);
  if (isBuildspecProblem(spec)) return problem('YAML_FILE_ERROR', spec.problem);
  const keeps = decideKeeps(build, spec);
  if ('problem' in keeps) return problem('YAML_FILE_ERROR', keeps.problem);
  const asked = build.settings.environment.environmentVariables ?? [];
  const variables = await resolveVariables(session, spec, asked);
  if ('problem' in variables) return problem(variables.statusCode, variables.problem);
  await remember(ports, key, keeps);
  const { versions } = await ports.tools.prepare();
  const environment = { ...variables.environment, ...buildEnvironment(build, ports.settings.sandbox !== 'plain') };
  return planDriver(build, spec, { ...variables, environment }, keeps, versions);
}

async function buildspecOf(session: BuildSession, build: BuildDocument): Promise<string | Problem> {
  const place = buildspecPlace(build.settings.source.buildspec);
  if (place.kind === 'inline') return place.text;
  if (place.kind === 'path') return problem('YAML_FILE_ERROR', `The buildspec ${place.path} was not read.`);
  try {
    return await readObjectText(session, { Bucket: place.bucket, Key: place.key }, BUILDSPEC_BYTES_MAX);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    throwPassing(error);
    return problem(
      'YAML_FILE_ERROR',
      `The buildspec s3://${place.bucket}/${place.key} cannot be read: ${error.code}: ${error.message}`,
    );
  }
}

/** Before the driver hears its plan: whoever looks at the build's end knows what to keep. */
async function remember(ports: BuildsPorts, key: ResourceKey, keeps: BuildKeeps): Promise<void> {
  await decideAndCommit(ports.store, async () => {
    const row = await readRow<BuildDocument>(ports.store, key);
    if (!row || isEnded(row.document.status) || JSON.stringify(row.document.keeps) === JSON.stringify(keeps)) {
      return { result: undefined };
    }
    const next: BuildDocument = { ...row.document, keeps };
    return { result: undefined, commit: { expect: [{ key, version: row.version }], write: [buildWrite(key, next)] } };
  });
}
