import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { text } from 'node:stream/consumers';

export interface GitOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Git as somebody at a terminal has it, in a folder of its own and with a home of its own. */
export class GitClient {
  readonly folder: string;
  readonly #scratch = mkdtempSync(join(tmpdir(), 'slipway-git-'));

  constructor() {
    this.folder = join(this.#scratch, 'work');
    mkdirSync(this.folder);
    const config =
      '[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n[commit]\n\tgpgSign = false\n';
    writeFileSync(join(this.#scratch, '.gitconfig'), config);
  }

  /** Never throws; words as on the command line. */
  async run(words: readonly string[], input = ''): Promise<GitOutcome> {
    const environment = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_')));
    const child = spawn('git', [...words], {
      cwd: this.folder,
      env: { ...environment, HOME: this.#scratch, GIT_TERMINAL_PROMPT: '0', GIT_CONFIG_NOSYSTEM: '1', LANG: 'C' },
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
    const [code, stdout, stderr] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
    return { code, stdout, stderr };
  }

  /** What git printed; throws with its words when it fails. */
  async must(...words: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.run(words);
    if (code !== 0) throw new Error(`git ${words.join(' ')} ended with ${code}:\n${stdout}${stderr}`);
    return stdout.trim();
  }

  /** A commit of one file on the present branch; its id. */
  async commit(path: string, content: string | Uint8Array): Promise<string> {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), content);
    await this.must('add', '--', path);
    await this.must('commit', '--quiet', '--message', `change ${path}`);
    return this.must('rev-parse', 'HEAD');
  }

  remove(): void {
    rmSync(this.#scratch, { recursive: true, force: true });
  }
}

/** An address that carries user and password, as nobody should write it outside of a test. */
export function addressOf(url: string, path: string, user: string, password: string): string {
  const address = new URL(path, url);
  address.username = encodeURIComponent(user);
  address.password = encodeURIComponent(password);
  return address.href;
}
