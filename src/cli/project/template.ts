import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve } from 'node:path';
import { shellWord } from '../data-folder-option.ts';
import { failed } from '../exit.ts';
import { ENVIRONMENTS_FILE } from './environments.ts';

const CHECKOUT = resolve(import.meta.dirname, '../../..');
const TEMPLATE = join(CHECKOUT, 'templates/codepipeline');
const SDK = join(CHECKOUT, 'sdk');

type Language = 'typescript' | 'python';

/**
 * Writes the project's files; returns their names. Nothing that is there is written over; what an interrupted call wrote is as it should be, and
 * the file by which a folder is known as a project comes last, so that the same call again finishes it.
 */
export function writeProject(folder: string, project: string, language: Language): string[] {
  const files = new Map<string, string>();
  for (const part of ['shared', language]) {
    const from = join(TEMPLATE, part);
    for (const name of filesOf(from)) files.set(name, fill(readFileSync(join(from, name), 'utf8'), project, language));
  }
  files.set('.gitignore', IGNORED);
  files.set('package.json', manifestOf(project, language));
  const last = files.get(ENVIRONMENTS_FILE) ?? '';
  files.delete(ENVIRONMENTS_FILE);
  files.set(ENVIRONMENTS_FILE, last);
  const isThere = (name: string): boolean => existsSync(join(folder, name));
  const existing = [...files].filter(([name, text]) => isThere(name) && readFileSync(join(folder, name), 'utf8') !== text);
  if (existing.length > 0) {
    const names = existing.map(([name]) => name).join(', ');
    throw failed(`slipway init: ${folder} has ${names} already. Choose an empty folder.`);
  }
  if (language === 'typescript') vendorSdk(folder);
  for (const [name, text] of files) {
    if (isThere(name)) continue;
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text, { flag: 'wx' });
  }
  return [...files.keys()].sort();
}

const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/__pycache__|_cache|\.pyc$/.test(join(entry.parentPath, entry.name)))
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));

const fill = (text: string, project: string, language: Language): string =>
  text.replaceAll('{{project}}', project).replaceAll('{{pipeline}}', language === 'python' ? 'pipeline.py' : 'pipeline.ts');

const IGNORED = ['node_modules/', '.slipway/', '.venv/', '__pycache__/', '.pytest_cache/', '.ruff_cache/', 'reports/', ''].join(
  '\n',
);

/** The command is linked for this machine only; what builds need travels with the project. */
function manifestOf(project: string, language: Language): string {
  const manifest = {
    name: project.toLowerCase(),
    private: true,
    type: 'module',
    ...(language === 'typescript' && { dependencies: { '@slipway/sdk': 'file:vendor/slipway-sdk' } }),
    devDependencies: { slipway: `file:${CHECKOUT}` },
  };
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** Builds run elsewhere and reach no checkout: the SDK's sources, which Node runs as they are. */
function vendorSdk(folder: string): void {
  cpSync(SDK, join(folder, 'vendor/slipway-sdk'), {
    recursive: true,
    filter: (path) => !path.endsWith('.test.ts') && !path.includes('node_modules'),
  });
}

/** The first commit, and the remote of a server at `url` with the credentials of its data folder; returns what could not be done. */
export function prepareRepository(folder: string, dataFolder: string, url?: string): string | undefined {
  const git = (...words: string[]) => {
    const { status, stderr, error } = spawnSync('git', words, { cwd: folder, encoding: 'utf8' });
    return { ok: status === 0, problem: error?.message ?? stderr.trim() };
  };
  const isNew = !existsSync(join(folder, '.git'));
  const begun = isNew ? git('init', '-q', '-b', 'main') : undefined;
  if (begun?.ok === false) return begun.problem;
  excludeData(folder, dataFolder);
  if (isNew) {
    const identity = git('config', 'user.email').ok ? [] : ['-c', 'user.name=slipway', '-c', 'user.email=slipway@localhost'];
    git('add', '-A');
    const committed = git(...identity, 'commit', '-q', '-m', 'Project as slipway init wrote it');
    if (!committed.ok) return committed.problem;
  }
  if (url === undefined) return undefined;
  git('remote', 'remove', 'slipway');
  const added = git('remote', 'add', 'slipway', url);
  const helper = `!${shellWord(process.execPath)} ${shellWord(join(CHECKOUT, 'src/cli/main.ts'))} git-credential --data ${shellWord(dataFolder)}`;
  const { origin } = new URL(url);
  // the first, empty helper: none of the machine's own is asked, and none keeps our key
  git('config', '--unset-all', `credential.${origin}.helper`);
  git('config', '--add', `credential.${origin}.helper`, '');
  git('config', '--add', `credential.${origin}.helper`, helper);
  return added.ok ? undefined : added.problem;
}

/** A data folder within the project holds the server's keys: git is never to take it, whoever adds what is there. */
function excludeData(folder: string, dataFolder: string): void {
  const inside = relative(folder, dataFolder);
  if (inside === '' || /^\.\.(\/|$)/.test(inside) || isAbsolute(inside)) return;
  const { status, stdout } = spawnSync('git', ['rev-parse', '--git-path', 'info/exclude'], { cwd: folder, encoding: 'utf8' });
  if (status !== 0) return; // no git, or no repository: what comes next says so
  const file = resolve(folder, stdout.trim());
  const line = `/${inside.replaceAll(/[\\*?[\]!# ]/g, '\\$&')}/`;
  const before = existsSync(file) ? readFileSync(file, 'utf8') : '';
  if (before.split('\n').includes(line)) return;
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${before === '' || before.endsWith('\n') ? before : `${before}\n`}${line}\n`);
}
