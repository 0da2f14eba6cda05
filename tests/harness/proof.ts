import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { loadService, serviceIds } from '../../models/load.ts';
import { joinProofs, type Proofs } from '../../src/gateway/coverage.ts';

const PROVEN = resolve(import.meta.dirname, '../clients/proven.json');

/** What clients got answered in this process, as lines `<service>:<Operation>\t<test>`. */
const answered: string[] = [];

/** Environment under which a Python client writes the operations it got answered to `file`, for docs/api-coverage.md. */
export function proofEnvironment(test: string, file: string): Record<string, string> {
  return { PYTHONPATH: join(import.meta.dirname, 'proof'), SLIPWAY_PROOF_FILE: file, SLIPWAY_PROOF_TEST: test };
}

/** Reads what a client wrote; also kept for the page when SLIPWAY_PROOF_FILE names a file. */
export function collectProofs(file: string): void {
  if (!existsSync(file)) return;
  const lines = readFileSync(file, 'utf8');
  answered.push(...lines.split('\n'));
  const kept = process.env['SLIPWAY_PROOF_FILE'];
  if (kept !== undefined) appendFileSync(kept, lines);
}

/** Operations that proven.json says one of these tests proves, and that it did not get answered in this process. */
export function unprovenClaims(tests: readonly string[]): string[] {
  const claims = JSON.parse(readFileSync(PROVEN, 'utf8')) as Proofs;
  const proofs = joinProofs(serviceIds.map(loadService), {}, answered);
  return Object.entries(claims).flatMap(([operation, claimed]) =>
    claimed.filter((test) => tests.includes(test) && !proofs[operation]?.includes(test)).map((test) => `${operation} by ${test}`),
  );
}
