import type { WorkEnd, WorkSpec } from '../../../src/platform/ports/work.ts';
import type { PlannedOutcome } from './planned-outcome.ts';

/** A piece of work as the machine has it: it outlives the servers that ask for it. */
export interface SimWork {
  readonly spec: WorkSpec;
  /** `staged`: handed to a spawner that has not claimed it. */
  phase: 'staged' | 'preparing' | 'running' | 'ended';
  /** Which life of the server handed it over last; undefined once its spawner is gone. */
  handedBy: number | undefined;
  /** How often it was started; services are started again under their name. */
  readonly attempt: number;
  readonly plan: PlannedOutcome;
  stopAsked: boolean;
  startedAtMs: number | undefined;
  end: WorkEnd | undefined;
  /** A service that answers. */
  ready: boolean;
  /** Archives that were added while it ran: place to digest. */
  readonly added: Map<string, string>;
  cancelDeadline: () => void;
}

/** What became of a work, kept after its release: for checks and for whoever reads a trace. */
export interface SimEnd {
  readonly workId: string;
  readonly reason: WorkEnd['reason'];
  /** Whether it came to what its specification says, or the machine failed it. */
  readonly planned: boolean;
  readonly atMs: number;
}

export const isLive = ({ phase }: SimWork): boolean => phase === 'preparing' || phase === 'running';

export const endedWell = (end: WorkEnd | undefined): boolean => end?.reason === 'exited' && end.exitCode === 0;

export const ISOLATION = 'simulated';
