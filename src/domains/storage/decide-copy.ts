import type { Rejection } from '../../platform/errors/rejection.ts';
import { checkVersionId } from './decide-names.ts';

export interface CopySource {
  readonly bucket: string;
  readonly key: string;
  readonly versionId?: string;
}

/** `x-amz-copy-source`: `[/]bucket/key[?versionId=…]`, percent-encoded once. */
export function parseCopySource(text: string): CopySource | Rejection {
  const query = /\?versionId=([^?&]*)$/.exec(text);
  const wrongVersion = checkVersionId(query?.[1]);
  if (wrongVersion) return wrongVersion;
  const decoded = decodePercent(query ? text.slice(0, query.index) : text);
  const path = decoded?.replace(/^\//, '') ?? '';
  const slash = path.indexOf('/');
  if (slash <= 0 || slash === path.length - 1) {
    return {
      code: 'InvalidArgument',
      message: 'Invalid copy source object key',
      members: { ArgumentName: 'x-amz-copy-source', ArgumentValue: text },
    };
  }
  return { bucket: path.slice(0, slash), key: path.slice(slash + 1), ...(query?.[1] && { versionId: query[1] }) };
}

function decodePercent(text: string): string | undefined {
  if (/%(?![0-9a-fA-F]{2})/.test(text)) return undefined;
  const bytes = [...new TextEncoder().encode(text)];
  const decoded: number[] = [];
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    if (byte !== 0x25) {
      decoded.push(byte);
      continue;
    }
    decoded.push(Number.parseInt(String.fromCharCode(bytes[at + 1] ?? 0, bytes[at + 2] ?? 0), 16));
    at += 2;
  }
  const result = new TextDecoder().decode(Uint8Array.from(decoded));
  return result.includes('\u{FFFD}') && !text.includes('\u{FFFD}') && !/%EF%BF%BD/i.test(text) ? undefined : result;
}

export const selfCopyRefusal: Rejection = {
  code: 'InvalidRequest',
  message:
    "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, " +
    'storage class, website redirect location or encryption attributes.',
};
