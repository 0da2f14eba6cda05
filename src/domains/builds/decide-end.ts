import type { PhaseContext, StatusType } from '../../contract/generated/codebuild.ts';
import type { WorkEnd } from '../../platform/ports/work.ts';
import type { BuildRecords } from './decide-phases.ts';

/** What the end of a build's work means for the build. Pure. */

interface BuildEnd {
  readonly status: StatusType;
  /** Of the phase that was open. */
  readonly phaseStatus: StatusType;
  readonly context?: PhaseContext;
  /** The failure is one of its sources, though its driver never ran. */
  readonly inSource?: true;
}

const fault = (message: string): BuildEnd => ({
  status: 'FAULT',
  phaseStatus: 'FAULT',
  context: { statusCode: 'INTERNAL_SERVICE_ERROR', message },
});

const failed = (statusCode: string, message: string): BuildEnd => ({
  status: 'FAILED',
  phaseStatus: 'FAILED',
  context: { statusCode, message },
});

/** Builds run on the tools of this machine, for which AWS's build images stand; what an image of one's own holds would be missing. */
export const refusedImage = (image: string): PhaseContext | undefined =>
  /^\d{12}\.dkr\.ecr\./.test(image)
    ? {
        statusCode: 'BUILD_CONTAINER_UNABLE_TO_PULL_IMAGE',
        message: `Unable to run ${image}: builds on images of one's own are not implemented. Use one of aws/codebuild/, e.g. aws/codebuild/standard:7.0.`,
      }
    : undefined;

/** A stop wins over whatever the build did meanwhile. */
export function decideEnd(end: WorkEnd, records: BuildRecords, stopping: boolean): BuildEnd {
  if (stopping || end.reason === 'stopped') return { status: 'STOPPED', phaseStatus: 'STOPPED' };
  switch (end.reason) {
    case 'max-runtime':
      return {
        status: 'TIMED_OUT',
        phaseStatus: 'TIMED_OUT',
        context: { statusCode: 'BUILD_TIMED_OUT', message: 'Build has timed out. ' },
      };
    case 'out-of-memory':
      return failed('OUT_OF_MEMORY', 'The build was ended: it took more memory than its compute type has. Choose a larger one.');
    case 'lost':
      return fault(`The build was lost: ${end.message ?? 'the process that minded it vanished.'}`);
    case 'failed-to-start':
      // only archives and objects of the sources can be refused there
      return /^(The archive|The object|Two input objects|The key of an input)/.test(end.message ?? '')
        ? { ...failed('CLIENT_ERROR', end.message ?? ''), inSource: true }
        : fault(end.message ?? 'The build could not be started.');
    case 'exited':
      if (records.end === 'SUCCEEDED') return { status: 'SUCCEEDED', phaseStatus: 'SUCCEEDED' };
      if (records.end === 'FAILED') return { status: 'FAILED', phaseStatus: 'FAILED' };
      return failed(
        'CLIENT_ERROR',
        end.message ??
          `The build ended on the way (exit status ${end.exitCode ?? 'unknown'}): a command ended the process that ran it.`,
      );
  }
}
