import type { Rejection } from '../../platform/errors/rejection.ts';
import type { TagSet } from './resources.ts';

const OBJECT_TAGS_MAX = 10;
const BUCKET_TAGS_MAX = 50;
/** Code points. */
const KEY_MAX = 128;
const VALUE_MAX = 256;
/** What S3 takes in keys and values. */
const ALLOWED = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

/** The header `x-amz-tagging`: a query string. */
export function parseTagging(text: string): { tags: TagSet } | Rejection {
  const pairs = text === '' ? [] : text.split('&').map((pair) => pair.split('='));
  if (pairs.some((pair) => pair.length > 2 || pair[0] === '')) return malformed;
  const tags: TagSet = [];
  for (const [name = '', value = ''] of pairs) {
    const Key = decoded(name);
    const Value = decoded(value);
    if (Key === undefined || Value === undefined) return malformed;
    // of a header S3 says it in other words than of a document
    if (Key.toLowerCase().startsWith('aws:')) return invalid('Your TagKey cannot be prefixed with aws:', Key);
    tags.push({ Key, Value });
  }
  return checkTags(tags, 'object') ?? { tags };
}

function decoded(text: string): string | undefined {
  const plain = text.replaceAll('+', ' ');
  if (/%(?![0-9a-fA-F]{2})/.test(plain)) return undefined;
  const bytes = new TextEncoder().encode(plain);
  const out: number[] = [];
  for (let at = 0; at < bytes.length; at += 1) {
    if (bytes[at] !== 0x25) out.push(bytes[at] ?? 0);
    else {
      out.push(Number.parseInt(String.fromCharCode(bytes[at + 1] ?? 0, bytes[at + 2] ?? 0), 16));
      at += 2;
    }
  }
  return new TextDecoder().decode(Uint8Array.from(out));
}

/** The rules of S3's user guide for tags of objects and of buckets. */
export function checkTags(tags: TagSet, of: 'object' | 'bucket'): Rejection | undefined {
  const most = of === 'object' ? OBJECT_TAGS_MAX : BUCKET_TAGS_MAX;
  if (tags.length > most) {
    return { code: 'BadRequest', message: `${of === 'object' ? 'Object' : 'Bucket'} tags cannot be greater than ${most}` };
  }
  for (const { Key, Value } of tags) {
    if (Key === '' || [...Key].length > KEY_MAX || !ALLOWED.test(Key))
      return invalid('The TagKey you have provided is invalid', Key);
    if ([...Value].length > VALUE_MAX || !ALLOWED.test(Value)) return invalid('The TagValue you have provided is invalid', Key);
    if (Key.toLowerCase().startsWith('aws:')) return invalid('System tags cannot be added/updated by requester', Key);
  }
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length) {
    return invalid('Cannot provide multiple Tags with the same key', tags[0]?.Key ?? '');
  }
  return undefined;
}

const invalid = (message: string, key: string): Rejection => ({ code: 'InvalidTag', message, members: { TagKey: key } });

const malformed: Rejection = {
  code: 'InvalidArgument',
  message:
    "The header 'x-amz-tagging' shall be encoded as UTF-8 then URLEncoded URL query parameters without tag name duplicates.",
  members: { ArgumentName: 'x-amz-tagging' },
};
