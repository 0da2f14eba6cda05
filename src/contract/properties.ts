import type { ServiceModel, Shape } from './model.ts';
import { shapeOf } from './services.ts';

/** One step of a property path: `.Member`, `[0]`, or `['key']`. */
export type PathPart = { member: string } | { index: number } | { key: string };

/** What a property path leads to, or where and why it stops. */
export type PropertyLookup =
  | {
      outcome: 'found';
      /** The shape's name and the shape; scalars can be used as values, lists and structures only as a whole. */
      name: string;
      shape: Shape;
    }
  | {
      outcome: 'wrong';
      /** What was reached before the step that is wrong; empty at the start. */
      reached: string;
      /** The step that is wrong, as written. */
      part: string;
      reason: string;
      /** Names that would have been right at this place; empty where none would. */
      possible: string[];
    };

/** Reads `ModelArtifacts.S3ModelArtifacts`, `Outputs['train'].S3Output.S3Uri`, `a[0].b`; `undefined` when it is none. */
export function parsePropertyPath(text: string): PathPart[] | undefined {
  const parts: PathPart[] = [];
  const step = /(?:^|(?<!^)\.)([A-Za-z_][\w-]*)|\[(\d{1,9})\]|\[(?:'([^']*)'|"([^"]*)")\]/y;
  while (step.lastIndex < text.length) {
    const [, name, index, single, double] = step.exec(text) ?? [];
    const key = single ?? double;
    if (name !== undefined) parts.push({ member: name });
    else if (index !== undefined) parts.push({ index: Number(index) });
    else if (key !== undefined) parts.push({ key });
    else return undefined;
  }
  return parts.length === 0 ? undefined : parts;
}

export function printPathPart(part: PathPart): string {
  if ('member' in part) return `.${part.member}`;
  return 'index' in part ? `[${part.index}]` : `['${part.key}']`;
}

/**
 * Lists that pipelines index by name, not position: `Outputs['train']` is the element whose member of this name is `train`.
 * The Python SDK writes such paths for outputs and inputs of processing jobs; the others follow by analogy.
 */
const keyMembers = ['OutputName', 'InputName', 'ChannelName', 'MetricName', 'VariantName', 'Key'];

/** The member by whose value elements of a list are looked up in `list['value']`; `undefined` if they have no name. */
export function findKeyMember(model: ServiceModel, list: Shape): string | undefined {
  const element = list.member && shapeOf(model, list.member);
  return keyMembers.find((name) => element?.members?.[name] !== undefined);
}

/** The answer whose members are the properties of a step of each type: that of the Describe call for what the step made. */
export const describedShapes: Readonly<Record<string, string>> = {
  Processing: 'DescribeProcessingJobResponse',
  Training: 'DescribeTrainingJobResponse',
  Tuning: 'DescribeHyperParameterTuningJobResponse',
  Transform: 'DescribeTransformJobResponse',
  Model: 'DescribeModelOutput',
  RegisterModel: 'DescribeModelPackageOutput',
  AutoML: 'DescribeAutoMLJobResponse',
  EndpointConfig: 'DescribeEndpointConfigOutput',
  Endpoint: 'DescribeEndpointOutput',
};

/** Follows a property path from a shape, normally an operation's output such as `DescribeTrainingJobResponse`. */
export function findProperty(model: ServiceModel, shapeName: string, path: string | readonly PathPart[]): PropertyLookup {
  const parts = typeof path === 'string' ? parsePropertyPath(path) : path;
  if (parts === undefined) {
    const reason = "is not a property path: write names with dots, [0] for positions and ['name'] for names";
    return { outcome: 'wrong', reached: '', part: String(path), reason, possible: [] };
  }
  let name = shapeName;
  let reached = '';
  for (const part of parts) {
    const next = followPart(model, shapeOf(model, name), part);
    if ('reason' in next) {
      return {
        outcome: 'wrong',
        reached: reached.replace(/^\./, ''),
        part: printPathPart(part).replace(/^\./, ''),
        ...next,
      };
    }
    name = next.name;
    reached += printPathPart(part);
  }
  return { outcome: 'found', name, shape: shapeOf(model, name) };
}

function followPart(
  model: ServiceModel,
  shape: Shape,
  part: PathPart,
): { name: string } | { reason: string; possible: string[] } {
  const members = Object.keys(shape.members ?? {});
  if ('member' in part) {
    if (shape.type !== 'structure') return { reason: `is asked of a ${shape.type}, which has no members`, possible: [] };
    const ref = shape.members?.[part.member];
    return ref ? { name: ref.shape } : { reason: 'is no member here', possible: members };
  }
  if ('key' in part && shape.type === 'map' && shape.value) return { name: shape.value.shape };
  if (shape.type === 'list' && shape.member) {
    if ('index' in part || findKeyMember(model, shape) !== undefined) return { name: shape.member.shape };
    return {
      reason: 'looks for an element by name, but the elements of this list have none: use a position',
      possible: [],
    };
  }
  if ('key' in part && shape.type === 'structure') {
    return { reason: `looks for an entry by name in a structure: write .${part.key}`, possible: members };
  }
  return { reason: `is asked of a ${shape.type}, which has no elements`, possible: members };
}
