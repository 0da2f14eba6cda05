import type { Shape, ShapeRef } from './model.ts';
import { type Service, shapeOf } from './services.ts';

/** One violation of the model by an input. */
export interface Fault {
  /** As AWS writes it: lower-camel member names, list positions from 1, e.g. `inputDataConfig.1.member.channelName`. */
  path: string;
  /** The value as the message shows it, in quotes; `null` when it is missing, empty when it must not be shown. */
  value: string;
  /** e.g. `Member must have length less than or equal to 63`. */
  constraint: string;
}

/** Faults beyond this many are not collected: nobody reads them, and a hostile request must not make a huge answer. */
export const maxFaults = 1000;

const maxShownLength = 1024;

/** The text of AWS's ValidationException: all faults of a request in one message. */
export function printFaults(faults: readonly Fault[]): string {
  const count = faults.length === 1 ? '1 validation error detected' : `${faults.length} validation errors detected`;
  return `${count}: ${faults.map(printFault).join('; ')}`;
}

function printFault(fault: Fault): string {
  const value = fault.value === '' ? 'Value' : `Value ${fault.value}`;
  return `${value} at '${fault.path}' failed to satisfy constraint: ${fault.constraint}`;
}

export function lowerCamel(member: string): string {
  return member.charAt(0).toLowerCase() + member.slice(1);
}

/** How a message shows a value: Java's ways of printing, cut when long. */
export function showValue(service: Service, ref: ShapeRef, value: unknown): string {
  const text = printValue(service, shapeOf(service.model, ref), ref, value);
  return `'${text.length > maxShownLength ? `${text.slice(0, maxShownLength)}...` : text}'`;
}

function printValue(service: Service, shape: Shape, ref: ShapeRef, value: unknown): string {
  if (value === null || value === undefined) return 'null';
  if (value instanceof Uint8Array) return `java.nio.HeapByteBuffer[pos=0 lim=${value.length} cap=${value.length}]`;
  if (Array.isArray(value)) {
    const element = shape.member ?? ref;
    return `[${printSome(value, (item) => printValue(service, shapeOf(service.model, element), element, item))}]`;
  }
  if (typeof value !== 'object') return String(value);
  const entries = Object.entries(value);
  if (shape.type === 'map') {
    const target = shape.value ?? ref;
    return `{${printSome(entries, ([key, item]) => `${key}=${printValue(service, shapeOf(service.model, target), target, item)}`)}}`;
  }
  const members = entries.filter(([, item]) => item !== undefined);
  return `${ref.shape}(${printSome(members, ([name, item]) => {
    const target = shape.members?.[name];
    return target ? `${lowerCamel(name)}=${printValue(service, shapeOf(service.model, target), target, item)}` : name;
  })})`;
}

/** Stops once enough is printed: a list of a million strings is not written out to be cut afterwards. */
function printSome<T>(items: readonly T[], print: (item: T) => string): string {
  let text = '';
  for (const [i, item] of items.entries()) {
    text += i === 0 ? print(item) : `, ${print(item)}`;
    if (text.length > maxShownLength) return text;
  }
  return text;
}
