import type { Json, JsonObject, Step, StepType, WorkStep } from './language.ts';
import { isJsonObject } from './language.ts';
import { parseDuration } from './parse-policies.ts';

/**
 * The cache of step results: which part of a step's request is its key, and when an earlier result may be taken. Both the engine and
 * `slipway plan` decide by this file, so that what is planned is what happens.
 */

/** An attribute of the request; with `members`, only these of its members count. */
interface KeyAttribute {
  readonly name: string;
  readonly members?: readonly string[];
}

const whole = (...names: string[]): KeyAttribute[] => names.map((name) => ({ name }));

/**
 * "Default cache key attributes by pipeline step type" of the SageMaker developer guide. Instances, roles, networks, outputs, stopping
 * conditions and tags are in none of them. The guide says nothing of Lambda and Callback steps, whose CacheConfig the SDK sends as well:
 * there all that the function or the queue is told counts.
 */
const KEY_ATTRIBUTES: { readonly [T in StepType]?: readonly KeyAttribute[] } = {
  Processing: whole('AppSpecification', 'Environment', 'ProcessingInputs'),
  Training: whole(
    'AlgorithmSpecification',
    'CheckpointConfig',
    'DebugHookConfig',
    'DebugRuleConfigurations',
    'Environment',
    'HyperParameters',
    'InputDataConfig',
  ),
  Transform: whole('DataProcessing', 'Environment', 'ModelName', 'TransformInput'),
  Tuning: [
    ...whole('HyperParameterTuningJobConfig'),
    {
      name: 'TrainingJobDefinition',
      members: ['AlgorithmSpecification', 'HyperParameterRanges', 'InputDataConfig', 'StaticHyperParameters', 'TuningObjective'],
    },
    ...whole('TrainingJobDefinitions'),
  ],
  AutoML: [
    {
      name: 'AutoMLJobConfig',
      members: ['CompletionCriteria', 'CandidateGenerationConfig', 'DataSplitConfig', 'Mode'],
    },
    ...whole('AutoMLJobObjective', 'InputDataConfig', 'ProblemType'),
  ],
  Lambda: whole('FunctionArn', 'Arguments', 'OutputParameters'),
  Callback: whole('SqsQueueUrl', 'Arguments', 'OutputParameters'),
};

/** These name their target beside their arguments. */
const KEYED_AS_A_WHOLE: ReadonlySet<StepType> = new Set<StepType>(['Lambda', 'Callback']);

/** Names of the attributes that count for steps of a type; undefined for types that AWS does not cache. */
export const cacheAttributesOf = (type: StepType): readonly string[] | undefined => KEY_ATTRIBUTES[type]?.map(({ name }) => name);

/** How old a result may be for a step to take it; undefined when the step does not ask for caching, or its type is not cached. */
export function cacheExpiryMs(step: Step): number | undefined {
  const config = (step as WorkStep).CacheConfig;
  if (config?.Enabled !== true || KEY_ATTRIBUTES[step.Type] === undefined) return undefined;
  return typeof config.ExpireAfter === 'string' ? parseDuration(config.ExpireAfter) : undefined;
}

/** The part of a step's request that is its key, expressions and all; resolve it before comparing. */
export function cacheRequestOf(step: Step): JsonObject {
  const own = step as unknown as JsonObject;
  const from = KEYED_AS_A_WHOLE.has(step.Type) ? own : isJsonObject(own['Arguments']) ? own['Arguments'] : {};
  const request: JsonObject = {};
  for (const { name, members } of KEY_ATTRIBUTES[step.Type] ?? []) {
    const value = from[name];
    if (value === undefined || value === null) continue;
    request[name] = members && isJsonObject(value) ? pick(value, members) : value;
  }
  return request;
}

const pick = (value: JsonObject, members: readonly string[]): JsonObject =>
  Object.fromEntries(Object.entries(value).filter(([name]) => members.includes(name)));

/** One spelling per value: members sorted, no spaces. Equal keys have equal texts. */
export function canonicalText(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join(',')}]`;
  if (!isJsonObject(value)) return JSON.stringify(value);
  const members = Object.keys(value).sort();
  return `{${members.map((name) => `${JSON.stringify(name)}:${canonicalText(value[name] ?? null)}`).join(',')}}`;
}

/** Whether a result of `endedAtMs` may still be taken. */
export const isFresh = (endedAtMs: number, expiryMs: number, nowMs: number): boolean => endedAtMs + expiryMs > nowMs;

/** What of two resolved requests differs, by the names of attributes. */
export function differingAttributes(one: JsonObject, other: JsonObject): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)]);
  return [...names].filter((name) => canonicalText(one[name] ?? null) !== canonicalText(other[name] ?? null));
}

/** In content mode the objects behind these count instead of their addresses: a job sees nothing but the data. */
const DATA_ATTRIBUTES: ReadonlySet<string> = new Set(['ProcessingInputs', 'InputDataConfig', 'TransformInput']);
/** What a run writes itself cannot tell whether its inputs changed. */
const WRITTEN_ATTRIBUTES: ReadonlySet<string> = new Set(['CheckpointConfig', 'DebugHookConfig', 'DebugRuleConfigurations']);

/** S3 URIs whose objects count in content mode, or that a manifest names more of them, which nobody can see from outside. */
export function contentUrisOf(request: JsonObject): { readonly uris: readonly string[]; readonly manifest?: string } {
  const uris = new Set<string>();
  let manifest: string | undefined;
  const visit = (value: Json): void => {
    if (typeof value === 'string') {
      const uri = s3UriIn(value);
      if (uri !== undefined) uris.add(uri);
    } else if (Array.isArray(value)) value.forEach(visit);
    else if (isJsonObject(value)) {
      const kind = value['S3DataType'];
      if (kind === 'ManifestFile' || kind === 'AugmentedManifestFile')
        manifest = String(value['ManifestS3Uri'] ?? value['S3Uri']);
      Object.values(value).forEach(visit);
    }
  };
  for (const [name, value] of Object.entries(request)) if (!WRITTEN_ATTRIBUTES.has(name)) visit(value);
  return { uris: [...uris], ...(manifest !== undefined && { manifest }) };
}

/** The request as it counts in content mode; `digests` by URI, for all that `contentUrisOf` named. */
export function withContent(request: JsonObject, digests: ReadonlyMap<string, string>): JsonObject {
  const replace = (value: Json, isData: boolean): Json => {
    if (typeof value === 'string') {
      const uri = s3UriIn(value);
      const digest = uri === undefined ? undefined : digests.get(uri);
      if (digest === undefined) return value;
      return isData ? { content: digest } : { uri: value, content: digest };
    }
    if (Array.isArray(value)) return value.map((item) => replace(item, isData));
    if (!isJsonObject(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, replace(inner, isData)]));
  };
  return Object.fromEntries(
    Object.entries(request).map(([name, value]) => [
      name,
      WRITTEN_ATTRIBUTES.has(name) ? value : replace(value, DATA_ATTRIBUTES.has(name)),
    ]),
  );
}

/** Tag of a job in content mode: the SHA-256 of the step's key, by which `plan` recognises it. */
export const CACHE_KEY_TAG = 'slipway:cache-key';
/** Tag of a pipeline by which unchanged clients choose what its cache compares: `documented` or `content`. */
export const CACHE_MODE_TAG = 'slipway:cache';

/** What the digest of the objects below a URI is taken over: name below the prefix, ETag and size of each, in the order of listing. */
export const contentText = (prefix: string, objects: readonly { Key?: string; ETag?: string; Size?: number }[]): string =>
  canonicalText(objects.map(({ Key = '', ETag = '', Size = 0 }) => [Key.slice(prefix.length), ETag, Size]));

/** A text that is an S3 URI, also in the JSON quotes that the Python SDK puts around hyperparameters. */
function s3UriIn(text: string): string | undefined {
  const bare = text.startsWith('"') && text.endsWith('"') ? text.slice(1, -1) : text;
  return /^s3:\/\/[^/\s]+\/\S*$/.test(bare) ? bare : undefined;
}
