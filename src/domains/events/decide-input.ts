import type { InputTransformer, Target } from '../../contract/generated/events.ts';
import type { Rejection } from '../../platform/errors/rejection.ts';
import type { Json, JsonObject } from '../../platform/json.ts';
import { parseJsonPath, valueAt } from '../../platform/patterns/decide-json-path.ts';

/** What an event is told with besides itself. */
interface Occasion {
  readonly ruleArn: string;
  readonly ruleName: string;
  readonly ingestedAtMs: number;
}

const PATHS_MAX = 100;
const RESERVED_PREFIX = 'aws.';
const PLACEHOLDER = /<([A-Za-z0-9_.-]+)>/g;

/** What a target gets of an event: constant, part, template, or all of it. */
export function inputOf(
  { Input, InputPath, InputTransformer }: Pick<Target, 'Input' | 'InputPath' | 'InputTransformer'>,
  event: JsonObject,
  occasion: Occasion,
): string {
  if (Input !== undefined) return Input;
  if (InputTransformer) return transformed(InputTransformer, event, occasion);
  if (InputPath === undefined) return JSON.stringify(event);
  const path = parseJsonPath(InputPath);
  return JSON.stringify((path && valueAt(event, path)) ?? {});
}

/** Why a target's input cannot be, before any event is seen. */
export function rejectedInput({ Id, Input, InputPath, InputTransformer }: Target): Rejection | undefined {
  const given = [Input, InputPath, InputTransformer].filter((one) => one !== undefined);
  if (given.length > 1) {
    return invalid(`Only one of Input, InputPath, or InputTransformer must be provided for target ${Id}.`);
  }
  if (Input !== undefined && !isJson(Input)) return invalid(`JSON syntax error in input for target ${Id}.`);
  if (InputPath !== undefined && !parseJsonPath(InputPath)) return invalid(`Invalid InputPath for target ${Id}.`);
  if (!InputTransformer) return undefined;
  const { InputPathsMap = {}, InputTemplate } = InputTransformer;
  const names = Object.entries(InputPathsMap);
  if (names.length > PATHS_MAX) return invalid(`InputPathsMap of target ${Id} has more than ${PATHS_MAX} paths.`);
  const reserved = names.find(([name]) => name.toLowerCase().startsWith(RESERVED_PREFIX));
  if (reserved) return invalid(`InputPathsMap of target ${Id}: ${reserved[0]} is reserved for EventBridge.`);
  const wrong = names.find(([, path]) => !parseJsonPath(path));
  if (wrong) return invalid(`Invalid InputPath for target ${Id}: ${wrong[0]} is no JSON path.`);
  if (isTemplate(InputTemplate)) return undefined;
  return invalid(
    `Invalid InputTemplate for target ${Id} : it must be JSON, or texts in quotes, when its variables are filled in.`,
  );
}

const invalid = (message: string): Rejection => ({ code: 'ValidationException', message });

/** JSON, or one or more lines each of which is a text in quotes. */
function isTemplate(template: string): boolean {
  const filled = fill(template, () => ({ within: 'x', alone: '0' }));
  return (
    isJson(filled) || filled.split('\n').every((line) => line.trim() === '' || (line.trim().startsWith('"') && isJson(line)))
  );
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false; // the question was whether it is
  }
}

function transformed({ InputPathsMap = {}, InputTemplate }: InputTransformer, event: JsonObject, occasion: Occasion): string {
  return fill(InputTemplate, (name) => {
    const own = reservedValue(name, event, occasion);
    const path = own === undefined ? parseJsonPath(InputPathsMap[name] ?? '') : undefined;
    if (own === undefined && !path) return undefined;
    const value = own ?? (path && valueAt(event, path));
    return { within: textWithin(value), alone: value === undefined ? '""' : JSON.stringify(value) };
  });
}

function reservedValue(name: string, event: JsonObject, occasion: Occasion): Json | undefined {
  switch (name) {
    case 'aws.events.rule-arn':
      return occasion.ruleArn;
    case 'aws.events.rule-name':
      return occasion.ruleName;
    case 'aws.events.event.ingestion-time':
      return new Date(occasion.ingestedAtMs).toISOString();
    case 'aws.events.event': {
      const { detail: _detail, ...rest } = event;
      return rest;
    }
    case 'aws.events.event.json':
      return event;
    default:
      return undefined;
  }
}

/**
 * A value within a text: documents lose their quotes, as at AWS. What would end the text is escaped, which AWS does not do: whoever sends
 * an event must not write members into what a target reads.
 */
function textWithin(value: Json | undefined): string {
  if (value === undefined) return '';
  const text = typeof value === 'object' && value !== null ? JSON.stringify(value).replaceAll('"', '') : String(value);
  return JSON.stringify(text).slice(1, -1);
}

/** Fills in what `fillingOf` knows; `within` stands inside of quotes, `alone` outside. Unknown names stay as they are. */
function fill(template: string, fillingOf: (name: string) => { within: string; alone: string } | undefined): string {
  let filled = '';
  let quoted = false;
  let from = 0;
  for (const match of template.matchAll(PLACEHOLDER)) {
    const before = template.slice(from, match.index);
    quoted = quotedAfter(before, quoted);
    const value = fillingOf(match[1] ?? '');
    filled += `${before}${value ? (quoted ? value.within : value.alone) : match[0]}`;
    from = match.index + match[0].length;
  }
  return filled + template.slice(from);
}

/** Whether one is within a text after `part`. */
function quotedAfter(part: string, quoted: boolean): boolean {
  let inside = quoted;
  for (let at = 0; at < part.length; at += 1) {
    if (part[at] === '\\') at += 1;
    else if (part[at] === '"') inside = !inside;
  }
  return inside;
}
