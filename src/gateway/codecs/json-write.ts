import type { ShapeRef } from '../../contract/model.ts';
import { type Service, shapeOf } from '../../contract/services.ts';
import { formatTime } from './timestamps.ts';

type Write = (value: unknown) => unknown;

const writersOf = new WeakMap<Service, Map<string, Write>>();

/** Typed value to JSON as the model describes it; members the model does not know are left out. */
export function toJson(service: Service, ref: ShapeRef, value: unknown): unknown {
  const writers = writersOf.get(service) ?? new Map<string, Write>();
  writersOf.set(service, writers);
  return compileWriter(service, writers, ref)(value);
}

const asIs: Write = (value) => value;

function compileWriter(service: Service, writers: Map<string, Write>, ref: ShapeRef): Write {
  const shape = shapeOf(service.model, ref);
  if (shape.document) return asIs;
  switch (shape.type) {
    case 'structure':
      return compileStructure(service, writers, ref);
    case 'list': {
      const element = compileWriter(service, writers, shape.member ?? { shape: 'String' });
      return element === asIs ? asIs : (value) => (value as unknown[]).map(element);
    }
    case 'map': {
      const entry = compileWriter(service, writers, shape.value ?? { shape: 'String' });
      if (entry === asIs) return asIs;
      return (value) => Object.fromEntries(Object.entries(value as object).map(([key, item]) => [key, entry(item)]));
    }
    case 'timestamp': {
      const format = ref.timestampFormat ?? shape.timestampFormat ?? 'unixTimestamp';
      return format === 'unixTimestamp' ? (value) => (value as number) / 1000 : (value) => formatTime(value as number, format);
    }
    case 'blob':
      return (value) => Buffer.from(value as Uint8Array).toString('base64');
    case 'float':
    case 'double':
      // JSON has no NaN or Infinity; AWS sends their names
      return (value) => (Number.isFinite(value) ? value : String(value));
    default:
      return asIs;
  }
}

function compileStructure(service: Service, writers: Map<string, Write>, ref: ShapeRef): Write {
  const known = writers.get(ref.shape);
  if (known) return known;
  let members: [name: string, wireName: string, write: Write][] | undefined;
  const writer: Write = (value) => {
    members ??= Object.entries(shapeOf(service.model, ref).members ?? {})
      .filter(([, target]) => !target.location)
      .map(([name, target]) => [name, target.locationName ?? name, compileWriter(service, writers, target)]);
    const source = value as Record<string, unknown>;
    const result: Record<string, unknown> = {};
    for (const [name, wireName, write] of members) {
      const member = source[name];
      if (member !== undefined && member !== null) result[wireName] = write(member);
    }
    return result;
  };
  writers.set(ref.shape, writer);
  return writer;
}
