/**
 * Maintenance script, run by hand when the API models are refreshed: reads the service models of an unpacked botocore
 * wheel and writes one compact `models/<service>.json` per served service. See models/README.md.
 *
 *   node models/compact.ts <unpacked wheel folder>
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { serviceIds } from './load.ts';

type Json = Record<string, unknown>;

/** What no server needs. Everything else is kept, so that a trait new in botocore is seen in the diff, not lost. */
const dropped = new Set([
  'documentation',
  'documentationUrl',
  'deprecatedMessage',
  'deprecatedSince',
  'staticContextParams',
  'operationContextParams',
  'contextParam',
  'auth',
  'uid',
  'synthetic',
]);

function sorted<T>(record: Record<string, T>): [string, T][] {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

function without(traits: Json): Json {
  return Object.fromEntries(sorted(traits).filter(([key]) => !dropped.has(key)));
}

/** A shape's `members` maps member names to references: the names are data and survive whatever they are called. */
function compactShape(shape: Json): Json {
  const kept = without(shape);
  if (shape.members) {
    const members = Object.entries(shape.members as Record<string, Json>);
    kept.members = Object.fromEntries(members.map(([name, ref]) => [name, without(ref)]));
  }
  for (const key of ['member', 'key', 'value']) {
    if (shape[key]) kept[key] = without(shape[key] as Json);
  }
  return kept;
}

function compactOperation(operation: Json): Json {
  const kept = without(operation);
  for (const key of ['input', 'output']) {
    if (operation[key]) kept[key] = without(operation[key] as Json);
  }
  if (operation.errors) kept.errors = (operation.errors as Json[]).map((error) => ({ shape: error.shape }));
  return kept;
}

/** One operation or shape per line: small files, readable diffs between botocore versions. */
function printSection(record: Record<string, Json>, compact: (value: Json) => Json): string {
  const lines = sorted(record).map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(compact(value))}`);
  return `{\n${lines.join(',\n')}\n}`;
}

function merge(target: Json, extra: Json): void {
  for (const [key, value] of Object.entries(extra)) {
    const old = target[key];
    if (value && old && typeof value === 'object' && typeof old === 'object') merge(old as Json, value as Json);
    else target[key] = value;
  }
}

function readService(folder: string): Json {
  const version = readdirSync(folder).sort().at(-1);
  if (version === undefined) throw new Error(`${folder} holds no API version; unpack the whole wheel`);
  const packed = join(folder, version, 'service-2.json.gz');
  const text = existsSync(packed)
    ? gunzipSync(readFileSync(packed)).toString('utf8')
    : readFileSync(join(folder, version, 'service-2.json'), 'utf8');
  const model = JSON.parse(text) as Json;
  const extras = join(folder, version, 'service-2.sdk-extras.json');
  if (existsSync(extras)) merge(model, (JSON.parse(readFileSync(extras, 'utf8')) as { merge: Json }).merge);
  return model;
}

function printModel(model: Json, source: string): string {
  return [
    `{"source":${JSON.stringify(source)},`,
    `"metadata":${JSON.stringify(without(model.metadata as Json))},`,
    `"operations":${printSection(model.operations as Record<string, Json>, compactOperation)},`,
    `"shapes":${printSection(model.shapes as Record<string, Json>, compactShape)}}`,
    '',
  ].join('\n');
}

const wheel = process.argv[2];
if (wheel === undefined) {
  process.stderr.write('usage: node models/compact.ts <folder with an unpacked botocore wheel>\n');
  process.exit(2);
}
const version = /__version__ = '([^']+)'/.exec(readFileSync(join(wheel, 'botocore/__init__.py'), 'utf8'))?.[1];
if (version === undefined) throw new Error(`${wheel}/botocore/__init__.py names no __version__; is this a botocore wheel?`);
for (const id of serviceIds) {
  const model = readService(join(wheel, 'botocore/data', id));
  writeFileSync(new URL(`./${id}.json`, import.meta.url), printModel(model, `botocore ${version}`));
}
