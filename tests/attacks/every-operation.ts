import { globSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadService, serviceIds } from '../../models/load.ts';
import { generateInput, generateValue } from '../../src/contract/generate-input.ts';
import { seededRandom } from '../../src/contract/generate-text.ts';
import type { ShapeRef } from '../../src/contract/model.ts';
import { type ApiOperation, type Service, shapeOf } from '../../src/contract/services.ts';
import { encodeInput, formOf } from '../fuzz/encode-input.ts';
import type { AwsClient, WireAnswer } from '../harness/aws-client.ts';

/** An operation that some room has, as its source declares it. */
export interface Built {
  readonly service: Service;
  readonly operation: ApiOperation;
  readonly effect: 'read' | 'change';
}

const ROOMS = resolve(import.meta.dirname, '../../src/domains');

export function builtOperations(): Built[] {
  const files = globSync('**/*.ts', { cwd: ROOMS }).filter((file) => !file.endsWith('.test.ts'));
  const declared = new Map<string, 'read' | 'change'>();
  for (const file of files) {
    const text = readFileSync(join(ROOMS, file), 'utf8');
    for (const [, key = '', effect] of text.matchAll(
      /\boperation\(\s*'([a-z0-9-]+:[A-Za-z0-9]+)',\s*\{\s*effect: '(read|change)'/g,
    ))
      declared.set(key, effect as 'read' | 'change');
  }
  return serviceIds.map(loadService).flatMap((service) =>
    [...service.operations.values()].flatMap((operation) => {
      const effect = declared.get(operation.key);
      return effect ? [{ service, operation, effect }] : [];
    }),
  );
}

/** The least input that the model allows, with `members` in it. */
export function leastInput(
  { service, operation }: Built,
  members: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const options = { service, random: seededRandom(7), form: formOf(service), fullness: 0 } as const;
  return { ...generateInput(options, operation.name), ...members };
}

/** Undefined where the input cannot be sent. */
export async function ask(
  client: AwsClient,
  { service, operation }: Built,
  input: Record<string, unknown>,
): Promise<WireAnswer | undefined> {
  const encoded = encodeInput(service, operation, input);
  if (!encoded) return undefined;
  const { method, target, headers, body } = encoded;
  return client.send({ method, path: target, service: service.signingName, headers, body: body as Uint8Array });
}

export type Path = readonly (string | 0)[];

/** Places of an input's strings of which `wanted` holds; lists are named by their first element, shapes within themselves left out. */
export function stringPaths({ service, operation }: Built, wanted: (member: string, ref: ShapeRef) => boolean): Path[] {
  const found: Path[] = [];
  const walk = (ref: ShapeRef, member: string, path: Path, parents: readonly string[]): void => {
    if (parents.includes(ref.shape)) return;
    const shape = shapeOf(service.model, ref);
    const inner = [...parents, ref.shape];
    if (shape.type === 'structure')
      for (const [name, target] of Object.entries(shape.members ?? {})) walk(target, name, [...path, name], inner);
    else if (shape.type === 'list') walk(shape.member ?? { shape: 'String' }, member, [...path, 0], inner);
    else if (shape.type === 'string' && wanted(member, ref)) found.push(path);
  };
  if (operation.model.input) walk(operation.model.input, '', [], []);
  return found;
}

/** The least input with one string in its place, and what has to be around it. */
export function inputWith(built: Built, path: Path, value: string): Record<string, unknown> {
  const { service, operation } = built;
  const options = { service, random: seededRandom(7), form: formOf(service), fullness: 0 } as const;
  const input = leastInput(built);
  let ref = operation.model.input ?? { shape: '' };
  let at: Record<string | number, unknown> = input;
  for (const [depth, part] of path.entries()) {
    const shape = shapeOf(service.model, ref);
    ref = (part === 0 ? shape.member : shape.members?.[part]) ?? { shape: '' };
    if (depth === path.length - 1) at[part] = value;
    else {
      const kind = shapeOf(service.model, ref).type;
      at[part] ??= kind === 'list' ? [] : (generateValue(options, ref, []) as object);
      at = at[part] as Record<string | number, unknown>;
    }
  }
  return input;
}

const COMBINATIONS_MAX = 40;

/**
 * Inputs that name things: every required member by each of its values, then each optional one beside them. Values are of the member's name,
 * or of all names (`*Name`) and ARNs (`*Arn`).
 */
export function inputsOf(built: Built, values: Readonly<Record<string, readonly unknown[]>>): Record<string, unknown>[] {
  const members = built.operation.input?.members ?? {};
  const required = built.operation.input?.required ?? [];
  const valuesOf = (member: string): readonly unknown[] =>
    values[member] ?? (/arn$/i.test(member) ? values['*Arn'] : /name$/i.test(member) ? values['*Name'] : undefined) ?? [];
  let inputs: Record<string, unknown>[] = [{}];
  for (const member of required) {
    const given = valuesOf(member);
    if (given.length > 0) inputs = inputs.flatMap((input) => given.map((value) => ({ ...input, [member]: value })));
  }
  inputs = inputs.slice(0, COMBINATIONS_MAX);
  const [first = {}] = inputs;
  const more = Object.keys(members)
    .filter((member) => !required.includes(member))
    .flatMap((member) => valuesOf(member).map((value) => ({ ...first, [member]: value })));
  return [...inputs, ...more].map((input) => leastInput(built, input));
}
