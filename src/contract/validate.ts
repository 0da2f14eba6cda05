import { type Check, type Compiler, compileCheck, createCompiler } from './constraints.ts';
import type { Fault } from './fault.ts';
import type { ShapeRef } from './model.ts';
import { compileReader, type Reader, type Reading } from './read-json.ts';
import type { Service } from './services.ts';

/** What validation says of a JSON request body. */
export type InputCheck =
  /** The typed input: known members only, timestamps in epoch milliseconds, blobs as bytes. */
  | { readonly outcome: 'valid'; readonly value: unknown }
  /** A ValidationException; `printFaults` writes its message. */
  | { readonly outcome: 'invalid'; readonly faults: readonly Fault[] }
  /** A SerializationException: a value has the wrong JSON type. */
  | { readonly outcome: 'unreadable'; readonly message: string };

interface Compiled {
  compiler: Compiler;
  readers: Map<string, Reader>;
  inputs: Map<string, (body: unknown) => InputCheck>;
}

const compiledServices = new WeakMap<Service, Compiled>();

function compiledFor(service: Service): Compiled {
  let compiled = compiledServices.get(service);
  if (compiled === undefined) {
    compiled = { compiler: createCompiler(service), readers: new Map(), inputs: new Map() };
    compiledServices.set(service, compiled);
  }
  return compiled;
}

/**
 * For JSON protocols: compiles, once per operation, what checks a parsed request body and makes the typed input of it.
 * An absent body (`undefined` or `null`) is an empty input.
 */
export function compileInput(service: Service, operationName: string): (body: unknown) => InputCheck {
  const { inputs } = compiledFor(service);
  let check = inputs.get(operationName);
  if (check === undefined) {
    const input = service.model.operations[operationName]?.input;
    check = input === undefined ? () => ({ outcome: 'valid', value: {} }) : compileBody(service, input);
    inputs.set(operationName, check);
  }
  return check;
}

function compileBody(service: Service, input: ShapeRef): (body: unknown) => InputCheck {
  const { compiler, readers } = compiledFor(service);
  const read = compileReader(service, readers, input);
  const check = compileCheck(compiler, input);
  return (body) => {
    const reading: Reading = {};
    const value = read(body ?? {}, reading, 0);
    if (reading.problem !== undefined) return { outcome: 'unreadable', message: reading.problem };
    const faults: Fault[] = [];
    check(value, '', faults);
    return faults.length === 0 ? { outcome: 'valid', value } : { outcome: 'invalid', faults };
  };
}

/** For query and REST protocols, whose codecs make typed values first: the constraints of an operation's input alone. */
export function compileConstraints(service: Service, operationName: string): (input: unknown) => Fault[] {
  const input = service.model.operations[operationName]?.input;
  return input === undefined ? () => [] : compileShapeConstraints(service, input);
}

/** The constraints of any shape, for payloads and for tests of outputs. */
export function compileShapeConstraints(service: Service, ref: ShapeRef): (value: unknown) => Fault[] {
  const check: Check = compileCheck(compiledFor(service).compiler, ref);
  return (value) => {
    const faults: Fault[] = [];
    check(value, '', faults);
    return faults;
  };
}

/** Reads a parsed JSON value as a shape without looking at constraints: for bodies that are a payload member alone. */
export function readShape(service: Service, ref: ShapeRef, value: unknown): { value: unknown; problem?: string } {
  const reading: Reading = {};
  return { value: compileReader(service, compiledFor(service).readers, ref)(value, reading, 0), ...reading };
}
