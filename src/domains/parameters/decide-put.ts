import { RE2JS } from 're2js';
import type { PutParameterRequest } from '../../contract/generated/ssm.ts';
import { invalid, type Rejection } from '../../platform/errors/rejection.ts';
import type { ParameterDocument, ParameterTier, ParameterType } from './resources.ts';

/** Whether and how a parameter is written; pure. Rules and texts are those of AWS's Parameter Store. */

const LEVELS_MAX = 15;
const STANDARD_CHARACTERS_MAX = 4096;
const ADVANCED_CHARACTERS_MAX = 8192;
const LABELS_MAX = 10;

export function rejectedName(name: string): Rejection | undefined {
  const reserved = /^\/?(aws|ssm)/i.exec(name)?.[1]?.toLowerCase();
  if (reserved !== undefined && !name.startsWith('/')) {
    return invalid('Parameter name: can\'t be prefixed with "aws" or "ssm" (case-insensitive).');
  }
  if (reserved === 'aws') return { code: 'AccessDeniedException', message: `No access to reserved parameter name: ${name}.` };
  if (reserved === 'ssm') {
    return invalid(
      'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_',
    );
  }
  if (!name.startsWith('/') && name.includes('/')) return invalid('Parameter name must be a fully qualified name.');
  if (!/^\/?[A-Za-z0-9_.-]+(?:\/[A-Za-z0-9_.-]+)*$/.test(name)) {
    return invalid(
      'Invalid parameter name. Please use correct syntax for referencing a version/label <name>:<version/label>: only a mix of letters, numbers and the following 4 symbols .-_/ is allowed.',
    );
  }
  if (name.split('/').length - (name.startsWith('/') ? 1 : 0) > LEVELS_MAX) {
    return {
      code: 'HierarchyLevelLimitExceededException',
      message: `A hierarchy can have a maximum of ${LEVELS_MAX} levels. ${name} has more.`,
    };
  }
  return undefined;
}

export interface PutPlan {
  readonly type: ParameterType;
  readonly tier: ParameterTier;
  readonly dataType: string;
  readonly description: string | undefined;
  readonly allowedPattern: string | undefined;
}

/** What is written over `before`, or why not. What an overwrite does not name stays as it is. */
export function planPut(input: PutParameterRequest, before: ParameterDocument | undefined): PutPlan | Rejection {
  const type = input.Type ?? before?.type;
  if (!before && type === undefined) return invalid('A parameter type is required when you create a parameter.');
  if (before && !input.Overwrite) {
    return {
      code: 'ParameterAlreadyExists',
      message: 'The parameter already exists. To overwrite this value, set the overwrite option in the request to true.',
    };
  }
  if (before && type !== before.type) {
    return {
      code: 'HierarchyTypeMismatchException',
      message: `Parameter Store does not support changing a parameter type: ${before.name} is a ${before.type}. Delete it first, or use another name.`,
    };
  }
  const tier = decideTier(input, before?.tier);
  if (typeof tier !== 'string') return tier;
  const dataType = input.DataType || before?.dataType || 'text';
  if (!['text', 'aws:ec2:image', 'aws:ssm:integration'].includes(dataType)) {
    return invalid(`The following data type is not supported: ${dataType} (Data type names are all lowercase.)`);
  }
  const allowedPattern = input.AllowedPattern === undefined ? before?.allowedPattern : input.AllowedPattern || undefined;
  const rejection = allowedPattern === undefined ? undefined : rejectedByPattern(allowedPattern, input.Value);
  return (
    rejection ?? {
      type: type as ParameterType,
      tier,
      dataType,
      description: input.Description ?? before?.description,
      allowedPattern,
    }
  );
}

export function rejectedRequest(input: PutParameterRequest): Rejection | undefined {
  if (input.Value === '') {
    return invalid(
      "1 validation error detected: Value '' at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1.",
    );
  }
  if (input.Overwrite && input.Tags && input.Tags.length > 0) {
    return invalid(
      "Invalid request: tags and overwrite can't be used together. To create a parameter with tags, please remove overwrite flag. To update tags for an existing parameter, please use AddTagsToResource or RemoveTagsFromResource.",
    );
  }
  if (input.Policies !== undefined) {
    return { code: 'NotImplementedException', message: 'Parameter policies (expiration, notification) are not implemented.' };
  }
  return undefined;
}

function decideTier({ Tier, Value }: PutParameterRequest, before: ParameterTier | undefined): ParameterTier | Rejection {
  const length = Value.length;
  if (length > ADVANCED_CHARACTERS_MAX) {
    return invalid(
      `Advanced tier parameters support a maximum parameter value of ${ADVANCED_CHARACTERS_MAX} characters; this one has ${length}.`,
    );
  }
  const wanted = Tier === 'Intelligent-Tiering' ? (length > STANDARD_CHARACTERS_MAX ? 'Advanced' : (before ?? 'Standard')) : Tier;
  const tier = (wanted ?? before ?? 'Standard') as ParameterTier;
  if (tier === 'Standard' && before === 'Advanced') {
    return invalid(
      "This parameter uses the advanced-parameter tier. You can't downgrade a parameter from the advanced-parameter tier to the standard-parameter tier. If necessary, you can delete the advanced parameter and recreate it as a standard parameter.",
    );
  }
  if (tier === 'Standard' && length > STANDARD_CHARACTERS_MAX) {
    return invalid(
      `Standard tier parameters support a maximum parameter value of ${STANDARD_CHARACTERS_MAX} characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier.`,
    );
  }
  return tier;
}

/** Patterns of users run in linear time. */
function rejectedByPattern(pattern: string, value: string): Rejection | undefined {
  let matches: boolean;
  try {
    matches = RE2JS.matches(pattern, value);
  } catch {
    return {
      code: 'InvalidAllowedPatternException',
      message: `The request does not meet the regular expression requirement: ${pattern}`,
    };
  }
  if (matches) return undefined;
  return {
    code: 'ParameterPatternMismatchException',
    message: `Parameter value, cannot be validated against allowedPattern: ${pattern}`,
  };
}

/** AWS: letters, digits, `.-_`; neither a digit nor aws or ssm in front. */
export const isLabel = (label: string): boolean => /^(?!aws|ssm)[A-Za-z._-][A-Za-z0-9._-]{0,99}$/i.test(label);

/** Labels move from the version that has them; a version has ten at most. */
export function planLabels(
  labels: { readonly [label: string]: number },
  version: number,
  added: readonly string[],
): { readonly labels: { [label: string]: number }; readonly rejection?: Rejection } {
  const after = { ...labels, ...Object.fromEntries(added.map((label) => [label, version])) };
  if (Object.values(after).filter((of) => of === version).length <= LABELS_MAX) return { labels: after };
  const message = 'A parameter version can have maximum 10 labels. Move one or more labels to another version and try again.';
  return { labels, rejection: { code: 'ParameterVersionLabelLimitExceeded', message } };
}
