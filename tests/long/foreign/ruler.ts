import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isRejection } from '../../../src/platform/errors/rejection.ts';
import type { JsonObject } from '../../../src/platform/json.ts';
import { matchesEvent } from '../../../src/platform/patterns/decide-match.ts';
import { parsePattern } from '../../../src/platform/patterns/decide-pattern.ts';
import { readResults, writeResults } from './moto.ts';
import { generatedPairs, hasMemberTwice, type Pair, pairsOfTests, publicPairs } from './ruler-pairs.ts';
import { openSource } from './source.ts';
import type { RulerCount } from './suite.ts';

/**
 * event-ruler is the matcher AWS publishes as the one EventBridge uses. It is compiled, and asked of every pair what our matcher is asked:
 * is the pattern one, and does the event match it?
 */

const CASES = 'src/test/resources/correctness-cases.json';
const TESTS = 'src/test/software/amazon/event/ruler';
const GENERATED = 40_000;
const SEED = 1;

export interface RulerOptions {
  /** A checkout, a git directory, or an unpacked source of event-ruler. Nothing is written there. */
  readonly source: string;
}

/** Asks both, writes docs/conformance.md, and returns the exit code: 1 for an answer that differs without a reason. Needs mvn and a JDK. */
export async function runRulerCases({ source }: RulerOptions): Promise<number> {
  const ruler = openSource(source, CASES, ['pom.xml', 'src/main', CASES, TESTS]);
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-ruler-'));
  try {
    const classes = compile(ruler.folder, scratch);
    const suites: Readonly<Record<string, Pair[]>> = {
      'its file of cases': publicPairs(join(ruler.folder, CASES)),
      'patterns and events in its tests': pairsOfTests(join(ruler.folder, TESTS)),
      'generated pairs': generatedPairs(GENERATED, SEED),
    };
    const counts: Record<string, RulerCount> = {};
    let surprises = 0;
    for (const [name, pairs] of Object.entries(suites)) {
      const { count, differing } = compare(pairs, ask(classes, pairs));
      counts[name] = count;
      surprises += differing.length;
      process.stdout.write(`event-ruler: ${name}: ${JSON.stringify(count)}\n`);
      for (const one of differing.slice(0, 20)) process.stdout.write(`  FAILED ${one}\n`);
    }
    writeResults({ ...readResults(), ruler: { commit: ruler.commit, committed: ruler.committed, suites: counts } });
    return surprises === 0 ? 0 : 1;
  } finally {
    ruler.close();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** Returns the class path of the compiled library and of what it needs. */
function compile(folder: string, scratch: string): string {
  const pathFile = join(scratch, 'needs');
  const wanted = ['dependency:build-classpath', `-Dmdep.outputFile=${pathFile}`, '-Dmdep.includeScope=compile'];
  execFileSync('mvn', ['-q', '-B', '-f', join(folder, 'pom.xml'), ...wanted], { stdio: 'inherit' });
  const needs = readFileSync(pathFile, 'utf8').trim();
  const classes = join(scratch, 'classes');
  const sources = [...globSync(join(folder, 'src/main/**/*.java')), join(import.meta.dirname, 'AskRuler.java')];
  execFileSync('javac', ['-nowarn', '-proc:none', '-cp', needs, '-d', classes, ...sources], {
    stdio: ['ignore', 'inherit', 'ignore'],
  });
  return `${classes}:${needs}`;
}

function ask(classes: string, pairs: readonly Pair[]): string[] {
  const input = pairs.map((pair) => `${JSON.stringify(pair)}\n`).join('');
  return execFileSync('java', ['-cp', classes, 'AskRuler'], { input, maxBuffer: 1 << 28 })
    .toString()
    .split('\n');
}

function compare(pairs: readonly Pair[], theirs: readonly string[]): { count: RulerCount; differing: readonly string[] } {
  const count = { match: 0, noMatch: 0, refused: 0, differs: 0 };
  const explained: Record<string, number> = {};
  const differing: string[] = [];
  for (const [at, pair] of pairs.entries()) {
    const theirAnswer = theirs[at] ?? 'nothing';
    const ourAnswer = answer(pair);
    const reason = reasonOf(pair);
    if (kindOf(ourAnswer) === kindOf(theirAnswer)) count[kindOf(ourAnswer)] += 1;
    else if (reason !== undefined) explained[reason] = (explained[reason] ?? 0) + 1;
    else {
      count.differs += 1;
      differing.push(`${pair.join(' of ')}: event-ruler says ${theirAnswer}, we ${ourAnswer}`.slice(0, 1000));
    }
  }
  return { count: { ...count, explained }, differing };
}

/** Why we may differ on a pair. */
function reasonOf([pattern, event]: Pair): string | undefined {
  if (hasMemberTwice(event))
    return 'an object of the event has a member twice: JSON here keeps the last, event-ruler looks at both';
  if (/"cidr":\s*"0\.0\.0\.0\/0"/.test(pattern))
    return '`cidr` 0.0.0.0/0 also takes IPv6 addresses and numbers in event-ruler, which compares digits; here it takes IPv4 addresses';
  return undefined;
}

function kindOf(said: string): 'match' | 'noMatch' | 'refused' {
  if (said === 'match') return 'match';
  return said === 'no match' ? 'noMatch' : 'refused';
}

function answer([text, event]: Pair): string {
  const pattern = parsePattern(text);
  if (isRejection(pattern)) return `refused: ${pattern.message}`;
  return matchesEvent(pattern, JSON.parse(event) as JsonObject) ? 'match' : 'no match';
}
