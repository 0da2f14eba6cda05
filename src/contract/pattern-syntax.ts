/**
 * A reader for the regular expressions found in the models, just deep enough to make strings that match them, or that
 * nearly do. Assertions are read as empty: whoever makes a string tries it against the real pattern.
 */

/** Code points from the first to the second, both included. */
export type CharRange = readonly [number, number];

export type PatternNode =
  | { kind: 'class'; ranges: CharRange[] }
  | { kind: 'sequence'; parts: PatternNode[] }
  | { kind: 'choice'; options: PatternNode[] }
  | { kind: 'repeat'; body: PatternNode; min: number; max: number };

const lastCodePoint = 0x10ffff;
const empty: PatternNode = { kind: 'sequence', parts: [] };

/** Escapes that stand for sets; Unicode properties by a few members, enough for samples. */
const namedSets: Record<string, string> = {
  d: '09',
  w: 'azAZ09__',
  s: '  \t\t\n\n\r\r',
  'p{L}': 'azAZéé',
  'p{M}': '\u0300\u0301',
  'p{N}': '09',
  'p{Z}': '  ',
  'p{S}': '$$++<>^^~~',
  'p{P}': '!!##%/:;?@[]__',
  'p{ASCII}': '\u0000\u007f',
  'p{Alnum}': 'azAZ09',
  'p{Print}': ' ~',
};

const controls: Record<string, string> = { t: '\t', n: '\n', r: '\r', f: '\f', v: '\v', 0: '\0' };

interface Cursor {
  readonly text: string[];
  at: number;
}

export function parsePattern(pattern: string): PatternNode {
  return parseChoice({ text: [...pattern], at: 0 });
}

function parseChoice(cursor: Cursor): PatternNode {
  const options = [parseSequence(cursor)];
  while (cursor.text[cursor.at] === '|') {
    cursor.at += 1;
    options.push(parseSequence(cursor));
  }
  return options.length === 1 && options[0] ? options[0] : { kind: 'choice', options };
}

function parseSequence(cursor: Cursor): PatternNode {
  const parts: PatternNode[] = [];
  while (cursor.at < cursor.text.length && cursor.text[cursor.at] !== '|' && cursor.text[cursor.at] !== ')') {
    parts.push(parseQuantified(cursor));
  }
  return { kind: 'sequence', parts };
}

function parseQuantified(cursor: Cursor): PatternNode {
  const body = parseAtom(cursor);
  const bounds = /^(?:([*+?])|\{(\d+)(,?)(\d*)\})/.exec(cursor.text.slice(cursor.at, cursor.at + 16).join(''));
  if (!bounds) return body;
  cursor.at += bounds[0].length;
  if (cursor.text[cursor.at] === '?') cursor.at += 1;
  if (bounds[1]) return { kind: 'repeat', body, min: bounds[1] === '+' ? 1 : 0, max: bounds[1] === '?' ? 1 : Infinity };
  const min = Number(bounds[2]);
  return { kind: 'repeat', body, min, max: bounds[3] === '' ? min : bounds[4] === '' ? Infinity : Number(bounds[4]) };
}

function parseAtom(cursor: Cursor): PatternNode {
  const char = cursor.text[cursor.at] ?? '';
  cursor.at += 1;
  if (char === '(') return parseGroup(cursor);
  if (char === '[') return parseClass(cursor);
  if (char === '^' || char === '$') return empty;
  if (char === '.')
    return {
      kind: 'class',
      ranges: complement([
        [10, 10],
        [13, 13],
        [0x2028, 0x2029],
      ]),
    };
  if (char !== '\\') return { kind: 'class', ranges: [rangeOf(char, char)] };
  const ranges = parseEscape(cursor);
  return ranges.length === 0 ? empty : { kind: 'class', ranges };
}

function parseGroup(cursor: Cursor): PatternNode {
  const opening = /^\?(?:[:=!]|<[=!]|<\w+>)/.exec(cursor.text.slice(cursor.at, cursor.at + 32).join(''))?.[0] ?? '';
  cursor.at += opening.length;
  const body = parseChoice(cursor);
  cursor.at += 1;
  return /[=!]$/.test(opening) ? empty : body;
}

function parseClass(cursor: Cursor): PatternNode {
  const negated = cursor.text[cursor.at] === '^';
  if (negated) cursor.at += 1;
  const ranges: CharRange[] = [];
  while (cursor.at < cursor.text.length && cursor.text[cursor.at] !== ']') {
    const first = parseClassItem(cursor);
    const single = first.length === 1 && first[0]?.[0] === first[0]?.[1] ? first[0] : undefined;
    if (single && cursor.text[cursor.at] === '-' && cursor.text[cursor.at + 1] !== ']') {
      cursor.at += 1;
      const last = parseClassItem(cursor)[0];
      ranges.push([single[0], last ? last[1] : single[0]]);
    } else ranges.push(...first);
  }
  cursor.at += 1;
  return { kind: 'class', ranges: negated ? complement(ranges) : ranges };
}

function parseClassItem(cursor: Cursor): CharRange[] {
  const char = cursor.text[cursor.at] ?? '';
  cursor.at += 1;
  return char === '\\' ? parseEscape(cursor) : [rangeOf(char, char)];
}

/** What follows a backslash; empty for anchors. */
function parseEscape(cursor: Cursor): CharRange[] {
  const rest = cursor.text.slice(cursor.at, cursor.at + 12).join('');
  const token = /^(?:[pP]\{\w+\}|u[\dA-Fa-f]{4}(?:\\u[\dA-Fa-f]{4})?|x[\dA-Fa-f]{2}|.)/su.exec(rest)?.[0] ?? '';
  const escaped = unicodeEscape(token);
  cursor.at += escaped?.length ?? [...token].length;
  if (escaped) return [[escaped.code, escaped.code]];
  if (/^[AzZbB]$/.test(token)) return [];
  const control = controls[token];
  if (control !== undefined) return [rangeOf(control, control)];
  const set = namedSets[token];
  if (set !== undefined) return pairs(set);
  const negatedSet = namedSets[token.charAt(0).toLowerCase() + token.slice(1)];
  return negatedSet !== undefined && /^[DWSP]/.test(token) ? complement(pairs(negatedSet)) : [rangeOf(token, token)];
}

/** `uXXXX`, or a surrogate pair of two such escapes; the length counts the characters read after the first backslash. */
function unicodeEscape(token: string): { code: number; length: number } | undefined {
  const digits = /^[ux]([\dA-Fa-f]+)(?:\\u([\dA-Fa-f]{4}))?$/.exec(token);
  if (!digits) return undefined;
  const high = Number.parseInt(digits[1] ?? '', 16);
  const low = digits[2] === undefined ? 0 : Number.parseInt(digits[2], 16);
  const isPair = high >= 0xd800 && high < 0xdc00 && low >= 0xdc00;
  if (isPair) return { code: 0x10000 + (high - 0xd800) * 0x400 + (low - 0xdc00), length: token.length };
  return { code: high, length: 1 + (digits[1]?.length ?? 0) };
}

function pairs(set: string): CharRange[] {
  const points = [...set];
  return points.flatMap((point, i) => (i % 2 === 0 ? [rangeOf(point, points[i + 1] ?? point)] : []));
}

function rangeOf(first: string, last: string): CharRange {
  return [first.codePointAt(0) ?? 0, last.codePointAt(0) ?? 0];
}

function complement(ranges: CharRange[]): CharRange[] {
  const result: CharRange[] = [];
  let next = 0;
  for (const [first, last] of [...ranges].sort((a, b) => a[0] - b[0])) {
    if (first > next) result.push([next, first - 1]);
    next = Math.max(next, last + 1);
  }
  if (next <= lastCodePoint) result.push([next, lastCodePoint]);
  return result;
}
