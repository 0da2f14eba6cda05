import type { Reservation } from './port.ts';

/** What a process of an instance type may use on this host. */
export interface InstanceLimits extends Reservation {
  /** For the job's record and log, when this host is smaller than the type or the type is unknown. */
  readonly note?: string;
}

/** GiB of memory per vCPU, by instance family (AWS's published sizes). */
const MEMORY_PER_CPU: readonly (readonly [RegExp, number])[] = [
  [/^c4$/, 1.875],
  [/^(c|inf1)/, 2],
  [/^(m|g4|g5|g6|trn1|inf2|t)/, 4],
  [/^(r|p3|x1)/, 8],
  [/^(p4|p5)/, 12],
];

/** Burstable sizes follow no rule. */
const BURSTABLE: Readonly<Record<string, readonly [number, number]>> = {
  medium: [2, 4],
  large: [2, 8],
  xlarge: [4, 16],
  '2xlarge': [8, 32],
};

/** vCPUs and memory AWS gives an instance type such as `ml.m5.xlarge`; undefined for names that follow no known pattern. */
export function instanceSize(instanceType: string): Reservation | undefined {
  const match = /^ml\.([a-z]+\d[a-z0-9-]*)\.(medium|large|(\d*)xlarge)$/.exec(instanceType);
  if (!match) return undefined;
  const [, family = '', size = '', times = ''] = match;
  if (/^t[23]/.test(family)) {
    const burstable = BURSTABLE[size];
    return burstable && { cpus: burstable[0], memoryMiB: burstable[1] * 1024 };
  }
  const memoryPerCpu = MEMORY_PER_CPU.find(([pattern]) => pattern.test(family))?.[1];
  if (memoryPerCpu === undefined) return undefined;
  const cpus = size === 'medium' ? 1 : size === 'large' ? 2 : 4 * Number(times || 1);
  return { cpus, memoryMiB: Math.round(cpus * memoryPerCpu * 1024) };
}

/** Beyond this the host itself would run out before a process meets its limit. */
const HOST_MEMORY_SHARE = 0.9;

/**
 * The limits of an instance type: the operator's own entry, else AWS's size, clipped to the host; an unknown type may use all
 * of the host.
 */
export function createInstanceLimits(
  instances: Readonly<Record<string, Reservation>>,
  host: Reservation,
): (instanceType: string) => InstanceLimits {
  const hostMemoryMiB = Math.floor(host.memoryMiB * HOST_MEMORY_SHARE);
  return (instanceType) => {
    const size = instances[instanceType] ?? instanceSize(instanceType);
    if (!size) {
      const limits = { cpus: host.cpus, memoryMiB: hostMemoryMiB };
      return {
        ...limits,
        note: `instance type ${instanceType} is not known here and may use ${inWords(limits)}, all this machine gives`,
      };
    }
    const limits = { cpus: Math.min(size.cpus, host.cpus), memoryMiB: Math.min(size.memoryMiB, hostMemoryMiB) };
    const clipped = limits.cpus < size.cpus || limits.memoryMiB < size.memoryMiB;
    return clipped
      ? { ...limits, note: `instance type ${instanceType} (${inWords(size)}) is clipped to ${inWords(limits)} of this machine` }
      : limits;
  };
}

const inWords = ({ cpus, memoryMiB }: Reservation): string =>
  `${cpus} ${cpus === 1 ? 'core' : 'cores'} and ${Math.round((memoryMiB / 1024) * 10) / 10} GiB`;
