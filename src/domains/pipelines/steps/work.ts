import type { OperationName } from '../../../contract/operations.ts';
import type { Principal } from '../../../platform/authorization/principal.ts';
import { ServiceError } from '../../../platform/errors/families.ts';
import type { FileReading, Json, JsonObject } from '../../../../sdk/definition/index.ts';
import { CACHE_KEY_TAG, isJsonObject, resolve } from '../../../../sdk/definition/index.ts';
import type { Observation } from '../decide-execution.ts';
import { isPassing } from '../../../platform/errors/passing.ts';
import type { PipelinePorts } from '../ports.ts';
import { readJsonFile } from '../read-files.ts';
import { type ExecutionRun, scopeOf } from '../run.ts';
import type { Work } from './step-kind.ts';

/** The session of the pipeline's role in which an execution makes its calls. Throws in AWS's words when the role cannot be assumed. */
export async function principalOf(ports: PipelinePorts, run: ExecutionRun): Promise<Principal> {
  run.principal ??= await ports.roles.assume({
    account: run.key.account,
    roleArn: run.execution.roleArn,
    service: 'sagemaker.amazonaws.com',
    sessionName: `pipelines-${run.execution.executionId}`,
    onBehalfOf: run.execution.arn,
  });
  return run.principal;
}

/** The arguments of a step with every expression evaluated; without the name they may give, which is in the job's name already. */
export async function resolveArguments(work: Work, nameMember: string | undefined): Promise<JsonObject> {
  const given = { ...(work.step.step.Arguments as JsonObject) };
  if (nameMember !== undefined) delete given[nameMember];
  const resolved = await resolveValue(work, given);
  return isJsonObject(resolved) ? resolved : {};
}

/** A value of the step with every expression evaluated, reading the files they need. */
export async function resolveValue(work: Work, value: Json): Promise<Json> {
  const { run, document, ports } = work;
  const files = new Map<string, FileReading>();
  for (;;) {
    const resolved = resolve(value, scopeOf(run, files, document));
    if (resolved.problem !== undefined) throw new ServiceError('ValidationException', resolved.problem);
    if (resolved.value !== undefined) return resolved.value;
    const reader = { calls: ports.calls, principal: work.principal, origin: work.origin };
    for (const uri of resolved.files) files.set(uri, await readJsonFile(reader, uri));
  }
}

/** AWS puts these on everything an execution makes. */
export function tagsOf({ run, step, document: { cache } }: Work, input: JsonObject): Json {
  const own = [
    { Key: 'sagemaker:pipeline-execution-arn', Value: run.execution.arn },
    { Key: 'sagemaker:pipeline-step-name', Value: step.name },
    ...(cache?.content ? [{ Key: CACHE_KEY_TAG, Value: cache.digest }] : []),
  ];
  const given = Array.isArray(input['Tags']) ? input['Tags'] : [];
  return [...given.filter((tag) => !isJsonObject(tag) || !own.some(({ Key }) => Key === tag['Key'])), ...own];
}

/** A call by a name that is only known at run time; its input is validated like any other. */
export async function call(work: Work, name: OperationName, input: object): Promise<JsonObject> {
  const output = await work.ports.calls.call(work.principal, work.origin, name, input as never);
  return JSON.parse(JSON.stringify(output)) as JsonObject; // as the store keeps it: without undefined members
}

export async function create(work: Work, name: OperationName, input: object): Promise<JsonObject> {
  try {
    return await call(work, name, input);
  } catch (error) {
    if (!(error instanceof ServiceError) || isPassing(error) || isExisting(error)) throw error;
    throw new ServiceError(error.code, `Failed to invoke ${name}. Error Details: ${error.message}`);
  }
}

/** Creates, or finds that an earlier try did: the name is ours alone. Undefined in that case. */
export async function createOrFind(work: Work, name: OperationName, input: object): Promise<JsonObject | undefined> {
  try {
    return await create(work, name, input);
  } catch (error) {
    if (error instanceof ServiceError && isExisting(error)) return undefined;
    throw error;
  }
}

/** Undefined when what is asked for is not there. */
export async function unlessAbsent<T>(asked: Promise<T>): Promise<T | undefined> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof ServiceError && error.finding === 'absent') return undefined;
    throw error;
  }
}

const isExisting = ({ finding }: ServiceError): boolean => finding === 'exists';

/**
 * Stops a step that takes no time: what it made before a server died without recording it is there, and the step succeeded; otherwise it is
 * not made any more.
 */
export async function stopMade(work: Work, made: Promise<Observation | undefined>): Promise<Observation> {
  return (await unlessAbsent(made)) ?? { kind: 'stopped', step: work.index, reason: 'The execution was stopped.' };
}

export const textOf = (document: JsonObject | undefined, member: string): string | undefined => {
  const value = document?.[member];
  return typeof value === 'string' ? value : undefined;
};
