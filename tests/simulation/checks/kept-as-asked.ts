import { isDeepStrictEqual } from 'node:util';
import { type Check, memberOf, type RowChange, shown } from './check.ts';

/** Members that say what was asked for: the API has no call that changes them. An empty list stands for the whole document. */
const KEPT: { readonly [kind: string]: readonly string[] } = {
  PipelineExecution: ['arn', 'pipelineArn', 'definitionDigest', 'parameters', 'roleArn', 'createdAtMs'],
  TrainingJob: ['arn', 'request', 'createdAtMs'],
  ProcessingJob: ['arn', 'request', 'createdAtMs'],
  TransformJob: ['arn', 'request', 'model', 'createdAtMs'],
  ModelPackage: ['ModelPackageArn', 'ModelPackageVersion', 'artifacts', 'CreationTime', 'CreatedBy'],
  Model: [],
  EndpointConfig: [],
};

/** Once settled, these say how it ended. */
const ENDS: { readonly [kind: string]: readonly string[] } = {
  TrainingJob: ['failureReason', 'endedAtMs', 'modelArtifacts', 'metrics', 'end'],
  ProcessingJob: ['failureReason', 'endedAtMs', 'exitMessage', 'end'],
  TransformJob: ['failureReason', 'endedAtMs', 'end'],
};

export const checkKeptAsAsked = (): Check => ({
  promise: 'what was asked for stays as it was asked, and how a job ended stays as it was told',
  onCommit: ({ changes }) =>
    changes.flatMap(({ key, before, after }: RowChange) => {
      const kept = KEPT[key.kind];
      if (!kept || !before || !after) return [];
      const wasEnded = memberOf(before.document, 'endedAtMs') !== undefined;
      const members = kept.length === 0 ? Object.keys({ ...before.document, ...after.document }) : kept;
      return [...members, ...(wasEnded ? (ENDS[key.kind] ?? []) : [])].flatMap((member) => {
        const [old, now] = [before.document[member], after.document[member]];
        return isDeepStrictEqual(old, now)
          ? []
          : [`${member} of ${shown(key)} was ${JSON.stringify(old)}, and is ${JSON.stringify(now)}`];
      });
    }),
});

const TIMES = ['createdAtMs', 'startedAtMs', 'endedAtMs'] as const;

export const checkTimesInOrder = ({ nowMs }: { nowMs(): number }): Check => ({
  promise: 'everything is created, then begins, then ends, and none of it lies ahead',
  onCommit: ({ changes }) =>
    changes.flatMap(({ key, after }) => {
      const times = TIMES.map((member) => [member, memberOf(after?.document, member)] as const).filter(
        (time): time is readonly [(typeof TIMES)[number], number] => typeof time[1] === 'number',
      );
      const wrong = times.filter(([, time], at) => time < (times[at - 1]?.[1] ?? 0) || time > nowMs());
      return wrong.map(([member, time]) => `${member} of ${shown(key)} is ${time}, among ${JSON.stringify(times)} at ${nowMs()}`);
    }),
});
