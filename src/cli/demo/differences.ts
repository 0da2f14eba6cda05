import { join } from 'node:path';
import { readLedger } from '../../platform/ledger/read.ts';
import type { Connection } from '../connection.ts';
import type { StepSummary } from '../execution-watch.ts';
import { logPlaceOf, LogReader } from '../step-log.ts';

/** One thing that would be otherwise on AWS, as the records of this run say it. */
export interface Difference {
  readonly what: 'library versions' | 'role' | 'instance type';
  readonly here: string;
}

/** A job's log begins with what stands behind its image name and which limits hold; the ledger says which role really acted. */
export async function collectDifferences(connection: Connection, steps: readonly StepSummary[]): Promise<Difference[]> {
  const notes = new Set<string>();
  for (const step of steps) for (const note of await notesOf(connection, step)) notes.add(note);
  const those = (what: Difference['what'], pattern: RegExp, otherwise: string): Difference[] => {
    const found = [...notes].filter((note) => pattern.test(note));
    return (found.length > 0 ? found : [otherwise]).map((here) => ({ what, here }));
  };
  return [
    ...those('library versions', /is emulated by/, 'no difference: every image name is backed by the versions it promises'),
    ...rolesOf(connection.folder),
    ...those(
      'instance type',
      /instance type .*(clipped|not known)/,
      'no difference: this host has what the instance types promise',
    ),
  ];
}

const NOTES_AT_HEAD = 10;

async function notesOf(connection: Connection, step: StepSummary): Promise<string[]> {
  const place = logPlaceOf(step);
  const notes: string[] = [];
  if (!place) return notes;
  for await (const { message } of new LogReader(connection, place).read()) {
    notes.push(message.replace(/^slipway: /, ''));
    if (notes.length === NOTES_AT_HEAD) break;
  }
  return notes;
}

/** Roles that were asked for and do not exist here; else the roles that acted, which AWS would need to have. */
function rolesOf(folder: string): Difference[] {
  const mapped = new Set<string>();
  const acted = new Set<string>();
  for (const { requestedRole, effectiveRole, actor } of readLedger(join(folder, 'slipway.db'))) {
    if (requestedRole && effectiveRole && requestedRole !== effectiveRole)
      mapped.add(`${requestedRole} was asked for; ${effectiveRole} acted in its place`);
    const role = /^arn:aws:sts::(\d+):assumed-role\/([^/]+)\//.exec(actor);
    if (role) acted.add(`arn:aws:iam::${role[1]}:role/${role[2]}`);
  }
  const lines =
    mapped.size > 0
      ? [...mapped]
      : [...acted].map((arn) => `none was mapped: jobs acted as ${arn}, which first start made; on AWS it must exist`);
  return lines.map((here) => ({ what: 'role', here }));
}
