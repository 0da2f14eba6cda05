/**
 * Writes docs/api-coverage.md. With a file of recorded proofs, first adds them to tests/clients/proven.json:
 *
 *   SLIPWAY_PROOF_FILE=/tmp/proofs npm test && node src/gateway/generate-coverage.ts /tmp/proofs
 */
import { globSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadService, serviceIds } from '../../models/load.ts';
import { coveragePage, joinProofs, type Proofs } from './coverage.ts';

const ROOT = join(import.meta.dirname, '../..');
const PAGE = join(ROOT, 'docs/api-coverage.md');
const PROOFS = join(ROOT, 'tests/clients/proven.json');

/** Answered by the router process, which has no rooms. */
const DATA_PLANE = ['InvokeEndpoint', 'InvokeEndpointAsync', 'InvokeEndpointWithResponseStream'].map(
  (name) => `sagemaker:${name}`,
);

/** Operations of the rooms, as their source defines them: `operation('sagemaker:CreateModel', …)`. */
export function implementedOperations(): Set<string> {
  const files = globSync('src/domains/**/*.ts', { cwd: ROOT }).filter((file) => !file.endsWith('.test.ts'));
  const names = files.flatMap((file) => [
    ...readFileSync(join(ROOT, file), 'utf8').matchAll(/\boperation\(\s*'([a-z0-9-]+:[A-Za-z0-9]+)'/g),
  ]);
  return new Set([...DATA_PLANE, ...names.map((match) => match[1] ?? '')]);
}

const readProofs = (): Proofs => JSON.parse(readFileSync(PROOFS, 'utf8')) as Proofs;

/** What the page should say now. */
export const currentPage = (): string => coveragePage(serviceIds.map(loadService), implementedOperations(), readProofs());

if (import.meta.main) {
  const recorded = process.argv[2];
  if (recorded !== undefined) {
    const lines = readFileSync(recorded, 'utf8').split('\n');
    writeFileSync(PROOFS, `${JSON.stringify(joinProofs(serviceIds.map(loadService), readProofs(), lines), undefined, 2)}\n`);
  }
  writeFileSync(PAGE, currentPage());
}
