import type { PutEventsRequestEntry, PutEventsResultEntry } from '../../contract/generated/events.ts';
import type { JsonObject } from '../../platform/json.ts';

/** An entry of PutEvents that can be an event. */
export interface ParsedEntry {
  readonly source: string;
  readonly detailType: string;
  readonly detail: JsonObject;
  readonly resources: readonly string[];
  readonly timeMs: number | undefined;
}

export const ENTRIES_BYTES_MAX = 262_144;

/** What an entry counts of the bytes of a request, as AWS's guide counts them. */
export function entryBytes({ Time, Source = '', DetailType = '', Detail = '', Resources = [] }: PutEventsRequestEntry): number {
  return (
    (Time === undefined ? 0 : 14) + [Source, DetailType, Detail, ...Resources].reduce((sum, text) => sum + utf8Bytes(text), 0)
  );
}

function utf8Bytes(text: string): number {
  let bytes = 0;
  for (const char of text) {
    const point = char.codePointAt(0) ?? 0;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x1_0000 ? 3 : 4;
  }
  return bytes;
}

/** `trusted`: events that buses pass on to each other may be those of services. */
export function parseEntry(entry: PutEventsRequestEntry, trusted: boolean): ParsedEntry | PutEventsResultEntry {
  const { Source, DetailType, Detail, Resources = [], Time } = entry;
  const absent = Object.entries({ Source, DetailType, Detail }).find(([, value]) => value === undefined || value === '')?.[0];
  if (absent !== undefined) {
    return failed('InvalidArgument', `Parameter ${absent} is not valid. Reason: ${absent} is a required argument.`);
  }
  if (!trusted && /^aws\./i.test(Source ?? '')) {
    return failed('NotAuthorizedForSourceException', 'Not authorized for the source.');
  }
  const detail = parseDetail(Detail ?? '');
  if (!detail) return failed('MalformedDetail', 'Detail is malformed.');
  return { source: Source ?? '', detailType: DetailType ?? '', detail, resources: Resources, timeMs: Time };
}

const failed = (ErrorCode: string, ErrorMessage: string): PutEventsResultEntry => ({ ErrorCode, ErrorMessage });

export const isFailed = (entry: ParsedEntry | PutEventsResultEntry): entry is PutEventsResultEntry => 'ErrorCode' in entry;

function parseDetail(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
  } catch {
    return undefined; // said in the result of its entry
  }
}
