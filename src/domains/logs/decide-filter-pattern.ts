import { parseDelimitedPattern } from './decide-delimited-pattern.ts';
import { compileRegex, type Matches, type ParsedPattern, parseJsonPattern } from './decide-json-pattern.ts';

/** Filter patterns of CloudWatch Logs; pure. */
export function parseFilterPattern(pattern: string | undefined): ParsedPattern {
  const text = (pattern ?? '').trim();
  if (text === '') return { matches: () => true };
  if (text.startsWith('{')) return parseJsonPattern(text);
  if (text.startsWith('[')) return parseDelimitedPattern(text);
  return parseTerms(text);
}

interface Term {
  readonly kind: 'required' | 'optional' | 'excluded';
  readonly found: Matches;
}

/**
 * Words, `"phrases"` and `%expressions%`: all must occur; of those behind `?` one, where there are no others; none of those behind
 * `-`. A word with other characters than letters, digits and `_` has to be in quotes.
 */
function parseTerms(text: string): ParsedPattern {
  const terms: Term[] = [];
  const token = /\s*(?<sign>[?-]?)(?:"(?<quoted>(?:[^"\\]|\\.)*)"|%(?<regex>[^%]+)%|(?<word>[^\s"]+))/y;
  for (let at = 0; at < text.length; at = token.lastIndex) {
    token.lastIndex = at;
    const groups = token.exec(text)?.groups;
    if (!groups) return { problem: 'Invalid filter pattern: a quotation mark has no counterpart.' };
    const term = parseTerm(groups);
    if ('problem' in term) return term;
    terms.push(term);
    // white space at the end is no term
    if (text.slice(token.lastIndex).trim() === '') break;
  }
  const of = (kind: Term['kind']) => terms.filter((term) => term.kind === kind);
  const [required, optional, excluded] = [of('required'), of('optional'), of('excluded')];
  return {
    matches: (message) => {
      if (excluded.some(({ found }) => found(message))) return false;
      if (required.length > 0) return required.every(({ found }) => found(message));
      return optional.length === 0 || optional.some(({ found }) => found(message));
    },
  };
}

function parseTerm({ sign, quoted, regex, word }: Record<string, string | undefined>): Term | { readonly problem: string } {
  const kind = sign === '?' ? 'optional' : sign === '-' ? 'excluded' : 'required';
  if (regex !== undefined) {
    const compiled = compileRegex(regex);
    return compiled
      ? { kind, found: (message) => compiled.matcher(message).find() }
      : { problem: `Invalid regular expression: %${regex}%` };
  }
  if (word !== undefined && !/^[\p{L}\p{N}_]+$/u.test(word))
    return { problem: `Invalid character(s) in term '${word.slice(0, 100)}'` };
  const wanted = word ?? (quoted ?? '').replaceAll(/\\(.)/g, '$1');
  return { kind, found: (message) => message.includes(wanted) };
}
