import type { ComparisonType, Condition as ConditionDefinition } from './definition/language.ts';
import { type Scalar, toJson, type Value } from './expressions.ts';

/** One condition of a `ConditionStep`; the conditions of a step must all hold. */
export interface Condition {
  define(): ConditionDefinition;
}

function compare(type: ComparisonType, left: Value<Scalar>, right: Value<Scalar>): Condition {
  return { define: () => ({ Type: type, LeftValue: toJson(left), RightValue: toJson(right) }) };
}

export function equals(left: Value<Scalar>, right: Value<Scalar>): Condition {
  return compare('Equals', left, right);
}

export function greaterThan(left: Value<Scalar>, right: Value<Scalar>): Condition {
  return compare('GreaterThan', left, right);
}

export function greaterThanOrEqualTo(left: Value<Scalar>, right: Value<Scalar>): Condition {
  return compare('GreaterThanOrEqualTo', left, right);
}

export function lessThan(left: Value<Scalar>, right: Value<Scalar>): Condition {
  return compare('LessThan', left, right);
}

export function lessThanOrEqualTo(left: Value<Scalar>, right: Value<Scalar>): Condition {
  return compare('LessThanOrEqualTo', left, right);
}

/** Whether the value is one of several. */
export function isIn(value: Value<Scalar>, values: readonly Value<Scalar>[]): Condition {
  return { define: () => ({ Type: 'In', QueryValue: toJson(value), Values: values.map(toJson) }) };
}

export function not(condition: Condition): Condition {
  return { define: () => ({ Type: 'Not', Condition: condition.define() }) };
}

/** Whether at least one of the conditions holds. */
export function or(...conditions: readonly Condition[]): Condition {
  return { define: () => ({ Type: 'Or', Conditions: conditions.map((condition) => condition.define()) }) };
}
