import type { Tag } from '../../platform/resources/tags.ts';

/** New values replace those of the same key where they stand; new keys come last. */
export function mergedTags(before: readonly Tag[], added: readonly Tag[]): Tag[] {
  const values = new Map(before.map(({ Key, Value }) => [Key, Value]));
  for (const { Key, Value } of added) values.set(Key, Value);
  return [...values].map(([Key, Value]) => ({ Key, Value }));
}

/** Keys that are not there are no fault. */
export const withoutTags = (before: readonly Tag[], keys: readonly string[]): Tag[] =>
  before.filter(({ Key }) => !keys.includes(Key)).map(({ Key, Value }) => ({ Key, Value }));
