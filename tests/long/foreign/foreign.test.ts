import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { startServer } from '../../harness/server.ts';

/** README.md beside this file says what has to lie there. */
const CHECKOUT = process.env['SLIPWAY_FOREIGN_MOTO'];
const PYTHON = process.env['SLIPWAY_FOREIGN_PYTHON'] ?? 'python3';

/** By file of the suite: tests that fail here, and why that is right or known. */
type Known = Readonly<Record<string, Readonly<Record<string, string>>>>;
const known = JSON.parse(readFileSync(join(import.meta.dirname, 'known.json'), 'utf8')) as Known;

interface Report {
  readonly test: string;
  /** `not built`: failed, and an operation it called is answered "not implemented". */
  readonly outcome: 'passed' | 'failed' | 'skipped' | 'not built';
  readonly why: string;
  readonly where: string;
}

const skip = CHECKOUT === undefined && 'SLIPWAY_FOREIGN_MOTO names no checkout of the moto repository';

suite('a test suite that others wrote for AWS', { skip }, () => {
  for (const [file, reasons] of Object.entries(known)) {
    test(file, async (context) => {
      const reports = await judge(file);
      const count = (outcome: string): number => reports.filter((report) => report.outcome === outcome).length;
      const counts = ['passed', 'not built', 'failed', 'skipped'].map((outcome) => `${count(outcome)} ${outcome}`);
      context.diagnostic(counts.join(', '));
      assert.ok(reports.length > 0, 'A file without a test was not run.');
      const surprises = reports.filter((report) => report.outcome === 'failed' && reasons[nameOf(report)] === undefined);
      assert.deepEqual(
        surprises.map(({ test: name, where, why }) => `${name}: ${where}: ${why}`),
        [],
      );
    });
  }
});

const nameOf = ({ test: id }: Report): string => id.slice(id.indexOf('::') + 2);

/** Runs one file against a server of its own. */
async function judge(file: string): Promise<Report[]> {
  const path = join(CHECKOUT ?? '', 'tests', file);
  assert.ok(existsSync(path), `${path} does not exist: SLIPWAY_FOREIGN_MOTO has to name the folder that holds tests/.`);
  const server = await startServer();
  const folder = mkdtempSync(join(tmpdir(), 'slipway-foreign-'));
  try {
    const report = join(folder, 'report.jsonl');
    const plugins = ['-p', 'live_server_plugin', '-p', 'no:cacheprovider'];
    const child = spawn(PYTHON, ['-m', 'pytest', '-q', ...plugins, '--rootdir', CHECKOUT ?? '', path], {
      cwd: CHECKOUT,
      env: {
        ...server.env,
        PYTHONPATH: import.meta.dirname,
        PYTHONDONTWRITEBYTECODE: '1',
        FOREIGN_REPORT: report,
        AWS_MAX_ATTEMPTS: '1',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const printed: string[] = [];
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text: Buffer) => printed.push(text.toString()));
    await once(child, 'close');
    assert.ok(existsSync(report), `pytest wrote no report:\n${printed.join('')}`);
    const lines = readFileSync(report, 'utf8').trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line) as Report);
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}
