import type { Fault } from '../swarm.ts';

/** Something that the machine, its router or its network may do next of its own accord. */
export interface SimAction {
  readonly name: string;
  /** It is none that happens by itself on a healthy machine. */
  readonly fault?: Fault;
  perform(): void;
}
