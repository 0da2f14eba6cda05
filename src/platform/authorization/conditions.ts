import { parseAddress, parseNetwork } from './addresses.ts';
import { compilePattern, matchesPattern } from './wildcard.ts';

/** Values of condition keys, names in lower case. */
export type ConditionContext = ReadonlyMap<string, readonly string[]>;

/** A condition block compiled: true when every operator and key of it holds. */
export type Condition = (context: ConditionContext) => boolean;

/** Whether one context value satisfies one policy value. */
type Comparison = (expected: string) => (actual: string, context: ConditionContext) => boolean;

interface Operator {
  readonly compare: Comparison;
  /** `…Not…`: holds when no value matches, also when the key is absent. */
  readonly negated?: boolean;
}

const patternComparison =
  (wildcards: boolean, lowerCase = false): Comparison =>
  (expected) => {
    const pattern = compilePattern(expected, { variables: true, wildcards, lowerCase });
    return (actual, context) =>
      matchesPattern(pattern, lowerCase ? actual.toLowerCase() : actual, (name) => {
        const value = variableOf(context, name);
        return lowerCase ? value?.toLowerCase() : value;
      });
  };

/** A policy variable stands for a key with exactly one value. */
export function variableOf(context: ConditionContext, name: string): string | undefined {
  const values = context.get(name);
  return values?.length === 1 ? values[0] : undefined;
}

const numberComparison =
  (holds: (actual: number, expected: number) => boolean, parse: (text: string) => number = parseNumber): Comparison =>
  (expected) => {
    const right = parse(expected);
    // NaN compares false with everything, which is what a value that is no number should do
    return (actual) => holds(parse(actual), right);
  };

const parseNumber = (text: string): number => (text.trim() === '' ? Number.NaN : Number(text));

/** ISO 8601, or epoch seconds. */
const parseDate = (text: string): number => {
  if (!/^-?\d+(\.\d+)?$/.test(text)) return Date.parse(text);
  // seconds in 64 bits, as IAM has them
  return Math.abs(Number(text)) < 2 ** 63 ? Number(text) * 1000 : Number.NaN;
};

/** A date or number that is none compares with nothing: a deny that hangs on it would be lost, so it is refused when written. */
export function isOperand(operator: string, text: string): boolean {
  if (text.includes('${')) return true;
  const kind = /(?:^|:)(date|numeric)/i.exec(operator)?.[1]?.toLowerCase();
  if (kind === undefined) return true;
  return !Number.isNaN(kind === 'date' ? parseDate(text) : parseNumber(text));
}

/** Each of the six parts of an ARN is matched for itself, so that `*` does not reach over a colon. */
const arnComparison: Comparison = (expected) => {
  const patterns = arnParts(expected)?.map((part) => compilePattern(part, { variables: true, wildcards: true }));
  return (actual, context) => {
    const parts = arnParts(actual);
    if (!patterns || !parts) return false;
    return patterns.every((pattern, index) => matchesPattern(pattern, parts[index] ?? '', (name) => variableOf(context, name)));
  };
};

function arnParts(text: string): string[] | undefined {
  const parts = text.split(':');
  return parts.length < 6 ? undefined : [...parts.slice(0, 5), parts.slice(5).join(':')];
}

const addressComparison: Comparison = (expected) => {
  const network = parseNetwork(expected);
  return (actual) => {
    const address = parseAddress(actual);
    if (!network || !address || address.bits !== network.bits) return false;
    const shift = BigInt(network.bits - network.prefixBits);
    return address.value >> shift === network.value >> shift;
  };
};

const boolComparison: Comparison = (expected) => (actual) => actual.toLowerCase() === expected.toLowerCase();

const equals = (a: number, b: number): boolean => a === b;

const OPERATORS: Readonly<Record<string, Operator>> = {
  stringequals: { compare: patternComparison(false) },
  stringnotequals: { compare: patternComparison(false), negated: true },
  stringequalsignorecase: { compare: patternComparison(false, true) },
  stringnotequalsignorecase: { compare: patternComparison(false, true), negated: true },
  stringlike: { compare: patternComparison(true) },
  stringnotlike: { compare: patternComparison(true), negated: true },
  numericequals: { compare: numberComparison(equals) },
  numericnotequals: { compare: numberComparison(equals), negated: true },
  numericlessthan: { compare: numberComparison((a, b) => a < b) },
  numericlessthanequals: { compare: numberComparison((a, b) => a <= b) },
  numericgreaterthan: { compare: numberComparison((a, b) => a > b) },
  numericgreaterthanequals: { compare: numberComparison((a, b) => a >= b) },
  dateequals: { compare: numberComparison(equals, parseDate) },
  datenotequals: { compare: numberComparison(equals, parseDate), negated: true },
  datelessthan: { compare: numberComparison((a, b) => a < b, parseDate) },
  datelessthanequals: { compare: numberComparison((a, b) => a <= b, parseDate) },
  dategreaterthan: { compare: numberComparison((a, b) => a > b, parseDate) },
  dategreaterthanequals: { compare: numberComparison((a, b) => a >= b, parseDate) },
  bool: { compare: boolComparison },
  binaryequals: { compare: patternComparison(false) },
  ipaddress: { compare: addressComparison },
  notipaddress: { compare: addressComparison, negated: true },
  arnequals: { compare: arnComparison },
  arnlike: { compare: arnComparison },
  arnnotequals: { compare: arnComparison, negated: true },
  arnnotlike: { compare: arnComparison, negated: true },
};

/** `[ForAllValues:|ForAnyValue:]Operator[IfExists]`, or Null. */
interface OperatorName {
  readonly name: string;
  readonly set?: 'all' | 'any';
  readonly ifExists: boolean;
}

function parseOperatorName(text: string): OperatorName {
  const match = /^(?:for(all|any)values?:)?(.*?)(ifexists)?$/.exec(text.toLowerCase());
  const set = match?.[1] as 'all' | 'any' | undefined;
  return { name: match?.[2] ?? '', ifExists: match?.[3] !== undefined, ...(set ? { set } : {}) };
}

export function isConditionOperator(text: string): boolean {
  const { name } = parseOperatorName(text);
  return name === 'null' || Object.hasOwn(OPERATORS, name);
}

/** Compiles one operator with one key; the operator must be known (`isConditionOperator`). */
export function compileCondition(operatorText: string, key: string, expected: readonly string[]): Condition {
  const { name, set, ifExists } = parseOperatorName(operatorText);
  const keyName = key.toLowerCase();
  if (name === 'null')
    return (context) => expected.some((value) => (value.toLowerCase() === 'true') === !present(context, keyName));
  const operator = OPERATORS[name];
  if (!operator) return () => false;
  const tests = expected.map(operator.compare);
  const matches = (value: string, context: ConditionContext): boolean => tests.some((test) => test(value, context));
  return (context) => {
    const values = context.get(keyName) ?? [];
    if (values.length === 0) return ifExists || set === 'all' || (operator.negated === true && set === undefined);
    const holds = (value: string): boolean => matches(value, context) !== (operator.negated ?? false);
    if (set === 'any') return values.some(holds);
    if (set === 'all' || operator.negated) return values.every(holds);
    return values.some(holds);
  };
}

const present = (context: ConditionContext, key: string): boolean => (context.get(key)?.length ?? 0) > 0;
