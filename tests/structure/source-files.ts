import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');

/** Paths git knows or would add, relative to the checkout. */
export function projectFiles(): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], { cwd: ROOT, encoding: 'utf8' });
  return listed.split('\n').filter((path) => path !== '' && existsSync(join(ROOT, path)));
}

export const isGenerated = (path: string): boolean => /\/generated\/|\.generated\.ts$|^src\/contract\/operations\.ts$/.test(path);
export const isTest = (path: string): boolean => /\.test\.ts$|^tests\//.test(path) || /-(suite|fixture|rig)\.ts$/.test(path);

export const textOf = (path: string): string => readFileSync(join(ROOT, path), 'utf8');

/** Code without its comments, so that a rule does not trip over words about it. */
export const codeOf = (text: string): string => text.replaceAll(/\/\*[\s\S]*?\*\/|(?<![:'"`])\/\/.*$/gm, '');

export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Relative to the checkout for files of ours; undefined for packages and Node. */
  readonly target?: string;
  readonly typeOnly: boolean;
}

/** Static and dynamic imports and re-exports of a TypeScript file. */
export function importsOf(path: string, text = textOf(path)): Import[] {
  const found: Import[] = [];
  const pattern =
    /(?:^|\n)\s*(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)/g;
  for (const [, type, direct, dynamic] of codeOf(text).matchAll(pattern)) {
    const specifier = direct ?? dynamic ?? '';
    found.push({ specifier, typeOnly: Boolean(type), target: targetOf(path, specifier) });
  }
  return found;
}

function targetOf(path: string, specifier: string): string | undefined {
  if (specifier === '@slipway/sdk') return 'sdk/index.ts';
  if (specifier.startsWith('@slipway/sdk/')) return `${specifier.replace('@slipway/sdk', 'sdk')}/index.ts`;
  if (!specifier.startsWith('.')) return undefined;
  return relative(ROOT, resolve(ROOT, dirname(path), specifier));
}
