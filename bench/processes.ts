import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';

/** What the kernel says of processes, by pid. Linux only, as the sandbox is. */

const TICK_MS = 1000 / Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

/** Processor time of all threads so far, without that of children. */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS; // utime, stime: fields 14 and 15 of proc(5)
}

/** Proportional set size: memory of its own, and its share of what it shares. And all it has resident, shared or not. */
export function memoryOf(pid: number): { readonly pssMb: number; readonly residentMb: number } {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mb = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(rollup)?.[1]) / 1024;
  return { pssMb: mb('Pss'), residentMb: mb('Rss') };
}

const ACCOUNTS = '/sys/fs/cgroup/cpuacct';

/**
 * Counts the processor time of processes and of all they start, also of those that nobody waits for (supervisors are reaped by the
 * kernel, so no parent's total has them). Needs a control group of version 1 or 2 that this user may make.
 */
export class CpuAccount {
  readonly #folder: string;
  readonly #version: 1 | 2;

  private constructor(folder: string, version: 1 | 2) {
    this.#folder = folder;
    this.#version = version;
  }

  /** Undefined where control groups are not ours to make. */
  static open(name: string): CpuAccount | undefined {
    for (const [top, version] of [
      [ACCOUNTS, 1],
      ['/sys/fs/cgroup', 2],
    ] as const) {
      const folder = `${top}/slipway-bench-${name}-${process.pid}`;
      try {
        mkdirSync(folder);
        const account = new CpuAccount(folder, version);
        account.usedMs();
        return account;
      } catch {
        try {
          rmdirSync(folder);
        } catch {} // was never made
      }
    }
    return undefined;
  }

  /** Moves the process and its threads; what it starts from now on is counted with it. */
  take(pid: number): void {
    writeFileSync(`${this.#folder}/cgroup.procs`, String(pid));
  }

  usedMs(): number {
    if (this.#version === 1) return Number(readFileSync(`${this.#folder}/cpuacct.usage`, 'utf8')) / 1e6;
    const used = /^usage_usec (\d+)$/m.exec(readFileSync(`${this.#folder}/cpu.stat`, 'utf8'))?.[1];
    if (used === undefined) throw new Error('no cpu.stat');
    return Number(used) / 1000;
  }

  /** The processes in it have ended. */
  close(): void {
    rmdirSync(this.#folder);
  }
}
