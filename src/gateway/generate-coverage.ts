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

/** For whom IAM has the same operations under names that differ by this; those that it lacks are in no model. */
const HOLDERS = ['User', 'Role', 'Group'];

/** Operations of the rooms, as their source defines them. */
export function implementedOperations(): Set<string> {
  const files = globSync('src/domains/**/*.ts', { cwd: ROOT }).filter((file) => !/(?:\.test|-rig)\.ts$/.test(file));
  return new Set([...DATA_PLANE, ...files.flatMap((file) => definedOperations(readFileSync(join(ROOT, file), 'utf8')))]);
}

/** `operation('iam:GetUser', …)`, `` operation(`iam:Tag${kind}`, …) ``, and those of a function that takes `name: 'a:B' | 'a:C'`. */
function definedOperations(source: string): string[] {
  const literal = [...source.matchAll(/\boperation\(\s*'([a-z0-9-]+:[A-Za-z0-9]+)'/g)].map(([, name = '']) => name);
  const patterns = [...source.matchAll(/\boperation\(\s*`([a-z0-9-]+:[A-Za-z]*)\$\{kind\}([A-Za-z]*)`/g)];
  const ofHolders = patterns.flatMap(([, before = '', after = '']) => HOLDERS.map((kind) => `${before}${kind}${after}`));
  const unions = /\boperation\(name,/.test(source) ? source.matchAll(/\bname:((?:\s*\|?\s*'[a-z0-9-]+:[A-Za-z0-9]+')+)/g) : [];
  const ofUnions = [...unions].flatMap(([, union = '']) => [...union.matchAll(/'([^']+)'/g)].map(([, name = '']) => name));
  return [...literal, ...ofHolders, ...ofUnions];
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
