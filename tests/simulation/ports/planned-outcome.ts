import type { WorkSpec } from '../../../src/platform/ports/work.ts';
import { type AttemptOutcome, attemptGroup, FILES_VARIABLE, OUTCOME_VARIABLE, outcomeOf } from '../workload/outcomes.ts';

/** What a piece of work comes to by itself, unless it is stopped or the machine fails it. */
export interface PlannedOutcome {
  readonly end: AttemptOutcome;
  /** Files outside of outputs, by absolute path; written when it ends. */
  readonly texts: Readonly<Record<string, string>>;
  /** Output name to relative path to content; written when it ends well. */
  readonly outputs: Readonly<Record<string, Readonly<Record<string, string>>>>;
  /** What it prints, once it has begun. */
  readonly lines: readonly string[];
}

/** What else an outcome may depend on. */
export interface OutcomeFacts {
  /** Which job of its step this is, or which start of a service; from 1. */
  readonly attempt: number;
  /** The specifications of the services that the work asks. */
  readonly services: readonly WorkSpec[];
}

const FAILURE_FILE = '/opt/ml/output/failure';
const WORK_ID = /^(training|processing|transform)-job-(.+)-[0-9a-f]{12}(?:-r\d+)?(?:-\d+)?(?:-m\d+)?$/;

/** In lower case; undefined for work of no job. */
export const jobNameOf = (workId: string): string | undefined => WORK_ID.exec(workId)?.[2];

/** The jobs that one step asks for in turn; a job of nobody's pipeline is a group of its own. */
export const attemptGroupOf = (workId: string): string | undefined => {
  const name = jobNameOf(workId);
  return name === undefined ? undefined : (attemptGroup(name) ?? name);
};

export const isEnvironment = ({ id }: WorkSpec): boolean => id.startsWith('function-');
export const isBatchServer = ({ environment }: WorkSpec): boolean => environment['SAGEMAKER_BATCH'] === 'true';
/** A transform's driver says nothing itself: what its model servers were told counts for it. */
export const isDriver = ({ services }: WorkSpec): boolean => (services?.length ?? 0) > 0;

/** By what the specification says, and by nothing else: an oracle that reads the same request knows it. */
export function plannedOutcome(spec: WorkSpec, { attempt, services }: OutcomeFacts): PlannedOutcome {
  const told = (isDriver(spec) ? services[0] : spec)?.environment[OUTCOME_VARIABLE];
  const always = isEnvironment(spec) || isBatchServer(spec);
  const end = always ? 'ok' : outcomeOf(told, attempt);
  const failed = end === 'fail' && spec.kind === 'job';
  return {
    end,
    texts: failed ? { [FAILURE_FILE]: `planned failure of attempt ${attempt}` } : {},
    outputs: isDriver(spec) ? driverOutputs(spec) : jobOutputs(spec),
    lines: [`${spec.id} began (${end}, attempt ${attempt})`],
  };
}

function jobOutputs({ environment }: WorkSpec): PlannedOutcome['outputs'] {
  const outputs: Record<string, Record<string, string>> = {};
  for (const [place, content] of Object.entries(JSON.parse(environment[FILES_VARIABLE] ?? '{}') as Record<string, string>)) {
    const [output = '', ...path] = place.split('/');
    outputs[output] ??= {};
    outputs[output][path.join('/')] = content;
  }
  return outputs;
}

/** One output per input, which says which input it is of. */
function driverOutputs({ files }: WorkSpec): PlannedOutcome['outputs'] {
  const plan = JSON.parse(files[0]?.text ?? '{}') as { files?: { uri: string; output: string }[] };
  return { transform: Object.fromEntries((plan.files ?? []).map(({ uri, output }) => [output, `transformed ${uri}\n`])) };
}
