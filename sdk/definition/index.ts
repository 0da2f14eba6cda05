/** The SageMaker pipeline definition language: types, parser, checker, dependency graph and evaluation. Pure, no dependency. */
export {
  CACHE_KEY_TAG,
  CACHE_MODE_TAG,
  cacheAttributesOf,
  cacheExpiryMs,
  cacheRequestOf,
  canonicalText,
  contentText,
  contentUrisOf,
  differingAttributes,
  isFresh,
  withContent,
} from './cache.ts';
export type { ArgumentProblems, CheckOptions, PropertyExists, PropertyMissing } from './check.ts';
export type { Expansion } from './expand.ts';
export { bodyOf, childName, expandForEach } from './expand.ts';
export type { Branch, Edge, FlatStep, Graph, GraphStep, Iteration } from './graph.ts';
export { buildGraph, findCycles, flattenSteps } from './graph.ts';
export * from './language.ts';
export { nth } from './nth.ts';
export type { ParameterValue, ResolvedParameters } from './parameters.ts';
export { coerceParameter, resolveParameters } from './parameters.ts';
export type { ParsedDefinition } from './parse.ts';
export { parametersOf, parseDefinition, unsupportedSteps } from './parse.ts';
export { parseDuration } from './parse-policies.ts';
export type { Problem } from './problems.ts';
export { entriesOf, kindOf, suggest } from './problems.ts';
export type { PathPart, Reference } from './references.ts';
export { formatPath, isExpression, parsePath, parseReference } from './references.ts';
export type { FileReading, Resolved, Scope } from './resolve.ts';
export { follow, parseFile, resolve, resolveConditions } from './resolve.ts';
