import type { PatternNode } from './pattern-syntax.ts';

/** Numbers in [0, 1); the caller seeds it, so that a failing run can be repeated. */
export type Random = () => number;

/** A small, well-mixed generator (Weyl sequence and a 32-bit finaliser): the same seed gives the same inputs everywhere. */
export function seededRandom(seed: number): Random {
  let counter = seed >>> 0;
  return () => {
    counter = (counter + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(counter ^ (counter >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

export function pickFrom<T>(values: readonly T[], random: Random): T | undefined {
  return values[Math.floor(random() * values.length)];
}

/** A string of the pattern's language, assertions aside; `extra` is how many turns a loop takes beyond its least, at most. */
export function sampleText(node: PatternNode, random: Random, extra: number): string {
  switch (node.kind) {
    case 'class':
      return sampleChar(node.ranges, random);
    case 'sequence':
      return node.parts.map((part) => sampleText(part, random, extra)).join('');
    case 'choice': {
      const option = pickFrom(node.options, random);
      return option ? sampleText(option, random, extra) : '';
    }
    case 'repeat': {
      const turns = Math.min(node.max, node.min + Math.floor(random() * (extra + 1)));
      return Array.from({ length: turns }, () => sampleText(node.body, random, extra)).join('');
    }
  }
}

/** Printable ASCII where the class has any, so that failures can be read. */
function sampleChar(ranges: readonly (readonly [number, number])[], random: Random): string {
  const printable = ranges.filter(([first, last]) => last >= 0x21 && first <= 0x7e);
  const range = pickFrom(printable.length > 0 ? printable : ranges, random) ?? [0x61, 0x61];
  const first = printable.length > 0 ? Math.max(range[0], 0x21) : range[0];
  const last = printable.length > 0 ? Math.min(range[1], 0x7e) : range[1];
  return String.fromCodePoint(first + Math.floor(random() * (last - first + 1)));
}

/** Ends that few patterns accept: what makes a backtracking matcher try every other way through the text before. */
const spoilers = ['', '\u2028', '\u0000', '!', ' ', '\n'];

/**
 * Texts that make a pattern backtrack: each loop turned many times, with every class reduced to one character where it
 * allows it (which is what makes neighbouring loops compete for the same text), followed by something that cannot match.
 */
export function hostileTexts(node: PatternNode, length: number): string[] {
  const texts = new Set<string>();
  for (const char of representatives(node)) {
    for (const { prefix, turn } of loops(node, char)) {
      if (turn === '' || prefix.length + turn.length > length) continue;
      const body = prefix + turn.repeat(Math.max(1, Math.floor((length - prefix.length - 1) / turn.length)));
      for (const spoiler of spoilers) texts.add(body + spoiler);
    }
  }
  return [...texts];
}

/** The edges of the classes: any two classes that overlap share at least one of them. */
function representatives(node: PatternNode): Set<number> {
  const found = new Set<number>();
  const visit = (part: PatternNode): void => {
    if (part.kind === 'class') for (const [first, last] of part.ranges) found.add(first).add(last);
    else if (part.kind === 'repeat') visit(part.body);
    else for (const child of part.kind === 'sequence' ? part.parts : part.options) visit(child);
  };
  visit(node);
  return found;
}

/** Every loop of the pattern with a text that leads to it and one turn of it. */
function loops(node: PatternNode, char: number, prefix = ''): { prefix: string; turn: string }[] {
  switch (node.kind) {
    case 'class':
      return [];
    case 'choice':
      return node.options.flatMap((option) => loops(option, char, prefix));
    case 'repeat': {
      const turns = [plainText(node.body, char, 0), plainText(node.body, char, 1)];
      return [...turns.map((turn) => ({ prefix, turn })), ...loops(node.body, char, prefix)];
    }
    case 'sequence': {
      let before = prefix;
      return node.parts.flatMap((part) => {
        const found = loops(part, char, before);
        before += plainText(part, char, 0);
        return found;
      });
    }
  }
}

function plainText(node: PatternNode, char: number, extra: number): string {
  switch (node.kind) {
    case 'class': {
      const fits = node.ranges.some(([first, last]) => first <= char && char <= last);
      return String.fromCodePoint(fits ? char : (node.ranges[0]?.[0] ?? 0));
    }
    case 'sequence':
      return node.parts.map((part) => plainText(part, char, extra)).join('');
    case 'choice':
      return node.options[0] ? plainText(node.options[0], char, extra) : '';
    case 'repeat':
      return plainText(node.body, char, extra).repeat(Math.min(node.max, node.min + extra));
  }
}
