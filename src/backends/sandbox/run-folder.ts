import { createHash } from 'node:crypto';
import {
  constants,
  existsSync,
  mkdirSync,
  openSync,
  closeSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { LOST_WORKS_FILE, type LostWorks } from '../../platform/ports/lost-works.ts';
import type { WorkEnd } from '../../platform/ports/work.ts';
import { readIfPresent } from './read-file.ts';
import type { RunPlan } from './plan.ts';

/** Names and records of `<data folder>/runs`, shared with shim/supervisor.py. */
export class RunFolders {
  readonly folder: string;
  readonly records: string;
  readonly emptyFolder: string;

  constructor(dataFolder: string) {
    this.folder = join(dataFolder, 'runs');
    this.records = join(this.folder, '.records');
    this.emptyFolder = join(this.folder, '.empty');
    for (const folder of [this.records, this.emptyFolder]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    this.#recordLost();
  }

  /** What ran when the backup was made from which this data folder was restored. */
  #recordLost(): void {
    const path = join(this.folder, LOST_WORKS_FILE);
    const text = readIfPresent(path);
    if (text === undefined) return;
    const { works, endedAtMs, message } = JSON.parse(text) as LostWorks;
    for (const id of works) {
      if (!this.ended(id)) this.writeEnd(id, { reason: 'lost', message, endedAtMs, isolation: 'none' });
    }
    rmSync(path);
  }

  of(id: string): string {
    return join(this.folder, id);
  }

  plan(id: string): RunPlan | undefined {
    const text = readIfPresent(join(this.of(id), 'plan.json'));
    return text === undefined ? undefined : (JSON.parse(text) as RunPlan);
  }

  /** Whole or not at all: its presence says that everything is staged. */
  writePlan(id: string, plan: RunPlan): void {
    const path = join(this.of(id), 'plan.json');
    writeFileSync(`${path}.new`, JSON.stringify(plan), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }

  isStaged(id: string): boolean {
    return existsSync(join(this.of(id), 'plan.json'));
  }

  isClaimed(id: string): boolean {
    return existsSync(join(this.of(id), 'claim'));
  }

  /** Whether the process that claimed the run still exists; a claim being written counts as alive. */
  supervisor(id: string): 'none' | 'alive' | 'gone' {
    const path = join(this.of(id), 'claim');
    const text = readIfPresent(path);
    if (text === undefined) return 'none';
    const [pid, ticks] = text.trim().split(' ');
    if (!pid || !ticks) return Date.now() - statSync(path).mtimeMs < CLAIM_WRITE_MS ? 'alive' : 'gone';
    return startTicks(pid) === ticks ? 'alive' : 'gone';
  }

  /** Process id of the supervisor that minds the run at this moment. */
  supervisorPid(id: string): number | undefined {
    if (this.supervisor(id) !== 'alive') return undefined;
    const pid = Number.parseInt(readIfPresent(join(this.of(id), 'claim')) ?? '', 10);
    return Number.isInteger(pid) ? pid : undefined;
  }

  started(id: string): { readonly startedAtMs: number; readonly isolation: string } | undefined {
    const text = readIfPresent(join(this.records, `${id}.started`));
    return text === undefined ? undefined : JSON.parse(text);
  }

  ended(id: string): WorkEnd | undefined {
    const text = readIfPresent(join(this.records, `${id}.ended`));
    return text === undefined ? undefined : parseEnd(text);
  }

  /** The server's own record of an end that no supervisor can write any more. */
  writeEnd(id: string, end: Omit<WorkEnd, 'phase'>): void {
    const path = join(this.records, `${id}.ended`);
    const staged = `${path}-new`;
    writeFileSync(staged, JSON.stringify({ ...end, bootId: BOOT_ID }), { mode: 0o600 });
    renameSync(staged, path);
  }

  /** Takes the run so that no supervisor can; false when one has it. */
  claim(id: string): boolean {
    try {
      const fd = openSync(join(this.of(id), 'claim'), constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY, 0o600);
      writeSync(fd, `${process.pid} ${startTicks('self')}\n`);
      closeSync(fd);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    }
  }
}

const CLAIM_WRITE_MS = 10_000;

/** Field 22 of stat: with the pid it names a process for ever. */
function startTicks(pid: string): string | undefined {
  const stat = readIfPresent(`/proc/${pid}/stat`);
  return stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
}

const BOOT_ID = readIfPresent('/proc/sys/kernel/random/boot_id')?.trim() ?? '';

/** How long the kernel may keep written data in memory before it reaches the disk, with slack. */
const WRITE_BACK_MS = 60_000;

/**
 * An end shortly before the machine went down is not believed: what the job wrote may never have reached the disk.
 */
function parseEnd(text: string): WorkEnd {
  const record = JSON.parse(text) as Omit<WorkEnd, 'phase'> & { bootId?: string };
  const end: WorkEnd = {
    phase: 'ended',
    reason: record.reason,
    ...(typeof record.exitCode === 'number' && { exitCode: record.exitCode }),
    ...(record.message && { message: record.message }),
    ...(typeof record.startedAtMs === 'number' && { startedAtMs: record.startedAtMs }),
    endedAtMs: record.endedAtMs,
    isolation: record.isolation,
  };
  if (record.bootId === BOOT_ID || bootedAtMs() - end.endedAtMs > WRITE_BACK_MS) return end;
  return { ...end, reason: 'lost', message: 'The machine went down before the outputs of the work were safe on disk.' };
}

function bootedAtMs(): number {
  const seconds = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1];
  return Number(seconds ?? 0) * 1000;
}

/** Short, since a unix socket's path may have 107 bytes; the same for every start of the server on this data folder. */
export function socketFolder(dataFolder: string, id: string): string {
  const inTree = join(dataFolder, 'sockets', shortHash(id));
  if (Buffer.byteLength(inTree) + '/serve.sock'.length <= 100) return inTree;
  return join('/tmp', `slipway-${process.getuid?.() ?? 0}-${shortHash(dataFolder)}`, shortHash(id));
}

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);
