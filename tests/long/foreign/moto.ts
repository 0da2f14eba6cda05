import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { startServer, type TestServer } from '../../harness/server.ts';
import { openSource, type Source } from './source.ts';
import { type FileCount, judge, type Known, nameOf, type Report, renderConformance, type Results } from './suite.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const KNOWN = join(import.meta.dirname, 'known.json');
const COUNTS = join(import.meta.dirname, 'counts.json');
const PAGE = join(ROOT, 'docs/conformance.md');

/** The package the tests import their decorators and a few words from; its mocks are never started. */
const PACKAGE = 'moto[s3,iam]==5.2.5';

const SERVICES =
  's3 sts iam awslambda ssm sqs sagemaker secretsmanager ecr logs codecommit codebuild codepipeline events scheduler sns'.split(
    ' ',
  );

/** Files that test moto itself (its own HTTP server, models, helpers, other accounts of one process) or CloudFormation. */
const LEFT_OUT =
  /cloudformation|test_server\.py|_utils\.py|test_models\.py|_helpers\.py|multiple_accounts|file_handles|custom_endpoint|s3_config|test_policy\.py|multiaccount|iam_resets|password_last_used|ssm_default|ecs_images|ec2_integration|s3_locales|simple_lambda/;

/** A file has that long; the plugin limits each test. */
const FILE_TIMEOUT_MS = 1_200_000;

export interface MotoOptions {
  /** A checkout, a git directory, or an unpacked source of moto. */
  readonly source: string;
  /** A Python with moto's requirements; default: an environment made beside the machine's temporary files. */
  readonly python?: string;
  /** Only files whose path contains one of these; the others keep their last counts. */
  readonly only?: readonly string[];
}

/** Runs moto's tests against a server, writes docs/conformance.md, and returns the exit code: 1 for a failure without a reason. */
export async function runMoto({ source, python, only = [] }: MotoOptions): Promise<number> {
  const moto = openSource(source, 'tests', ['tests', 'setup.cfg']);
  const known = JSON.parse(readFileSync(KNOWN, 'utf8')) as Known;
  const interpreter = python ?? environment();
  try {
    const files = filesOf(moto.folder).filter((file) => only.length === 0 || only.some((part) => file.includes(part)));
    const counts: Record<string, FileCount> = {};
    let surprises = 0;
    for (const file of files) {
      const judged = judge(await reportsOf(file, moto, interpreter), known[file] ?? {});
      counts[file] = judged.count;
      surprises += judged.surprises.length;
      const { operations, ...figures } = judged.count;
      process.stdout.write(`moto: ${file}: ${JSON.stringify(figures)}\n`);
      for (const one of judged.surprises)
        process.stdout.write(`  FAILED ${nameOf(one)}: ${one.where}: ${one.why.split('\n')[0]}\n`);
      for (const name of judged.stale) process.stdout.write(`  no longer fails: ${name}\n`);
      record(moto, counts, known);
    }
    return surprises === 0 ? 0 : 1;
  } finally {
    moto.close();
  }
}

function filesOf(folder: string): string[] {
  const files = SERVICES.flatMap((service) => globSync(`test_${service}/test_*.py`, { cwd: join(folder, 'tests') }).sort());
  return files.filter((file) => !LEFT_OUT.test(file));
}

/** Counts of another commit do not mix with these. */
function record({ commit, committed }: Source, counts: Readonly<Record<string, FileCount>>, known: Known): void {
  const before = readResults();
  const files = before.moto?.commit === commit ? { ...before.moto.files, ...counts } : counts;
  writeResults({ ...before, moto: { commit, committed, files: Object.fromEntries(Object.entries(files).sort()) } }, known);
}

export function readResults(): Results {
  return existsSync(COUNTS) ? (JSON.parse(readFileSync(COUNTS, 'utf8')) as Results) : {};
}

export function writeResults(results: Results, known = JSON.parse(readFileSync(KNOWN, 'utf8')) as Known): void {
  writeFileSync(COUNTS, `${JSON.stringify(results, null, 1)}\n`);
  writeFileSync(PAGE, renderConformance(results, known));
}

/** Made once and used again; from the Python package index, as pip is set up here. */
export function environment(): string {
  const folder = join(tmpdir(), 'slipway-foreign-python');
  const interpreter = join(folder, 'bin/python');
  if (existsSync(join(folder, 'complete'))) return interpreter;
  execFileSync('python3', ['-m', 'venv', folder], { stdio: 'inherit' });
  execFileSync(interpreter, ['-m', 'pip', 'install', '-q', PACKAGE, 'pytest', 'freezegun', 'requests'], { stdio: 'inherit' });
  writeFileSync(join(folder, 'complete'), PACKAGE);
  return interpreter;
}

/** Runs one file against a server of its own. */
async function reportsOf(file: string, { folder }: Source, python: string): Promise<Report[]> {
  const server = await startServer();
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-foreign-'));
  try {
    const report = join(scratch, 'report.jsonl');
    const printed = await pytest({ file, folder, python, report, server });
    if (!existsSync(report)) throw new Error(`pytest wrote no report of ${file}:\n${printed}`);
    const lines = readFileSync(report, 'utf8').trimEnd().split('\n');
    keep(file, lines);
    return lines.map((line) => JSON.parse(line) as Report);
  } finally {
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** For who sorts failures: every line of the report, where the environment names a folder. */
function keep(file: string, lines: readonly string[]): void {
  const folder = process.env['SLIPWAY_FOREIGN_REPORTS'];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${file.replaceAll('/', '.')}.jsonl`), `${lines.join('\n')}\n`);
}

interface Run {
  readonly file: string;
  readonly folder: string;
  readonly python: string;
  readonly report: string;
  readonly server: TestServer;
}

/** Returns what pytest printed. */
async function pytest({ file, folder, python, report, server }: Run): Promise<string> {
  const plugins = ['-p', 'live_server_plugin', '-p', 'no:cacheprovider'];
  const child = spawn(python, ['-m', 'pytest', '-q', ...plugins, '--rootdir', folder, join(folder, 'tests', file)], {
    cwd: folder,
    env: {
      ...server.env,
      PYTHONPATH: import.meta.dirname,
      PYTHONDONTWRITEBYTECODE: '1',
      FOREIGN_REPORT: report,
      AWS_MAX_ATTEMPTS: '1',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: FILE_TIMEOUT_MS,
  });
  const printed: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => printed.push(text.toString()));
  await once(child, 'close');
  return printed.join('');
}
