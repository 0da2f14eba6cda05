/** Conditions and references of a pipeline definition, in one line each. */

const COMPARISONS: Readonly<Record<string, string>> = {
  Equals: '=',
  GreaterThan: '>',
  GreaterThanOrEqualTo: '≥',
  LessThan: '<',
  LessThanOrEqualTo: '≤',
};

type Members = Readonly<Record<string, unknown>>;

/** `Evaluate EvaluationReport metrics.accuracy.value ≥ Parameters.AccuracyThreshold`. */
export function conditionText(condition: unknown): string {
  const { Type = '', ...members } = (condition ?? {}) as Members;
  const sign = COMPARISONS[String(Type)];
  if (sign) return `${expressionText(members['LeftValue'])} ${sign} ${expressionText(members['RightValue'])}`;
  if (Type === 'In')
    return `${expressionText(members['QueryValue'])} in (${listOf(members['Values']).map(expressionText).join(', ')})`;
  if (Type === 'Not') return `not (${conditionText(members['Condition'] ?? members['Expression'])})`;
  if (Type === 'Or') return `(${listOf(members['Conditions']).map(conditionText).join(') or (')})`;
  return JSON.stringify(condition);
}

/** A value as it is, a reference by its path, a function by what it reads. */
export function expressionText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value !== 'object' || value === null) return String(value);
  const members = value as Members;
  if (typeof members['Get'] === 'string') return members['Get'];
  const json = members['Std:JsonGet'] as { PropertyFile?: unknown; S3Uri?: unknown; Path?: unknown } | undefined;
  if (json) {
    const file = expressionText(json.PropertyFile ?? json.S3Uri).replace(/^Steps\.(.+)\.PropertyFiles\./, '$1 ');
    return `${file} ${String(json.Path)}`;
  }
  const join = members['Std:Join'] as { On?: string; Values?: unknown } | undefined;
  if (join)
    return listOf(join.Values)
      .map(expressionText)
      .join(join.On ?? '');
  return JSON.stringify(value);
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The same value with every reference and function in it as its text. */
export function plainOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plainOf);
  if (typeof value !== 'object' || value === null) return value;
  const names = Object.keys(value);
  if (names.length === 1 && ['Get', 'Std:Join', 'Std:JsonGet'].includes(names[0] ?? '')) return expressionText(value);
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plainOf(inner)]));
}
