import type { ExecutionVariable, Json, JsonObject } from './definition/language.ts';

/** Writes an expression as definition JSON. A symbol, because properties can have any name. */
export const render: unique symbol = Symbol('render');

export const givesText: unique symbol = Symbol('givesText');

/** Marks the type of the value an expression will have; there is nothing at run time. */
declare const valueType: unique symbol;

/**
 * A value that is known only when a pipeline runs: a parameter, a property of a step, an execution variable, or a function of those.
 * It can stand wherever `Value<T>` is asked for, and inside a template string: `` `s3://bucket/${runId}/train` `` becomes a `Std:Join`.
 */
export interface Expression<out T> {
  readonly [valueType]?: T;
  /** Whether it gives text whatever it refers to, and need not be joined to become so. */
  readonly [givesText]?: boolean;
  [render](): Json;
  [Symbol.toPrimitive](hint: string): string;
}

export type Scalar = string | number | boolean;

/** A literal, or an expression for one. */
export type Value<T> = T | Expression<T>;

/**
 * An object of the AWS API in which every part may be an expression, and any member may be left out (the API checks the rest).
 */
export type Arguments<T> = T extends Scalar
  ? Value<T> | Expression<Scalar>
  : T extends readonly (infer U)[]
    ? Arguments<U>[] | Expression<T>
    : { [K in keyof T]?: Arguments<T[K]> };

/** Around an expression inside a template string: characters that no definition may hold otherwise. */
const opening = '\u0002';
const closing = '\u0003';

export function createExpression<T>(json: () => Json, isText = false): Expression<T> {
  return { [givesText]: isText, [render]: json, [Symbol.toPrimitive]: () => toMarker(json()) };
}

export function toMarker(json: Json): string {
  return `${opening}${JSON.stringify(json)}${closing}`;
}

export function isExpression(value: unknown): value is Expression<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as Partial<Expression<unknown>>)[render] === 'function';
}

/** Whether a string was made of expressions by a template; such a string is known only at run time. */
export function hasMarker(text: string): boolean {
  return text.includes(opening);
}

/** Writes any mixture of literals, objects and expressions as definition JSON; members that are `undefined` are left out. */
export function toJson(value: unknown): Json {
  if (isExpression(value)) return value[render]();
  if (typeof value === 'string') return hasMarker(value) ? expandTemplate(value) : value;
  if (Array.isArray(value)) return value.map(toJson);
  if (typeof value === 'object' && value !== null) return toJsonObject(value);
  return typeof value === 'number' || typeof value === 'boolean' ? value : null;
}

export function toJsonObject(value: object): JsonObject {
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, toJson(member)]));
}

function expandTemplate(text: string): Json {
  const values: Json[] = [];
  for (const part of text.split(opening)) {
    const end = part.indexOf(closing);
    const rest = end < 0 ? part : part.slice(end + 1);
    if (end >= 0) values.push(JSON.parse(part.slice(0, end)) as Json);
    if (rest !== '') values.push(rest);
  }
  return { 'Std:Join': { On: '', Values: values } };
}

/** `Std:Join`: the values as text, one after the other, with `on` between them. */
export function join(on: string, values: readonly Value<Scalar>[]): Expression<string> {
  return createExpression(() => ({ 'Std:Join': { On: on, Values: values.map(toJson) } }), true);
}

/** The text of a value: what hyperparameters, arguments and environment variables take. */
export function toText(value: Value<Scalar>): Json {
  if (!isExpression(value)) return toJson(String(value));
  const json = value[render]();
  return value[givesText] ? json : { 'Std:Join': { On: '', Values: [json] } };
}

function executionVariable(name: ExecutionVariable): Expression<string> {
  return createExpression(() => ({ Get: `Execution.${name}` }), true);
}

/** What is known of the execution while it runs. */
export const executionVariables = {
  startDateTime: executionVariable('StartDateTime'),
  currentDateTime: executionVariable('CurrentDateTime'),
  pipelineName: executionVariable('PipelineName'),
  pipelineArn: executionVariable('PipelineArn'),
  pipelineExecutionId: executionVariable('PipelineExecutionId'),
  pipelineExecutionArn: executionVariable('PipelineExecutionArn'),
  trainingJobName: executionVariable('TrainingJobName'),
  processingJobName: executionVariable('ProcessingJobName'),
} as const;
