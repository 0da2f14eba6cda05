import { hash } from 'node:crypto';
import { ServiceError } from '../../platform/errors/families.ts';
import { parseS3Uri } from '../../platform/objects/s3-uri.ts';
import { readRow } from '../../platform/store/typed-rows.ts';
import type { FileReading, GraphStep, JsonObject } from '../../../sdk/definition/index.ts';
import {
  cacheExpiryMs,
  cacheRequestOf,
  canonicalText,
  contentText,
  contentUrisOf,
  isFresh,
  nth,
  resolve,
  withContent,
} from '../../../sdk/definition/index.ts';
import type { Evaluation } from './decide-execution.ts';
import { isPassing, passingFault } from '../../platform/errors/passing.ts';
import type { PipelinePorts } from './ports.ts';
import { readJsonFile } from './read-files.ts';
import { executionKeyOfArn } from './names.ts';
import { type StepCacheDocument, type StepCacheKey, stepCacheKey, type StepDocument, stepKey } from './resources.ts';
import { type ExecutionRun, originOf, scopeOf } from './run.ts';
import { principalOf } from './steps/work.ts';

/** Looks for a result that a step can take instead of being run. */
export async function lookUp(ports: PipelinePorts, run: ExecutionRun, index: number): Promise<Evaluation> {
  const step = nth(run.progress.graph.steps, index);
  if (run.selection?.reuse.has(index)) return takeFromSource(ports, run, step);
  try {
    const cache = await keyOf(ports, run, step);
    if (!cache) return { work: true };
    // who selects a step wants it run; its result is kept all the same
    const kept = run.selection ? undefined : await freshResult(ports, run, step, cache);
    return kept ? { taken: takenOf(kept) } : { work: true, cache };
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (isPassing(error)) throw passingFault(error);
    return { work: true }; // running the step tells what is wrong
  }
}

async function takeFromSource(ports: PipelinePorts, run: ExecutionRun, { name }: GraphStep): Promise<Evaluation> {
  const { sourceArn = '', older = {} } = run.execution.selective ?? {};
  const executionArn = older[name] ?? sourceArn;
  const row = await readRow<StepDocument>(ports.store, stepKey(executionKeyOfArn(run.key, executionArn), name));
  if (row?.document.status !== 'Succeeded')
    return { problem: `ClientError: Step '${name}' has no result in ${executionArn} any more.` };
  const { metadata, properties, outcome } = row.document;
  return { taken: { metadata, properties, outcome, takenFrom: { by: 'selection', executionArn } } };
}

async function freshResult(
  ports: PipelinePorts,
  run: ExecutionRun,
  { name, step }: GraphStep,
  { digest }: StepCacheKey,
): Promise<StepCacheDocument | undefined> {
  const row = await readRow<StepCacheDocument>(ports.store, stepCacheKey(run.key, run.incarnation, name, digest));
  if (!row) return undefined;
  return isFresh(row.document.endedAtMs, cacheExpiryMs(step) ?? 0, ports.clock.now()) ? row.document : undefined;
}

const takenOf = ({ metadata, properties, executionArn }: StepCacheDocument) => ({
  metadata,
  properties,
  takenFrom: { by: 'cache' as const, executionArn },
});

/** Undefined when what is asked of the step cannot be said before it runs, or, in content mode, cannot be looked at. */
async function keyOf(ports: PipelinePorts, run: ExecutionRun, step: GraphStep): Promise<StepCacheKey | undefined> {
  const request = await resolveRequest(ports, run, step);
  if (!request) return undefined;
  if (run.execution.cacheMode !== 'content') return { digest: digestOf(request) };
  const { uris, manifest } = contentUrisOf(request);
  if (manifest !== undefined) return undefined; // what it lists may have changed without its own bytes changing
  const content = await contentOf(ports, run, step, uris);
  return { digest: digestOf(withContent(request, new Map(Object.entries(content)))), content };
}

const digestOf = (request: JsonObject): string => hash('sha256', canonicalText(request));

async function resolveRequest(
  ports: PipelinePorts,
  run: ExecutionRun,
  { name, step }: GraphStep,
): Promise<JsonObject | undefined> {
  const files = new Map<string, FileReading>();
  const index = run.progress.graph.indexOf.get(name) ?? 0;
  for (;;) {
    const resolved = resolve(cacheRequestOf(step), scopeOf(run, files, { index }, ports.clock.now()));
    if (resolved.problem !== undefined) return undefined;
    if (resolved.value !== undefined) return resolved.value as JsonObject;
    const reader = { calls: ports.calls, principal: await principalOf(ports, run), origin: originOf(run, name) };
    for (const uri of resolved.files) files.set(uri, await readJsonFile(reader, uri));
  }
}

/** Whether the objects a step's key was made of are still what they were: then the step has read just these. */
export async function isContentUnchanged(ports: PipelinePorts, run: ExecutionRun, document: StepDocument): Promise<boolean> {
  const before = document.cache?.content ?? {};
  try {
    const now = await contentOf(ports, run, nth(run.progress.graph.steps, document.index), Object.keys(before));
    return Object.entries(now).every(([uri, digest]) => before[uri] === digest);
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    if (isPassing(error)) throw passingFault(error);
    return false;
  }
}

/** SHA-256 over name, ETag and size of every object below each URI. */
async function contentOf(
  ports: PipelinePorts,
  run: ExecutionRun,
  { name }: Pick<GraphStep, 'name'>,
  uris: readonly string[],
): Promise<Record<string, string>> {
  const principal = await principalOf(ports, run);
  const digests: Record<string, string> = {};
  for (const uri of uris) {
    const location = parseS3Uri(uri);
    if (!location) continue;
    const objects: { Key?: string; ETag?: string; Size?: number }[] = [];
    let ContinuationToken: string | undefined;
    do {
      const page = await ports.calls.call(principal, originOf(run, name), 's3:ListObjectsV2', {
        Bucket: location.bucket,
        Prefix: location.key,
        ...(ContinuationToken !== undefined && { ContinuationToken }),
      });
      objects.push(...(page.Contents ?? []));
      ContinuationToken = page.NextContinuationToken;
    } while (ContinuationToken !== undefined);
    digests[uri] = hash('sha256', contentText(location.key, objects));
  }
  return digests;
}
