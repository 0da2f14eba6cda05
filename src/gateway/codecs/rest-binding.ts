import type { Shape, ShapeRef } from '../../contract/model.ts';
import { type ApiOperation, type Service, shapeOf } from '../../contract/services.ts';
import type { ServiceError } from '../../platform/errors/families.ts';
import type { WireRequest } from './codec.ts';
import { parseScalar } from './text-values.ts';
import { formatTime, parseTime } from './timestamps.ts';

/** What REST protocols share: members in the path, the query and headers. Bodies are the protocols' own. */

/** The input members outside the body. `refuse` makes the protocol's error for a value of the wrong type. */
export function readBindings(
  service: Service,
  input: Shape,
  request: WireRequest,
  refuse: (member: string, text: string) => ServiceError,
): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const [name, ref] of Object.entries(input.members ?? {})) {
    if (!ref.location) continue;
    const shape = shapeOf(service.model, ref);
    const wireName = ref.locationName ?? name;
    if (ref.location === 'headers') {
      const map = readHeaderMap(request, wireName.toLowerCase());
      if (map) result[name] = map;
      continue;
    }
    if (shape.type === 'list' || shape.type === 'map') {
      const values = readList(service, shape, ref, wireName, request);
      if (values) result[name] = values;
      continue;
    }
    const text = bindingText(ref, name, wireName, request);
    if (text === undefined) continue;
    const value = parseScalar(shape, text, parseTime);
    if (value === undefined) throw refuse(name, text);
    result[name] = value;
  }
  return result;
}

function bindingText(ref: ShapeRef, name: string, wireName: string, request: WireRequest): string | undefined {
  if (ref.location === 'uri') return request.labels[ref.locationName ?? name];
  if (ref.location === 'querystring') return request.query.find(([key]) => key === wireName)?.[1];
  const header = request.headers[wireName.toLowerCase()];
  return header === undefined ? undefined : typeof header === 'string' ? header : header.join(',');
}

/** Repeated query parameters, or a comma-separated header. */
function readList(service: Service, shape: Shape, ref: ShapeRef, wireName: string, request: WireRequest): unknown[] | undefined {
  const element = shapeOf(service.model, shape.member ?? { shape: 'String' });
  const texts =
    ref.location === 'querystring'
      ? request.query.filter(([key]) => key === wireName).map(([, value]) => value)
      : (bindingText(ref, wireName, wireName, request)
          ?.split(',')
          .map((item) => item.trim()) ?? []);
  if (texts.length === 0) return undefined;
  return texts.map((text) => parseScalar(element, text, parseTime)).filter((value) => value !== undefined);
}

function readHeaderMap(request: WireRequest, prefix: string): Record<string, string> | undefined {
  const entries = Object.entries(request.headers)
    .filter(([name, value]) => name.startsWith(prefix) && name.length > prefix.length && value !== undefined)
    .map(([name, value]): [string, string] => [
      name.slice(prefix.length),
      typeof value === 'string' ? value : (value ?? []).join(','),
    ]);
  return entries.length > 0 ? Object.fromEntries(entries) : undefined;
}

/** Headers and status of an output. */
export function writeBindings(
  service: Service,
  operation: ApiOperation,
  output: Record<string, unknown>,
): { status: number; headers: Record<string, string> } {
  const headers: Record<string, string> = {};
  let status = operation.responseCode;
  for (const [name, ref] of Object.entries(operation.output?.members ?? {})) {
    const value = output[name];
    if (value === undefined || value === null || !ref.location) continue;
    const wireName = (ref.locationName ?? name).toLowerCase();
    if (ref.location === 'statusCode') status = value as number;
    else if (ref.location === 'headers') {
      for (const [key, text] of Object.entries(value)) headers[(wireName + key).toLowerCase()] = headerText(String(text));
    } else headers[wireName] = headerText(bindingValue(shapeOf(service.model, ref), ref, value));
  }
  return { status, headers };
}

function bindingValue(shape: Shape, ref: ShapeRef, value: unknown): string {
  if (Array.isArray(value)) return value.map((item) => String(item)).join(',');
  if (shape.type === 'timestamp') return formatTime(value as number, ref.timestampFormat ?? shape.timestampFormat ?? 'rfc822');
  if (shape.type === 'blob') return Buffer.from(value as Uint8Array).toString('base64');
  return String(value);
}

/** Header bytes: text beyond Latin-1 goes out as its UTF-8 bytes, control characters as spaces (they would split headers). */
function headerText(text: string): string {
  // only the low controls: in Latin-1 text that already holds UTF-8 bytes, those above 0x80 are parts of letters
  const safe = text.replace(/\p{Cc}/gu, (char) => (char < ' ' || char === '\x7f' ? ' ' : char));
  return [...safe].some((char) => char > '\xff') ? Buffer.from(safe, 'utf8').toString('latin1') : safe;
}
