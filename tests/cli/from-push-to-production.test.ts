import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { after, suite, test } from 'node:test';

const ROOT = resolve(import.meta.dirname, '../..');
const GUIDE = join(ROOT, 'docs/guides/from-push-to-production.md');

/** The guide's commands in their order, as somebody would type them. */
const commands = [...readFileSync(GUIDE, 'utf8').matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block = '']) =>
  block.split('\n').filter((line) => line.trim() !== ''),
);

suite('the guide from a push to production, line by line', () => {
  const home = mkdtempSync(join(tmpdir(), 'slipway-guide-'));
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    HOME: home,
    SLIPWAY_CACHE: process.env['SLIPWAY_CACHE'] ?? join(homedir(), '.cache/slipway'),
    npm_config_cache: process.env['npm_config_cache'] ?? join(homedir(), '.npm'),
    GIT_CONFIG_GLOBAL: join(home, '.gitconfig'),
    GIT_AUTHOR_NAME: 'Newcomer',
    GIT_AUTHOR_EMAIL: 'newcomer@localhost',
    GIT_COMMITTER_NAME: 'Newcomer',
    GIT_COMMITTER_EMAIL: 'newcomer@localhost',
    PATH: `${resolve(process.execPath, '..')}:${process.env['PATH']}`,
  };
  let server: ChildProcess | undefined;
  let folder = ROOT;
  const answers: string[] = [];

  after(async () => {
    if (server?.exitCode === null) {
      const ended = once(server, 'exit');
      server.kill('SIGUSR2');
      await ended;
    }
    rmSync(home, { recursive: true, force: true });
  });

  /** One line in a shell of its own, in the folder that earlier lines went to. */
  async function type(line: string): Promise<{ code: number | null; output: string }> {
    const script = `${line.replace(/\s{2,}#.*$/, '')}\ncode=$?\npwd >&3\nexit $code`;
    const shell = spawn('bash', ['-c', script], { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe', 'pipe'] });
    const ended = once(shell, 'close');
    const [, ...written] = shell.stdio as readonly (Readable | null)[];
    const [out = '', err = '', at = ''] = await Promise.all(written.map((stream) => (stream ? text(stream) : '')));
    await ended;
    folder = at.trim();
    return { code: shell.exitCode, output: out + err };
  }

  async function serve(): Promise<void> {
    // a free port, since tests share the machine
    server = spawn('npx', ['slipway', 'serve', '--port', '0'], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'ignore'] });
    let printed = '';
    for await (const chunk of server.stdout ?? []) {
      printed += String(chunk);
      if (printed.includes('listening on')) break;
    }
    assert.match(printed, /^slipway: listening on http/);
  }

  for (const line of commands) {
    test(line, async () => {
      const variable = /^export (\w+)=\$HOME(\S+)$/.exec(line);
      if (variable) env[variable[1] ?? ''] = home + variable[2];
      else if (line === 'npx slipway serve') await serve();
      else {
        const { code, output } = await type(line);
        assert.equal(code, line.includes('# exit code 1') ? 1 : 0, output);
        if (line.includes('invoke tumour-production')) answers.push(output.trim());
        if (line.includes('# exit code 1')) assert.match(output, /NotGoodEnough.*against production: worse/s);
      }
    });
  }

  test('production answered the same after the worse push, and otherwise after the better one', () => {
    const [first, afterWorse, afterBetter] = answers;
    assert.equal(afterWorse, first);
    assert.notEqual(afterBetter, first);
    assert.equal(answers.length, 3);
  });
});
