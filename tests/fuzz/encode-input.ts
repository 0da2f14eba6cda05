import { type ApiOperation, type Service, shapeOf } from '../../src/contract/services.ts';
import type { Shape, ShapeRef } from '../../src/contract/model.ts';
import { formatTime } from '../../src/gateway/codecs/timestamps.ts';
import { writeElement } from '../../src/gateway/codecs/xml-write.ts';
import type { FuzzRequest } from './fuzz-request.ts';

/** Inputs as clients send them, in each protocol: the other way round of the gateway's codecs. */

export type Encoded = Pick<FuzzRequest, 'method' | 'target' | 'headers' | 'body' | 'port' | 'service' | 'operation' | 'input'>;

/** How inputs of a service are generated: `json` as JSON bodies hold them, `typed` with bytes and epoch milliseconds. */
export const formOf = (service: Service): 'json' | 'typed' =>
  ['json', 'rest-json'].includes(service.model.metadata.protocol) ? 'json' : 'typed';

/** Undefined where the input cannot be sent: a label that is empty, a header with a line break. */
export function encodeInput(service: Service, operation: ApiOperation, input: Record<string, unknown>): Encoded | undefined {
  const encoded = encodeByProtocol(service, operation, input);
  if (!encoded) return undefined;
  if (Object.values(encoded.headers).some((value) => !/^[\t\x20-\x7e]*$/.test(value) || value !== value.trim())) return undefined;
  return {
    ...encoded,
    operation: operation.key,
    input,
    service: service.signingName,
    port: service.id === 'sagemaker-runtime' ? 'runtime' : 'main',
  };
}

type Parts = Pick<FuzzRequest, 'method' | 'target' | 'headers' | 'body'>;

function encodeByProtocol(service: Service, operation: ApiOperation, input: Record<string, unknown>): Parts | undefined {
  const { metadata } = service.model;
  switch (metadata.protocol) {
    case 'json':
      return {
        method: 'POST',
        target: '/',
        headers: {
          'content-type': `application/x-amz-json-${metadata.jsonVersion ?? '1.1'}`,
          'x-amz-target': `${metadata.targetPrefix}.${operation.name}`,
        },
        body: Buffer.from(JSON.stringify(input)),
      };
    case 'query':
      return encodeForm(service, operation, input);
    default:
      return encodeRest(service, operation, input);
  }
}

function encodeForm(service: Service, operation: ApiOperation, input: Record<string, unknown>): Parts {
  const pairs: [string, string][] = [
    ['Action', operation.name],
    ['Version', service.model.metadata.apiVersion],
  ];
  if (operation.model.input) flatten(service, operation.model.input, input, '', pairs);
  const body = pairs.map(([name, value]) => `${encodeURIComponent(name)}=${encodeText(value)}`).join('&');
  return {
    method: 'POST',
    target: '/',
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: Buffer.from(body),
  };
}

const encodeText = (text: string): string => encodeURIComponent(text.toWellFormed());

function flatten(service: Service, ref: ShapeRef, value: unknown, path: string, into: [string, string][]): void {
  const shape = shapeOf(service.model, ref);
  const below = (name: string): string => (path === '' ? name : `${path}.${name}`);
  if (value === null || value === undefined) return;
  if (shape.type === 'structure') {
    for (const [name, target] of Object.entries(shape.members ?? {})) {
      flatten(service, target, (value as Record<string, unknown>)[name], below(target.locationName ?? name), into);
    }
  } else if (shape.type === 'list') {
    const element = shape.member ?? { shape: 'String' };
    const prefix = ref.flattened || shape.flattened ? path : below(element.locationName ?? 'member');
    for (const [i, item] of (value as unknown[]).entries()) flatten(service, element, item, `${prefix}.${i + 1}`, into);
    if ((value as unknown[]).length === 0) into.push([path, '']);
  } else if (shape.type === 'map') {
    const prefix = ref.flattened || shape.flattened ? path : below('entry');
    for (const [i, [key, item]] of Object.entries(value as object).entries()) {
      into.push([`${prefix}.${i + 1}.${shape.key?.locationName ?? 'key'}`, key]);
      const target = shape.value ?? { shape: 'String' };
      flatten(service, target, item, `${prefix}.${i + 1}.${target.locationName ?? 'value'}`, into);
    }
  } else into.push([path, scalarText(ref, shape, value)]);
}

function scalarText(ref: ShapeRef, shape: Shape, value: unknown): string {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (shape.type === 'timestamp' && typeof value === 'number') {
    return formatTime(value, ref.timestampFormat ?? shape.timestampFormat ?? 'iso8601');
  }
  return String(value);
}

function encodeRest(service: Service, operation: ApiOperation, input: Record<string, unknown>): Parts | undefined {
  const labels: Record<string, string> = {};
  const query: string[] = [];
  const headers: Record<string, string> = {};
  const rest: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(input)) {
    const ref = operation.input?.members?.[name];
    if (!ref?.location) rest[name] = value;
    else if (!bind(service, name, ref, value, { labels, query, headers })) return undefined;
  }
  const [path = '/', fixed = ''] = operation.requestUri.split('?');
  let whole = true;
  const filled = path.replace(/\{([^}+]+)(\+?)\}/g, (_, label: string, greedy: string) => {
    const text = labels[label];
    if (text === undefined || text === '') whole = false;
    return greedy ? (text ?? '').split('/').map(encodeText).join('/') : encodeText(text ?? '');
  });
  if (!whole) return undefined;
  const search = [fixed, ...query].filter((part) => part !== '').join('&');
  return {
    method: operation.method,
    target: search === '' ? filled : `${filled}?${search}`,
    headers: { ...contentType(service, operation), ...headers },
    body: restBody(service, operation, rest),
  };
}

interface Bindings {
  readonly labels: Record<string, string>;
  readonly query: string[];
  readonly headers: Record<string, string>;
}

function bind(service: Service, name: string, ref: ShapeRef, value: unknown, into: Bindings): boolean {
  if (value === null || value === undefined) return false;
  const shape = shapeOf(service.model, ref);
  const wireName = ref.locationName ?? name;
  if (ref.location === 'headers') {
    for (const [key, text] of Object.entries(value as object)) {
      if (!/^[a-z0-9-]+$/i.test(key)) return false;
      into.headers[(wireName + key).toLowerCase()] = String(text);
    }
    return true;
  }
  const element = shape.type === 'list' ? shapeOf(service.model, shape.member ?? { shape: 'String' }) : shape;
  const inHeader = ref.location === 'header' && ref.timestampFormat === undefined && element.timestampFormat === undefined;
  const text = (item: unknown): string =>
    inHeader && element.type === 'timestamp' ? formatTime(item as number, 'rfc822') : scalarText(ref, element, item);
  const items = Array.isArray(value) ? value : [value];
  if (items.some((item) => item === null)) return false;
  if (ref.location === 'uri') into.labels[wireName] = text(value);
  else if (ref.location === 'querystring') {
    for (const item of items) into.query.push(`${encodeURIComponent(wireName)}=${encodeText(text(item))}`);
  } else if (wireName.toLowerCase() !== 'content-length') into.headers[wireName.toLowerCase()] = items.map(text).join(',');
  return true;
}

const contentType = (service: Service, operation: ApiOperation): Record<string, string> =>
  operation.inputPayload?.kind === 'stream' || operation.inputPayload?.kind === 'blob'
    ? {}
    : { 'content-type': service.model.metadata.protocol === 'rest-xml' ? 'application/xml' : 'application/json' };

function restBody(service: Service, operation: ApiOperation, rest: Record<string, unknown>): Uint8Array {
  const payload = operation.inputPayload;
  if (payload) {
    const value = rest[payload.member];
    if (value === undefined || value === null) return new Uint8Array(0);
    if (value instanceof Uint8Array) return value;
    if (payload.kind === 'structure') {
      if (formOf(service) === 'json') return Buffer.from(JSON.stringify(value));
      return Buffer.from(writeElement(service, payload.ref, payload.ref.locationName ?? payload.ref.shape, value));
    }
    return payload.kind === 'string' ? Buffer.from(String(value)) : Buffer.from(String(value), 'base64');
  }
  if (Object.values(operation.input?.members ?? {}).every((ref) => ref.location)) return new Uint8Array(0);
  return Buffer.from(JSON.stringify(rest));
}
