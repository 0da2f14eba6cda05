import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { OperationModel, ServiceModel, ShapeRef } from '../../../src/contract/model.ts';
import { type ApiOperation, createService, describeError, type Service, shapeOf } from '../../../src/contract/services.ts';
import type { WireRequest, WireResponse } from '../../../src/gateway/codecs/codec.ts';
import { codecs } from '../../../src/gateway/codecs/table.ts';
import { createRoutingTable, isRest } from '../../../src/gateway/routing.ts';
import { parseQuery } from '../../../src/gateway/signature/canonical.ts';
import { environment, readResults, writeResults } from './moto.ts';
import { openSource } from './source.ts';
import type { ProtocolResults } from './suite.ts';

/**
 * botocore's protocol cases against our codecs. `input`: the request it would send is read, and has to give the parameters it
 * was made of. `output`: what we write of a result is read by botocore itself (read_with_botocore.py) and has to give the result.
 */

const CASES = 'tests/unit/protocols';
const FILES = ['json.json', 'json_1_0.json', 'json_1_0-query-compatible.json', 'rest-json.json', 'rest-xml.json', 'query.json'];
const UNSUPPORTED = join(import.meta.dirname, 'unsupported-protocol-cases.json');

interface Suite {
  readonly description: string;
  readonly metadata: ServiceModel['metadata'];
  readonly shapes: ServiceModel['shapes'];
  readonly cases: readonly Case[];
}

interface Case {
  readonly id?: string;
  readonly description?: string;
  readonly given: OperationModel;
  readonly params?: Record<string, unknown>;
  readonly serialized?: { method?: string; uri: string; body?: string; headers?: Record<string, string> };
  readonly result?: Record<string, unknown>;
  readonly error?: Record<string, unknown>;
  readonly errorCode?: string;
  readonly errorMessage?: string;
  readonly response?: { status_code: number };
}

export interface ProtocolOptions {
  /** A checkout, a git directory, or an unpacked source of botocore. */
  readonly source: string;
  /** A Python with botocore; default: the one moto's tests use. */
  readonly python?: string;
}

/** Runs the cases, writes docs/conformance.md, and returns the exit code: 1 for a case that fails without a reason. */
export async function runProtocolCases({ source, python }: ProtocolOptions): Promise<number> {
  const botocore = openSource(source, CASES, [CASES]);
  const reasons = JSON.parse(readFileSync(UNSUPPORTED, 'utf8')) as Record<string, Record<string, string>>;
  try {
    const files: Record<string, ProtocolResults['files'][string]> = {};
    let surprises = 0;
    for (const direction of ['input', 'output'] as const) {
      for (const name of FILES) {
        const file = `${direction}/${name}`;
        const suites = JSON.parse(readFileSync(join(botocore.folder, CASES, file), 'utf8')) as Suite[];
        const failures =
          direction === 'input' ? await readRequests(suites) : await writeResponses(suites, python ?? environment());
        const known = { ...(reasons[file] ?? {}), ...ignoredBy(botocore.folder, direction, name.replace('.json', '')) };
        const total = suites.reduce((sum, suite) => sum + suite.cases.length, 0);
        files[file] = { passed: total - failures.size, unsupported: pick(failures, known) };
        const unknown = [...failures].filter(([id]) => known[id] === undefined);
        surprises += unknown.length;
        process.stdout.write(`botocore: ${file}: ${total - failures.size} of ${total}\n`);
        for (const [id, why] of unknown) process.stdout.write(`  FAILED ${id}: ${why}\n`);
        for (const id of Object.keys(reasons[file] ?? {}))
          if (!failures.has(id)) process.stdout.write(`  no longer fails: ${id}\n`);
      }
    }
    writeResults({ ...readResults(), botocore: { commit: botocore.commit, committed: botocore.committed, files } });
    return surprises === 0 ? 0 : 1;
  } finally {
    botocore.close();
  }
}

const IGNORED = 'botocore ignores the case itself';

/** botocore's own list of cases it does not hold itself to. */
function ignoredBy(folder: string, direction: 'input' | 'output', protocol: string): Record<string, string> {
  const lists = JSON.parse(readFileSync(join(folder, CASES, 'protocol-tests-ignore-list.json'), 'utf8')) as IgnoreLists;
  const ids = [lists.general, lists.protocols[protocol]].flatMap((list) => list?.[direction]?.cases ?? []);
  return Object.fromEntries(ids.map((id) => [id, IGNORED]));
}

interface IgnoreList {
  readonly input?: { readonly cases?: readonly string[] };
  readonly output?: { readonly cases?: readonly string[] };
}

interface IgnoreLists {
  readonly general?: IgnoreList;
  readonly protocols: Readonly<Record<string, IgnoreList>>;
}

const pick = (failures: ReadonlyMap<string, string>, known: Record<string, string>): Record<string, string> =>
  Object.fromEntries([...failures.keys()].map((id) => [id, known[id] ?? 'ours: not mended yet']));

const idOf = (suite: Suite, one: Case): string => one.id ?? `${suite.description} #${suite.cases.indexOf(one) + 1}`;

interface Prepared {
  readonly service: Service;
  readonly operation: ApiOperation;
}

/** A service that has this operation only. */
function prepare(suite: Suite, one: Case): Prepared {
  const given = { ...one.given, name: one.given.name ?? 'OperationName' };
  const protocol = suite.metadata.protocol;
  const http = given.http ?? { method: 'POST', requestUri: '/' };
  // botocore's models say where a query answer's result lies; its cases leave it to the operation's name
  const output = protocol === 'query' && given.output ? { ...given.output, resultWrapper: `${given.name}Result` } : given.output;
  const operation = { ...given, http, ...(output && { output }) };
  const model: ServiceModel = { ...suite, operations: { [given.name]: operation } } as never;
  const service = createService('cases', 'cases', model);
  const described = service.operations.get(given.name);
  if (!described) throw new Error(`${given.name} is no operation.`);
  return { service, operation: described };
}

/** Returns failures by the case's id, each with what was read. */
async function readRequests(suites: readonly Suite[]): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  for (const suite of suites) {
    for (const one of suite.cases) {
      const why = await readRequest(suite, one).catch((error: unknown) => String(error));
      if (why !== undefined) failures.set(idOf(suite, one), why);
    }
  }
  return failures;
}

async function readRequest(suite: Suite, one: Case): Promise<string | undefined> {
  const { service, operation } = prepare(suite, one);
  const codec = codecs[service.model.metadata.protocol];
  if (!codec || !one.serialized) return 'no codec';
  const request = requestOf(one.serialized, service, operation);
  if (request === undefined) return `${one.serialized.uri} is not routed to the operation`;
  const read = codec.decode(service, operation, request);
  const plain = operation.model.input ? await plainOf(service, operation.model.input, read) : read;
  const meant = operation.model.input ? await plainOf(service, operation.model.input, one.params ?? {}, true) : {};
  return isDeepStrictEqual(plain, meant) ? undefined : `read ${JSON.stringify(plain)} of ${JSON.stringify(meant)}`;
}

function requestOf(wire: NonNullable<Case['serialized']>, service: Service, operation: ApiOperation): WireRequest | undefined {
  const [path = '/', search = ''] = wire.uri.split('?');
  const query = parseQuery(search) ?? [];
  const headers = Object.fromEntries(Object.entries(wire.headers ?? {}).map(([name, value]) => [name.toLowerCase(), value]));
  const method = wire.method ?? operation.method;
  let labels: Readonly<Record<string, string>> = {};
  if (isRest(service.model.metadata.protocol)) {
    const route = createRoutingTable([service]).byPath([service], { method, path, query, headers });
    if (route?.kind !== 'operation') return undefined;
    labels = route.labels;
  }
  return { method, path, query, headers, labels, body: new TextEncoder().encode(wire.body ?? '') };
}

/** As the cases write values: text for bytes, seconds for times, names for numbers that are none; without null members. */
async function plainOf(service: Service, ref: ShapeRef, value: unknown, meant = false): Promise<unknown> {
  const shape = shapeOf(service.model, ref);
  if (value === null || value === undefined) return value;
  if (shape.type === 'structure' && shape.document !== true) {
    const result: Record<string, unknown> = {};
    for (const [name, target] of Object.entries(shape.members ?? {})) {
      const member = (value as Record<string, unknown>)[name];
      if (member !== undefined && member !== null) result[name] = await plainOf(service, target, member, meant);
    }
    return result;
  }
  if (shape.type === 'list')
    return Promise.all((value as unknown[]).map((item) => plainOf(service, shape.member ?? { shape: 'String' }, item, meant)));
  if (shape.type === 'map') {
    const element = shape.value ?? { shape: 'String' };
    const entries = Object.entries(value).map(async ([key, item]) => [key, await plainOf(service, element, item, meant)]);
    return Object.fromEntries((await Promise.all(entries)) as [string, unknown][]);
  }
  if (shape.type === 'timestamp') return meant ? value : (value as number) / 1000;
  if (shape.type === 'blob') return textOf(value);
  return typeof value === 'number' && !Number.isFinite(value) ? String(value) : value;
}

async function textOf(value: unknown): Promise<string> {
  if (typeof value === 'string') return value;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  const parts: Uint8Array[] = [];
  for await (const part of value as AsyncIterable<Uint8Array>) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

/** Writes every result or error and lets botocore read all of them in one process. */
async function writeResponses(suites: readonly Suite[], python: string): Promise<Map<string, string>> {
  const failures = new Map<string, string>();
  const written: object[] = [];
  for (const suite of suites) {
    for (const one of suite.cases) {
      const id = idOf(suite, one);
      try {
        const { status, headers, body } = writeResponse(suite, one);
        const { cases: _, ...model } = suite;
        written.push({ id, model, case: one, status, headers, body: Buffer.from(await textOf(body), 'utf8').toString('base64') });
      } catch (error) {
        failures.set(id, `not written: ${String(error)}`);
      }
    }
  }
  const program = join(import.meta.dirname, 'read_with_botocore.py');
  const answer = execFileSync(python, [program], { input: JSON.stringify(written), maxBuffer: 1 << 28 }).toString();
  for (const [id, why] of Object.entries(JSON.parse(answer) as Record<string, string>)) failures.set(id, why);
  return failures;
}

function writeResponse(suite: Suite, one: Case): WireResponse {
  const { service, operation } = prepare(suite, one);
  const codec = codecs[service.model.metadata.protocol];
  if (!codec) throw new Error('no codec');
  if (one.error === undefined) {
    const ref = operation.model.output;
    const output = ref ? (typedOf(service, ref, one.result ?? {}) as Record<string, unknown>) : {};
    return codec.encode(service, operation, output, 'request-id');
  }
  const name = one.given.errors?.[0]?.shape ?? one.errorCode ?? '';
  const { status, code, messageMember } = describeError(service.model, name);
  const ref = { shape: name };
  const members = typedOf(service, ref, one.error) as Record<string, never>;
  const { message = '', Message = message, ...others } = members as Record<string, string>;
  return codec.encodeError(service, {
    status,
    code: service.model.metadata.protocol === 'query' || service.model.metadata.protocol === 'rest-xml' ? code : name,
    message: one.errorMessage ?? Message,
    messageMember: messageMember === 'Message' ? 'Message' : 'message',
    members: others,
    requestId: 'request-id',
    resource: '/',
  });
}

/** The inverse of `plainOf`, as operations answer. */
function typedOf(service: Service, ref: ShapeRef, value: unknown): unknown {
  const shape = shapeOf(service.model, ref);
  if (value === null || value === undefined) return value;
  if (shape.type === 'structure' && shape.document !== true) {
    const members = Object.entries(shape.members ?? {});
    const source = value as Record<string, unknown>;
    return Object.fromEntries(members.map(([name, target]) => [name, typedOf(service, target, source[name])]));
  }
  if (shape.type === 'list')
    return (value as unknown[]).map((item) => typedOf(service, shape.member ?? { shape: 'String' }, item));
  if (shape.type === 'map') {
    const element = shape.value ?? { shape: 'String' };
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, typedOf(service, element, item)]));
  }
  if (shape.type === 'timestamp') return Math.round((value as number) * 1000);
  if (shape.type === 'blob') return Buffer.from(String(value), 'utf8');
  return shape.type === 'float' || shape.type === 'double' ? Number(value) : value;
}
