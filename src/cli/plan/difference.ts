import { canonicalText, isJsonObject, type Json, type JsonObject } from '@slipway/sdk/definition';

/** One place in which two requests differ; an absent side is absent there. */
export interface Difference {
  /** E.g. `HyperParameters.max_depth`. */
  readonly at: string;
  readonly before?: Json;
  readonly after?: Json;
}

/** Where two values differ, as deep as they have the same form. */
export function differencesOf(before: Json | undefined, after: Json | undefined, at = ''): Difference[] {
  if (before !== undefined && after !== undefined) {
    if (canonicalText(before) === canonicalText(after)) return [];
    if (isJsonObject(before) && isJsonObject(after)) return membersOf(before, after, at);
    if (Array.isArray(before) && Array.isArray(after) && before.length === after.length) {
      return before.flatMap((item, position) => differencesOf(item, after[position], `${at}[${position}]`));
    }
  }
  return [{ at, ...(before !== undefined && { before }), ...(after !== undefined && { after }) }];
}

function membersOf(before: JsonObject, after: JsonObject, at: string): Difference[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name) => {
    if (before[name] === undefined && after[name] === undefined) return [];
    return differencesOf(before[name], after[name], at === '' ? name : `${at}.${name}`);
  });
}

const LENGTH_MAX = 60;

/** `HyperParameters.max_depth: "3" -> "4"` */
export const describeDifference = ({ at, before, after }: Difference): string =>
  `${at}: ${shown(before, after)} -> ${shown(after, before)}`;

function shown(value: Json | undefined, other: Json | undefined): string {
  if (value === undefined) return '(absent)';
  const text = JSON.stringify(value);
  if (text.length <= LENGTH_MAX) return text;
  // long texts mostly differ at their end: show where
  const against = JSON.stringify(other ?? null);
  let same = 0;
  while (same < text.length && text[same] === against[same]) same++;
  const from = Math.max(0, Math.min(same - 10, text.length - LENGTH_MAX));
  const end = from + LENGTH_MAX;
  return `${from > 0 ? '...' : ''}${text.slice(from, end)}${end < text.length ? '...' : ''}`;
}
