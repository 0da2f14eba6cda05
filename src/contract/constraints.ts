import { type Fault, lowerCamel, maxFaults, showValue } from './fault.ts';
import type { Shape, ShapeRef } from './model.ts';
import { compilePattern } from './pattern.ts';
import { type Service, shapeOf } from './services.ts';

/** Adds the faults of a typed value to a list; knows nothing of the wire. */
export type Check = (value: unknown, path: string, faults: Fault[]) => void;

/** A rule for single strings, numbers or blobs. */
interface Rule {
  text: string;
  holds(value: unknown): boolean;
  /** The rule is not looked at when an earlier one of the value failed: long texts never reach a pattern. */
  needsOthers?: boolean;
}

export interface Compiler {
  service: Service;
  /** Structures by name, so that recursive shapes end and shared ones are compiled once. */
  structures: Map<string, Check>;
  sensitive: Map<string, boolean>;
}

export function createCompiler(service: Service): Compiler {
  return { service, structures: new Map(), sensitive: new Map() };
}

/** Compiles the check of a shape on first use. */
export function compileCheck(compiler: Compiler, ref: ShapeRef): Check {
  const shape = shapeOf(compiler.service.model, ref);
  if (ref.streaming || shape.streaming || shape.eventstream) return () => {};
  switch (shape.type) {
    case 'structure':
      return compileStructure(compiler, ref, shape);
    case 'list':
      return compileList(compiler, ref, shape);
    case 'map':
      return compileMap(compiler, ref, shape);
    default:
      return compileScalar(compiler, ref, shape);
  }
}

function addFault(compiler: Compiler, faults: Fault[], ref: ShapeRef, value: unknown, path: string, constraint: string): void {
  if (faults.length >= maxFaults) return;
  const isNull = value === null || value === undefined;
  const shown = isNull ? 'null' : isSensitive(compiler, ref) ? '' : showValue(compiler.service, ref, value);
  faults.push({ path, value: shown, constraint });
}

function compileStructure(compiler: Compiler, ref: ShapeRef, shape: Shape): Check {
  const known = compiler.structures.get(ref.shape);
  if (known) return known;
  let checks: { name: string; camel: string; required: boolean; target: ShapeRef; check: Check }[] | undefined;
  const compileMembers = () =>
    Object.entries(shape.members ?? {}).map(([name, target]) => ({
      name,
      camel: lowerCamel(name),
      required: shape.required?.includes(name) ?? false,
      target,
      check: compileCheck(compiler, target),
    }));
  const names = Object.keys(shape.members ?? {});
  const check: Check = (value, path, faults) => {
    checks ??= compileMembers();
    const members = value as Record<string, unknown>;
    if (shape.union && names.filter((name) => members[name] !== undefined && members[name] !== null).length !== 1) {
      addFault(compiler, faults, ref, value, path, `Exactly one member must be set: [${names.map(lowerCamel).join(', ')}]`);
    }
    for (const { name, camel, required, target, check: checkMember } of checks) {
      const member = members[name];
      const at = path === '' ? camel : `${path}.${camel}`;
      if (member !== undefined && member !== null) checkMember(member, at, faults);
      else if (required) addFault(compiler, faults, target, null, at, 'Member must not be null');
    }
  };
  compiler.structures.set(ref.shape, check);
  return check;
}

function compileList(compiler: Compiler, ref: ShapeRef, shape: Shape): Check {
  const element = shape.member ?? { shape: 'String' };
  const target = shapeOf(compiler.service.model, element);
  const isScalar = !isContainer(target);
  const rules = isScalar ? scalarRules(compiler, target) : [];
  const checkElement = isScalar ? undefined : compileCheck(compiler, element);
  const elementText = `Member must satisfy constraint: [${rules.map((rule) => rule.text).join(', ')}]`;
  const checkSize = compileSize(compiler, ref, shape);
  return (value, path, faults) => {
    const list = value as unknown[];
    checkSize(list.length, value, path, faults);
    let bad = false;
    for (const [i, item] of list.entries()) {
      if (faults.length >= maxFaults) return;
      if (item === null || item === undefined) {
        addFault(compiler, faults, element, null, `${path}.${i + 1}.member`, 'Member must not be null');
      } else if (checkElement) checkElement(item, `${path}.${i + 1}.member`, faults);
      else bad ||= !satisfies(rules, item);
    }
    if (bad) addFault(compiler, faults, ref, value, path, elementText);
  };
}

function compileMap(compiler: Compiler, ref: ShapeRef, shape: Shape): Check {
  const target = shape.value ?? { shape: 'String' };
  const targetShape = shapeOf(compiler.service.model, target);
  const isScalar = !isContainer(targetShape);
  const keyRules = scalarRules(compiler, shapeOf(compiler.service.model, shape.key ?? { shape: 'String' }));
  const valueRules = isScalar ? scalarRules(compiler, targetShape) : [];
  const checkValue = isScalar ? undefined : compileCheck(compiler, target);
  const keyText = `Map keys must satisfy constraint: [${keyRules.map((rule) => rule.text).join(', ')}]`;
  const valueText = `Map value must satisfy constraint: [${valueRules.map((rule) => rule.text).join(', ')}]`;
  const checkSize = compileSize(compiler, ref, shape);
  return (value, path, faults) => {
    const entries = Object.entries(value as Record<string, unknown>);
    checkSize(entries.length, value, path, faults);
    if (entries.some(([key]) => !satisfies(keyRules, key))) addFault(compiler, faults, ref, value, path, keyText);
    let bad = false;
    for (const [key, item] of entries) {
      if (faults.length >= maxFaults) return;
      if (item === null || item === undefined) {
        addFault(compiler, faults, target, null, `${path}.${key}.member`, 'Member must not be null');
      } else if (checkValue) checkValue(item, `${path}.${key}.member`, faults);
      else bad ||= !satisfies(valueRules, item);
    }
    if (bad) addFault(compiler, faults, ref, value, path, valueText);
  };
}

function compileSize(compiler: Compiler, ref: ShapeRef, shape: Shape) {
  const { min, max } = shape;
  return (size: number, value: unknown, path: string, faults: Fault[]): void => {
    if (max !== undefined && size > max) addFault(compiler, faults, ref, value, path, atMost('length', max));
    if (min !== undefined && size < min) addFault(compiler, faults, ref, value, path, atLeast('length', min));
  };
}

function compileScalar(compiler: Compiler, ref: ShapeRef, shape: Shape): Check {
  const rules = scalarRules(compiler, shape);
  return (value, path, faults) => {
    let failed = false;
    for (const rule of rules) {
      if ((failed && rule.needsOthers) || rule.holds(value)) continue;
      failed = true;
      addFault(compiler, faults, ref, value, path, rule.text);
    }
  };
}

function satisfies(rules: readonly Rule[], value: unknown): boolean {
  return rules.every((rule) => rule.holds(value));
}

/** In AWS's order: longest, shortest, pattern, values. */
function scalarRules(compiler: Compiler, shape: Shape): Rule[] {
  const rules: Rule[] = [];
  const { min, max, pattern } = shape;
  const measured = shape.type === 'string' || shape.type === 'blob' ? 'length' : 'value';
  if (shape.type === 'timestamp' || shape.type === 'boolean') return rules;
  if (max !== undefined) rules.push({ text: atMost(measured, max), holds: (value) => !exceeds(value, max) });
  if (min !== undefined) rules.push({ text: atLeast(measured, min), holds: (value) => !fallsShort(value, min) });
  if (pattern !== undefined) {
    let compiled: RegExp | undefined;
    rules.push({
      text: `Member must satisfy regular expression pattern: ${pattern}`,
      needsOthers: true,
      holds: (value) => {
        compiled ??= compilePattern(pattern, compiler.service.replacements);
        return compiled.test(value as string);
      },
    });
  }
  if (shape.enum) {
    const values = new Set<unknown>(shape.enum);
    rules.push({
      text: `Member must satisfy enum value set: [${shape.enum.join(', ')}]`,
      holds: (value) => values.has(value),
    });
  }
  return rules;
}

/** Texts are measured in code points; counting them is needed only where surrogate pairs could make the difference. */
function exceeds(value: unknown, max: number): boolean {
  if (typeof value === 'string') return value.length > max && (value.length > 2 * max || countCodePoints(value) > max);
  return value instanceof Uint8Array ? value.length > max : (value as number) > max;
}

function fallsShort(value: unknown, min: number): boolean {
  if (typeof value === 'string') return value.length < 2 * min && countCodePoints(value) < min;
  if (typeof value === 'object') return value instanceof Uint8Array && value.length < min; // a stream has no length to check
  return !((value as number) >= min);
}

function countCodePoints(text: string): number {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}

function atMost(measured: string, max: number): string {
  return `Member must have ${measured} less than or equal to ${max}`;
}

function atLeast(measured: string, min: number): string {
  return `Member must have ${measured} greater than or equal to ${min}`;
}

function isContainer(shape: Shape): boolean {
  return shape.type === 'structure' || shape.type === 'list' || shape.type === 'map';
}

/** Whether a value of this shape holds something that must not appear in a message, however deep. */
function isSensitive(compiler: Compiler, ref: ShapeRef): boolean {
  const known = compiler.sensitive.get(ref.shape);
  if (known !== undefined) return known;
  compiler.sensitive.set(ref.shape, false);
  const shape = shapeOf(compiler.service.model, ref);
  const inner = [...Object.values(shape.members ?? {}), shape.member, shape.key, shape.value].filter(
    (part) => part !== undefined,
  );
  const found = shape.sensitive === true || inner.some((part) => isSensitive(compiler, part));
  compiler.sensitive.set(ref.shape, found);
  return found;
}
