import { keyText, type ResourceKey } from '../../../src/platform/resource-key.ts';
import type { Row } from '../../../src/platform/store/port.ts';
import {
  type Check,
  keyOfArn,
  memberOf,
  type RowChange,
  type SeenWork,
  shown,
  textOf,
  type Watched,
  type WatchedWork,
} from './check.ts';
import { isUnsettled, STATUSES, transitionOf } from './statuses.ts';

const JOBS = ['TrainingJob', 'ProcessingJob', 'TransformJob'] as const;

/** What a status says of a job has happened on the machine, and nothing else. */
export function checkJobsAreTheirWork(watched: Watched): Check {
  const { disk, works } = watched;
  const jobs = new Map<string, ResourceKey>();
  const begun = new Set<string>();
  const stops = new Set<string>();
  const jobOf = (workId: string): Row | undefined => {
    for (let id = workId; id !== ''; id = id.slice(0, Math.max(0, id.lastIndexOf('-')))) {
      const key = jobs.get(id);
      if (key) return disk.rows.get(key);
    }
    return undefined;
  };
  const worksOf = ({ document }: Row): readonly (readonly [string, WatchedWork])[] => {
    const base = textOf(document, 'workId') ?? '';
    return [...works].filter(([id, { spec }]) => spec.kind === 'job' && (id === base || id.startsWith(`${base}-`)));
  };
  const ended = (row: Row, to: string): string[] => {
    const own = worksOf(row);
    const problems = own
      .filter(([, { phase }]) => phase === 'running')
      .map(([id]) => `${shown(row.key)} is ${to}, but its work ${id} still runs`);
    if (to === 'Stopped' && !wasStopped(row)) problems.push(`${shown(row.key)} is Stopped, and nobody asked for it`);
    if (to !== 'Completed') return problems;
    problems.push(...artifacts(row));
    const well = own.filter(([, { end }]) => end?.reason === 'exited' && end.exitCode === 0);
    const hosts = own[0]?.[1].spec.hosts.length ?? 1;
    if (well.length < hosts) problems.push(`${shown(row.key)} is Completed, but ${well.length} of its ${hosts} hosts ended well`);
    return problems;
  };
  /** Somebody asked for it, or its time was over. */
  const wasStopped = (row: Row): boolean =>
    stops.has(textOf(row.document, 'arn') ?? '') || worksOf(row).some(([, { end }]) => end?.reason === 'max-runtime');
  const artifacts = (row: Row): string[] => {
    const uri = textOf(row.document, 'modelArtifacts');
    if (uri === undefined || disk.rows.get({ ...row.key, region: 'global', kind: 'S3Object', name: uri.replace('s3://', '') }))
      return [];
    return [`${shown(row.key)} is Completed, but its artifacts ${uri} are not there`];
  };
  const onRow = (change: RowChange): string[] => {
    const { key, after } = change;
    const workId = textOf(after?.document, 'workId');
    if (after && workId !== undefined && isJob(key)) jobs.set(workId, key);
    const transition = transitionOf(change);
    if (!transition || !after || !isJob(key)) return [];
    return STATUSES[key.kind]?.settled.has(transition.to) ? ended(after, transition.to) : [];
  };
  const running = (): Row[] =>
    [...works].flatMap(([id, { spec, phase }]) => {
      const job = spec.kind === 'job' && (phase === 'preparing' || phase === 'running') ? jobOf(id) : undefined;
      // a transform's driver takes its room from its model servers
      return job && job.key.kind !== 'TransformJob' ? [job] : [];
    });
  const roomProblems = (): string[] => {
    const hosts = running();
    // one that is larger than the room gets in when it is alone
    const isAlone = new Set(hosts.map(({ key }) => keyText(key))).size === 1;
    return hosts.length <= watched.jobHostsMax || isAlone
      ? []
      : [`${hosts.length} hosts of jobs run at once, there is room for ${watched.jobHostsMax}`];
  };
  const onWork = ({ id, phase, work }: SeenWork): string[] => {
    if (work.spec.kind !== 'job' || phase !== 'running') return [];
    const problems: string[] = [];
    if (begun.has(id)) problems.push(`work ${id} of a job begins a second time`);
    begun.add(id);
    const job = jobOf(id);
    if (!job) problems.push(`work ${id} begins, but belongs to no job`);
    else if (!isUnsettled(job.key.kind, job.document))
      problems.push(`work ${id} begins, but ${shown(job.key)} is ${textOf(job.document, 'status')}`);
    problems.push(...roomProblems());
    return problems;
  };
  return {
    promise: 'the status of a job is what became of its work, which runs once, while the job does, and in what room there is',
    onCommit({ changes, ledger }) {
      for (const { entry } of ledger) {
        if (/^sagemaker:Stop(Training|Processing|Transform)Job$/.test(entry.action))
          for (const arn of entry.resources) stops.add(arn);
      }
      return changes.flatMap(onRow);
    },
    onWork,
  };
}

const isJob = ({ kind }: ResourceKey): boolean => (JOBS as readonly string[]).includes(kind);

/** Which job a step's metadata names. */
const JOB_STEPS: { readonly [type: string]: (typeof JOBS)[number] } = {
  Training: 'TrainingJob',
  Processing: 'ProcessingJob',
  Transform: 'TransformJob',
};

/** A step that made a job ends as the job did. */
export function checkStepsAreTheirJobs({ disk }: Watched): Check {
  const ALLOWED: { readonly [status: string]: readonly string[] } = {
    Succeeded: ['Completed'],
    // the job was stopped by somebody, or the step's own time was over
    Failed: ['Failed', 'Stopped', 'Stopping', 'not there'],
    Stopped: ['Stopped', 'Completed', 'Failed', 'not there'],
  };
  const problemsOf = ({ key, after }: RowChange, to: string): string[] => {
    const kind = JOB_STEPS[textOf(after?.document, 'type') ?? ''];
    // a result that was taken over has its job in the execution it was taken from
    if (!kind || memberOf(after?.document, 'takenFrom') !== undefined) return [];
    const arn = textOf(after?.document, 'metadata', kind, 'Arn');
    if (arn === undefined) return to === 'Succeeded' ? [`${shown(key)} Succeeded without a job`] : [];
    const job = disk.rows.get(keyOfArn(arn, kind));
    const status = textOf(job?.document, 'status') ?? 'not there';
    return ALLOWED[to]?.includes(status) ? [] : [`${shown(key)} is ${to}, but its job ${arn} is ${status}`];
  };
  return {
    promise: 'a step whose work is a job ends as the job did',
    onCommit: ({ changes }) =>
      changes.flatMap((change) => {
        const transition = transitionOf(change);
        const ends = transition?.kind === 'PipelineExecutionStep' && transition.rules.settled.has(transition.to);
        return ends ? problemsOf(change, transition.to) : [];
      }),
  };
}
