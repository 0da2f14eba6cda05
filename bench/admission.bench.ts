import { createAdmission } from '../src/platform/admission/admission.ts';
import { median, report } from './figure.ts';

/**
 * Admission to a host with two cores: so many jobs of twenty executions ask, are told why they wait, and are admitted one after the other as others
 * end. Processor time of one job, asking and being admitted, with 500 and with 8,000 that wait; the floor is the same with 50.
 */

const ROUNDS = 7;
const JOB = { cpus: 1, memoryMiB: 1024 };

function costUs(waiting: number): number {
  const admission = createAdmission({ capacity: { cpus: 2, memoryMiB: 1 << 30 } });
  const admitted: string[] = [];
  admission.onAdmitted((id) => admitted.push(id));
  const before = process.cpuUsage();
  for (let n = 0; n < waiting; n += 1) {
    const answer = admission.request(`job-${n}`, { reservation: JOB, queuedAtMs: n, owner: `execution-${n % 20}` });
    if (answer.admitted) admitted.push(`job-${n}`);
    else if (!answer.reason.endsWith('ahead')) throw new Error(answer.reason);
  }
  for (let n = 0; n < waiting; n += 1) admission.release(admitted[n] ?? '');
  if (admitted.length !== waiting) throw new Error(`${admitted.length} of ${waiting} were admitted.`);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / waiting;
}

const repeated = (waiting: number): number => {
  const times = Math.max(1, Math.round(20_000 / waiting)); // about as much work for each amount
  return median(
    Array.from({ length: ROUNDS }, () => Array.from({ length: times }, () => costUs(waiting)).reduce((a, b) => a + b) / times),
  );
};

repeated(500); // once to warm up
const floor = repeated(50);
for (const waiting of [500, 8_000]) {
  report({
    name: `admission of a job, ${waiting} waiting: processor time`,
    value: repeated(waiting),
    unit: 'us',
    floor,
    ratioBudget: 2.5,
    note: 'floor: with 50 waiting',
  });
}
