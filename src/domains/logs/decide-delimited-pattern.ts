import { type ParsedPattern, parseConditions, type Test } from './decide-json-pattern.ts';

/**
 * `[ip, user, status = 4*, ..., size > 1000]`: conditions on the fields of messages that are separated by spaces; pure. What stands in
 * square brackets or quotation marks is one field, `...` is any number of fields.
 */
export function parseDelimitedPattern(text: string): ParsedPattern {
  const inner = /^\[([\s\S]*)\]$/.exec(text)?.[1];
  if (inner === undefined) return { problem: 'Invalid filter pattern: the closing bracket is missing.' };
  const before: Test[] = [];
  const after: Test[] = [];
  let open = false;
  for (const part of splitParts(inner)) {
    if (part === '...') {
      if (open) return { problem: 'Invalid filter pattern: ... can stand in one place only.' };
      open = true;
      continue;
    }
    const field = parseField(part);
    if (field.problem !== undefined) return field;
    (open ? after : before).push(field.test);
  }
  return {
    matches: (message) => {
      const fields = fieldsOf(message);
      const fixed = before.length + after.length;
      if (open ? fields.length < fixed : fields.length !== fixed) return false;
      const last = fields.slice(fields.length - after.length);
      return before.every((test, at) => test(fields[at])) && after.every((test, at) => test(last[at]));
    },
  };
}

/** At commas, but not in those of quoted texts and expressions. */
const splitParts = (inner: string): string[] =>
  [...inner.matchAll(/((?:"(?:[^"\\]|\\.)*"|%[^%]*%|[^,"%])*)(?:,|$)/g)]
    .map(([, part = '']) => part.trim())
    .filter((part, at, parts) => part !== '' || at < parts.length - 1);

const NAME = /^[A-Za-z_]\w*/;

/** A name alone stands for any field; with a condition the field has to fit. */
function parseField(part: string): ReturnType<typeof parseConditions> {
  if (/^[A-Za-z_]\w*$/.test(part)) return { test: () => true };
  return parseConditions(part, NAME, () => (field) => [field]);
}

const BRACKETED = /\[([^\]]*)\]|"([^"]*)"|(\S+)/g;
const UNBRACKETED = /"([^"]*)"|(\S+)/g;

function fieldsOf(message: string): (string | number)[] {
  const fields: (string | number)[] = [];
  // behind the last closing bracket none is looked for: every opening one would be looked for to the message's end
  const lastBracket = message.lastIndexOf(']');
  for (let at = 0; ; ) {
    const pattern = at <= lastBracket ? BRACKETED : UNBRACKETED;
    pattern.lastIndex = at;
    const found = pattern.exec(message);
    if (!found) return fields;
    at = pattern.lastIndex;
    const field = found.slice(1).find((text) => text !== undefined) ?? '';
    fields.push(/^[+-]?\d{1,15}(?:\.\d+)?$/.test(field) ? Number(field) : field);
  }
}
