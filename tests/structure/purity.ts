import { codeOf, type Import, importsOf, isGenerated, isTest, textOf } from './source-files.ts';

const GENERATORS = /^src\/contract\/generate-(text|types|input|violation)\.ts$/;
const FORBIDDEN: readonly RegExp[] = [
  /\bDate\.now\b/,
  /\bnew Date\(\)/,
  /\bperformance\./,
  /\bMath\.random\b/,
  /\bcrypto\./,
  /\bprocess\./,
  /\bset(Timeout|Interval|Immediate)\b/,
  /\bfetch\(/,
  /\bawait\b/,
  /\bthrow\b/,
  /\bconsole\./,
];

/** Decisions of rooms, platform and router; the contract and the SDK. */
export const isPure = (path: string): boolean =>
  path.endsWith('.ts') &&
  !isTest(path) &&
  !isGenerated(path) &&
  (/^src\/.*\/decide-[^/]*\.ts$/.test(path) || /^(sdk|src\/contract)\//.test(path)) &&
  !GENERATORS.test(path);

/** What a pure file does that it must not, in words. The words of strings are looked past. */
export function purityBreaches(path: string, text = textOf(path)): string[] {
  const code = codeOf(text).replaceAll(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"/g, "''");
  return [
    ...importsOf(path, text)
      .filter(({ specifier }) => specifier.startsWith('node:'))
      .map(({ specifier }) => `${path} imports ${specifier}`),
    ...FORBIDDEN.flatMap((word) => word.exec(code)?.[0] ?? []).map((word) => `${path} uses ${word}`),
  ];
}

/** The way from a file to a Node module over what it imports when it runs; undefined when there is none. */
export function wayToNode(path: string, read: (path: string) => readonly Import[] = importsOf): string | undefined {
  const seen = new Set([path]);
  const ways = [[path]];
  for (let way = ways.shift(); way; way = ways.shift()) {
    for (const { specifier, target, typeOnly } of read(way.at(-1) ?? path)) {
      if (typeOnly) continue;
      if (specifier.startsWith('node:')) return [...way, specifier].join(' → ');
      if (target === undefined || seen.has(target)) continue;
      seen.add(target);
      ways.push([...way, target]);
    }
  }
  return undefined;
}
