import type { AssetList } from './assets.ts';
import type {
  Dependency,
  DependencyTrigger,
  Json,
  JsonObject,
  RetryException,
  Step as StepDefinition,
  StepType,
  WorkStep,
} from './definition/language.ts';
import { isExpression, type Scalar, toJson, toJsonObject, toText, type Value } from './expressions.ts';
import type { RegionalImage } from './images.ts';

/** Where and as whom a pipeline is going to run; what steps need to write themselves down. */
export interface Compilation {
  readonly pipelineName: string;
  readonly region: string;
  readonly bucket: string;
  /** The role of jobs and models that name none. */
  readonly role: string;
  readonly assets: AssetList;
}

export interface StepOptions {
  displayName?: string;
  description?: string;
  /** Steps to wait for besides those whose properties are used; with a trigger, for another end than success. */
  dependsOn?: readonly (Step | string | StepDependency)[];
}

/** Runs a step when another failed, was stopped, or ended in whatever way: what it then does answers the failure. */
export interface StepDependency {
  step: Step | string;
  trigger: DependencyTrigger;
}

export interface WorkStepOptions extends StepOptions {
  /** Takes the result of an earlier execution with the same arguments, if it is not older than the duration (ISO 8601, `P30D`). */
  cacheConfig?: { enabled: boolean; expireAfter?: string };
  retryPolicies?: readonly RetryPolicyOptions[];
}

export interface RetryPolicyOptions {
  exceptionTypes: readonly RetryException[];
  backoffRate?: number;
  intervalSeconds?: number;
  /** One of these two limits. */
  maxAttempts?: number;
  expireAfterMin?: number;
}

export type Image = Value<string> | RegionalImage;

/** What every step has; the classes of the step types say the rest. */
export abstract class Step {
  readonly name: string;
  readonly #options: StepOptions;

  constructor(name: string, options: StepOptions) {
    this.name = name;
    this.#options = options;
  }

  /** The step as it stands in the definition. */
  abstract define(to: Compilation): StepDefinition;

  protected defineCommon(): Pick<StepDefinition, 'DependsOn' | 'DisplayName' | 'Description'> {
    const { displayName, description, dependsOn } = this.#options;
    return {
      ...(displayName === undefined ? {} : { DisplayName: displayName }),
      ...(description === undefined ? {} : { Description: description }),
      ...(dependsOn?.length ? { DependsOn: dependsOn.map(defineDependency) } : {}),
    };
  }

  protected defineWork(type: WorkStep['Type'] & StepType, args: JsonObject, options: WorkStepOptions): WorkStep {
    const { cacheConfig: cache, retryPolicies } = options;
    const expiry = cache?.expireAfter === undefined ? {} : { ExpireAfter: cache.expireAfter };
    return {
      Name: this.name,
      Type: type,
      Arguments: args,
      ...this.defineCommon(),
      ...(cache === undefined ? {} : { CacheConfig: { Enabled: cache.enabled, ...expiry } }),
      ...(retryPolicies?.length ? { RetryPolicies: retryPolicies.map(defineRetryPolicy) } : {}),
    };
  }
}

function defineDependency(dependency: Step | string | StepDependency): Dependency {
  if (typeof dependency === 'string') return dependency;
  if (dependency instanceof Step) return dependency.name;
  const { step, trigger } = dependency;
  const name = typeof step === 'string' ? step : step.name;
  return trigger === 'Completed' ? name : { Step: name, Trigger: trigger };
}

function defineRetryPolicy(policy: RetryPolicyOptions) {
  const { exceptionTypes, backoffRate, intervalSeconds, maxAttempts, expireAfterMin } = policy;
  return {
    ...(backoffRate === undefined ? {} : { BackoffRate: backoffRate }),
    ...(intervalSeconds === undefined ? {} : { IntervalSeconds: intervalSeconds }),
    ...(maxAttempts === undefined ? {} : { MaxAttempts: maxAttempts }),
    ...(expireAfterMin === undefined ? {} : { ExpireAfterMin: expireAfterMin }),
    ExceptionType: [...exceptionTypes],
  };
}

export function defineImage(image: Image, to: Compilation): Json {
  if (typeof image === 'object' && !isExpression(image)) return image.uri(to.region);
  return toJson(image);
}

/** Environment variables, container arguments: whatever the type, text for the container. */
export function defineTexts(values: Readonly<Record<string, Value<Scalar>>>): JsonObject {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, toText(value)]));
}

/** Lays what a program says in the API's own words over what the options gave; lists are replaced, objects merged. */
export function overlay(args: JsonObject, extra: object | undefined): JsonObject {
  return extra === undefined ? args : merge(args, toJsonObject(extra));
}

function merge(under: JsonObject, over: JsonObject): JsonObject {
  const result = { ...under };
  for (const [name, value] of Object.entries(over)) {
    const old = result[name];
    result[name] = isPlain(old) && isPlain(value) ? merge(old, value) : value;
  }
  return result;
}

/** An object that is no expression: those are replaced as a whole. */
function isPlain(value: Json | undefined): value is JsonObject {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return !('Get' in value) && !Object.keys(value).some((name) => name.startsWith('Std:'));
}
