import { type ApiOperation, type Service, shapeOf } from '../../contract/services.ts';
import type { ShapeRef } from '../../contract/model.ts';
import type { Json, JsonObject } from '../json.ts';

/**
 * JSON that a user wrote as the parameters of an API operation, as its input; or what of it the operation does not know. Names may begin in
 * upper or lower case; times are ISO 8601 or epoch seconds, bytes are the text itself.
 */
export function inputOfJson(
  { model }: Service,
  operation: ApiOperation,
  json: JsonObject,
): { readonly input: object } | { readonly problem: string } {
  const ref = operation.model.input;
  if (!ref) return Object.keys(json).length === 0 ? { input: {} } : { problem: 'The operation takes no parameters.' };
  try {
    return { input: convert(model, ref, json, '') as object };
  } catch (error) {
    if (error instanceof Unfit) return { problem: error.message };
    throw error;
  }
}

/** Ends the walk at the first member that does not fit; it leaves this file only as a value. */
class Unfit extends Error {}

function convert(model: Service['model'], ref: ShapeRef, value: Json, path: string): unknown {
  const shape = shapeOf(model, ref);
  const unfit = (wanted: string) => new Unfit(`The field '${path}' must be ${wanted}.`);
  switch (shape.type) {
    case 'structure': {
      if (!isObject(value)) throw unfit('an object');
      const members = shape.members ?? {};
      return Object.fromEntries(
        Object.entries(value).map(([name, item]) => {
          const known = [name, upper(name), lower(name)].find((one) => members[one]);
          const inner = path === '' ? name : `${path}.${name}`;
          if (known === undefined) throw new Unfit(`The field '${inner}' is not supported by api.`);
          return [known, convert(model, members[known] as ShapeRef, item ?? null, inner)];
        }),
      );
    }
    case 'list':
      if (!Array.isArray(value)) throw unfit('a list');
      return value.map((item, at) => convert(model, shape.member as ShapeRef, item, `${path}[${at}]`));
    case 'map':
      if (!isObject(value)) throw unfit('an object');
      return Object.fromEntries(
        Object.entries(value).map(([name, item]) => [
          name,
          convert(model, shape.value as ShapeRef, item ?? null, `${path}.${name}`),
        ]),
      );
    case 'timestamp': {
      const timeMs = typeof value === 'number' ? value * 1000 : typeof value === 'string' ? Date.parse(value) : Number.NaN;
      if (Number.isNaN(timeMs)) throw unfit('a time');
      return timeMs;
    }
    case 'blob':
      return Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
    default:
      return scalar(shape.type, value, unfit);
  }
}

/** Texts that look like numbers or booleans are taken for them, as at AWS: values of context attributes are always text. */
function scalar(type: string, value: Json, unfit: (wanted: string) => Error): Json {
  if (type === 'string') {
    if (typeof value === 'string') return value;
    if (typeof value === 'object') throw unfit('a text');
    return String(value);
  }
  if (type === 'boolean') {
    if (typeof value === 'boolean') return value;
    if (value === 'true' || value === 'false') return value === 'true';
    throw unfit('true or false');
  }
  const number =
    typeof value === 'number' ? value : typeof value === 'string' && value.trim() !== '' ? Number(value) : Number.NaN;
  if (Number.isNaN(number)) throw unfit('a number');
  return number;
}

const upper = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);
const lower = (name: string): string => name.charAt(0).toLowerCase() + name.slice(1);
const isObject = (value: Json): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
