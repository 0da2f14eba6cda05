import { ServiceError } from '../errors/families.ts';
import { parseArn } from './arn.ts';
import { GLOBAL, type ResourceKey } from '../resource-key.ts';
import type { Write } from '../store/port.ts';

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

/** AWS: at most 50 tags on a resource. */
export const TAGS_MAX = 50;

/** Tags live in a row of their own beside the resource, keyed by its ARN, written and removed in the resource's commits. */
export function tagsKey(resourceArn: string): ResourceKey {
  const arn = parseArn(resourceArn);
  return { account: arn?.account ?? '', region: arn?.region || GLOBAL, kind: 'Tags', name: resourceArn };
}

/** The write that puts `tags` on a resource just being created; undefined when there are none. */
export function tagsWrite(resourceArn: string, tags: readonly Tag[] | undefined, nowMs: number): Write | undefined {
  if (!tags || tags.length === 0) return undefined;
  const document = { tags: checkedTags(tags).map(({ Key, Value }) => ({ Key, Value })) };
  return { key: tagsKey(resourceArn), document, index: { createdAtMs: nowMs, modifiedAtMs: nowMs } };
}

/** AWS's tag rules: keys unique, no `aws:` prefix, at most 50. */
export function checkedTags(tags: readonly Tag[]): readonly Tag[] {
  if (tags.length > TAGS_MAX) {
    throw new ServiceError('ValidationException', `A resource can have at most ${TAGS_MAX} tags; ${tags.length} were given.`);
  }
  const seen = new Set<string>();
  for (const { Key } of tags) {
    if (seen.has(Key)) throw new ServiceError('ValidationException', `Duplicate tag key found: ${Key}. Tag keys must be unique.`);
    if (/^aws:/i.test(Key)) {
      throw new ServiceError('ValidationException', `Tag key "${Key}" starts with "aws:", which is reserved for AWS.`);
    }
    seen.add(Key);
  }
  return tags;
}
