import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import { findRuntime } from '../../../toolchain/python.mjs';
import { runningServer } from '../connection.ts';
import { dataFlag, dataFolderOf } from '../data-folder-option.ts';
import { failed } from '../exit.ts';
import { tryIsolation } from '../isolation-trial.ts';
import { createOutput, table } from '../output.ts';
import type { GlobalOptions } from '../session.ts';

interface Finding {
  readonly what: string;
  readonly state: 'ok' | 'missing' | 'note';
  readonly detail: string;
  /** The command that mends it. */
  readonly mend?: string;
}

/** `slipway doctor`: what this machine has, what is missing, and the command that mends it. Exit 1 when jobs could not run. */
export async function doctor(options: GlobalOptions): Promise<void> {
  const folder = dataFolderOf(options.data);
  const output = createOutput(options.json ?? false);
  const findings = [
    nodeFinding(),
    runtimeFinding(),
    ...sandboxFindings(),
    gitFinding(),
    folderFinding(folder),
    await serverFinding(folder),
  ];
  output.line(
    table([
      ['', 'WHAT', 'FOUND'],
      ...findings.map(({ what, state, detail, mend }) => [
        state === 'ok' ? 'ok' : state === 'note' ? '-' : '!!',
        what,
        mend ? `${detail}\n      mend: ${mend}` : detail,
      ]),
    ]),
  );
  output.result(findings);
  const missing = findings.filter((finding) => finding.state === 'missing');
  if (missing.length > 0) throw failed(`slipway: ${missing.length} thing(s) missing, see "!!" above`);
}

function nodeFinding(): Finding {
  return { what: 'Node.js', state: 'ok', detail: `${process.version} (${process.execPath})` };
}

const GIT_LEAST = [2, 36] as const;

/** Repositories are served by it; nothing else needs it. */
function gitFinding(): Finding {
  const what = 'git';
  const { stdout, error } = spawnSync('git', ['--version'], { encoding: 'utf8' });
  const [, major = 0, minor = 0] = /(\d+)\.(\d+)/.exec(stdout ?? '')?.map(Number) ?? [];
  if (!error && (major > GIT_LEAST[0] || (major === GIT_LEAST[0] && minor >= GIT_LEAST[1])))
    return { what, state: 'ok', detail: stdout.trim() };
  const detail = error
    ? 'not installed: git repositories cannot be served'
    : `${stdout.trim()} is older than ${GIT_LEAST.join('.')}`;
  return { what, state: 'note', detail, mend: 'install git 2.36 or later' };
}

function runtimeFinding(): Finding {
  const runtime = findRuntime('ml');
  if (!runtime) return { what: 'Python runtime of jobs', state: 'missing', detail: 'not built', mend: 'npm run setup' };
  const { libraries, python } = runtime.ready;
  const versions = ['scikit-learn', 'xgboost-cpu', 'pandas'].map((name) => `${name} ${libraries[name] ?? '?'}`).join(', ');
  return { what: 'Python runtime of jobs', state: 'ok', detail: `Python ${python}, ${versions}` };
}

/** One isolation is enough; all are tried for real. */
function sandboxFindings(): Finding[] {
  const problems = {
    bubblewrap: tryIsolation('bubblewrap'),
    unshare: tryIsolation('unshare'),
    container: tryIsolation('container'),
  };
  const none = Object.values(problems).every((problem) => problem !== undefined);
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  const finding = (kind: keyof typeof problems, mend: string): Finding => {
    const problem = problems[kind];
    return problem === undefined
      ? { what: `sandbox: ${kind}`, state: 'ok', detail: 'works' }
      : { what: `sandbox: ${kind}`, state: none ? 'missing' : 'note', detail: problem, mend };
  };
  const allow = `${sudo}sysctl -w user.max_user_namespaces=15000 (in a container: start it with user namespaces allowed)`;
  const install = `${sudo}apt-get update && ${sudo}apt-get install -y bubblewrap`;
  const engine = 'only needed where the others do not work: install podman, or start the docker service';
  return [
    finding('bubblewrap', problems.bubblewrap === 'not installed' ? install : allow),
    finding('unshare', allow),
    finding('container', engine),
  ];
}

const FREE_GIB_MIN = 2;

function folderFinding(folder: string): Finding {
  let existing = folder;
  while (!existsSync(existing)) existing = dirname(existing);
  try {
    accessSync(existing, constants.W_OK);
  } catch {
    return { what: 'data folder', state: 'missing', detail: `${folder} cannot be written`, mend: 'choose another: --data DIR' };
  }
  const { bavail, bsize } = statfsSync(existing);
  const freeGiB = (bavail * bsize) / 2 ** 30;
  const enough = freeGiB >= FREE_GIB_MIN;
  return {
    what: 'data folder',
    state: enough ? 'ok' : 'missing',
    detail: `${folder}, ${freeGiB.toFixed(1)} GiB free`,
    mend: enough ? undefined : `free ${FREE_GIB_MIN} GiB, or choose another: --data DIR`,
  };
}

async function serverFinding(folder: string): Promise<Finding> {
  const record = await runningServer(folder);
  if (record) return { what: 'server', state: 'ok', detail: `listening on ${record.url} (pid ${record.pid})` };
  return { what: 'server', state: 'note', detail: 'not running', mend: `npx slipway serve${dataFlag(folder)}` };
}
