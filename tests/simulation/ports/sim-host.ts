import type { Clock } from '../../../src/platform/clock.ts';
import { BackendError } from '../../../src/platform/errors/families.ts';
import type { WorkAnswer, WorkEnd, WorkRequest, WorkSpec, WorkStatus } from '../../../src/platform/ports/work.ts';
import { frozenCopy } from '../frozen-copy.ts';
import type { Fault } from '../swarm.ts';
import {
  attemptGroupOf,
  isDriver,
  isEnvironment,
  jobNameOf,
  type OutcomeFacts,
  type PlannedOutcome,
  plannedOutcome,
} from './planned-outcome.ts';
import type { SimAction } from './sim-action.ts';
import type { SimBlobDisk } from './sim-blobs.ts';
import type { SimLogDisk } from './sim-log-files.ts';
import { SimReports } from './sim-reports.ts';
import { SimServices } from './sim-services.ts';
import { endedWell, ISOLATION, isLive, type SimEnd, type SimWork } from './sim-work.ts';

export interface SimHostOptions {
  readonly clock: Clock;
  readonly logs: SimLogDisk;
  readonly blobs: SimBlobDisk;
  /** Pure; by default `plannedOutcome`. */
  readonly outcomeOf?: (spec: WorkSpec, facts: OutcomeFacts) => PlannedOutcome;
}

const NO_FAULTS: ReadonlySet<Fault> = new Set();
/** No process comes up and ends within the same moment. */
const RUN_MS_MIN = 20;
const ID = /^[a-z0-9-]{1,120}$/;
const ENDS: Readonly<Record<'fail' | 'ok' | 'oom' | 'timeout' | 'lost', Pick<WorkEnd, 'reason' | 'exitCode'>>> = {
  ok: { reason: 'exited', exitCode: 0 },
  fail: { reason: 'exited', exitCode: 1 },
  oom: { reason: 'out-of-memory', exitCode: 137 },
  timeout: { reason: 'max-runtime', exitCode: 143 },
  lost: { reason: 'lost' },
};

/** The machine on which works run: what it does by itself is offered as actions, what servers ask for is done at once. */
export class SimHost {
  readonly works = new Map<string, SimWork>();
  readonly problems: string[] = [];
  /** Of all works that ever ended, in order. */
  readonly ends: SimEnd[] = [];
  readonly reports: SimReports;
  readonly services: SimServices;
  readonly #options: SimHostOptions;
  /** Jobs whose work was released: nothing starts them again. */
  readonly #released = new Set<string>();
  /** Of services: how often a work of this id was started. */
  readonly #starts = new Map<string, number>();
  /** Jobs of each group, in the order of their first start. */
  readonly #groups = new Map<string, string[]>();
  #life = 0;

  constructor(options: SimHostOptions) {
    this.#options = options;
    this.reports = new SimReports(options.clock);
    this.services = new SimServices({
      clock: options.clock,
      problem: (text) => this.problems.push(text),
      end: (work, outcome) => this.#endAsPlanned(work, outcome),
      print: (work, lines) => this.#print(work, lines),
    });
  }

  // what servers ask for

  /** A server process begins; returns its number. Spawners of earlier ones may yet claim what they were handed. */
  openedBy(): number {
    this.#life += 1;
    this.reports.forget();
    return this.#life;
  }

  start(spec: WorkSpec, life: number): void {
    requireId(spec.id);
    const known = this.works.get(spec.id);
    if (known) {
      this.#compare(known.spec, spec);
      if (known.phase === 'staged') known.handedBy = life;
      return;
    }
    if (spec.kind === 'job' && this.#released.has(spec.id))
      this.problems.push(`work ${spec.id} of a job is started after its release`);
    const gone = spec.inputs.flatMap(({ entries }) => entries).find(({ digest }) => !this.#options.blobs.blobs.has(digest));
    if (gone) this.problems.push(`work ${spec.id} is started with the content ${gone.digest}, which is not in the blob store`);
    const attempt = this.#attemptOf(spec);
    const services = (spec.services ?? []).flatMap((id) => this.works.get(id)?.spec ?? []);
    const handed = frozenCopy(spec);
    const plan = (this.#options.outcomeOf ?? plannedOutcome)(handed, { attempt, services });
    this.works.set(spec.id, {
      spec: handed,
      phase: 'staged',
      handedBy: life,
      attempt,
      plan,
      stopAsked: false,
      startedAtMs: undefined,
      end: undefined,
      ready: false,
      added: new Map(),
      cancelDeadline: () => {},
    });
  }

  status(id: string, life: number): WorkStatus {
    requireId(id);
    const work = this.works.get(id);
    if (!work) return { phase: 'absent' };
    if (work.end) return { ...work.end };
    if (work.phase === 'staged') return work.handedBy === life ? { phase: 'preparing' } : { phase: 'absent' };
    if (work.startedAtMs === undefined) return { phase: 'preparing' };
    return { phase: 'running', startedAtMs: work.startedAtMs, isolation: ISOLATION };
  }

  stop(id: string): void {
    requireId(id);
    const work = this.works.get(id);
    if (work && !work.end) work.stopAsked = true;
  }

  release(id: string, life: number): void {
    const { phase } = this.status(id, life);
    if (phase === 'running' || phase === 'preparing') {
      throw new BackendError('runtime', `Work ${id} is still ${phase}: stop it and wait for its end.`, { retryable: true });
    }
    const work = this.works.get(id);
    if (work?.spec.kind === 'job' && work.end) this.#released.add(id);
    // handed over by a server that died: whoever counted on it finds it gone
    if (work?.spec.kind === 'service' && work.phase === 'staged')
      this.ends.push({ workId: id, reason: 'lost', planned: false, atMs: this.#now() });
    this.works.delete(id);
  }

  ask(id: string, asked: WorkRequest): Promise<WorkAnswer> {
    return this.services.ask(this.works.get(id), asked);
  }

  // what the machine does by itself

  /** What may happen next; without faults everything in it leads on. */
  actions(faults: ReadonlySet<Fault> = NO_FAULTS): SimAction[] {
    const actions: SimAction[] = this.reports.actions(faults);
    for (const work of this.works.values()) {
      if (work.phase === 'staged') actions.push(...this.#claims(work));
      else if (work.phase === 'preparing') actions.push(...this.#begins(work));
      else if (work.phase === 'running') actions.push(...this.#goesOn(work));
      if (isLive(work)) actions.push(...this.#fails(work, faults));
    }
    return actions;
  }

  /** Works that have not ended: what keeps the machine from resting. */
  unfinished(): string[] {
    return [...this.works.values()]
      .filter((work) => isLive(work) && work.spec.kind === 'job')
      .map(({ spec, phase }) => `${spec.id} is ${phase}`);
  }

  /** The spawner of a server that died reads on what it was told before it notices. */
  #claims(work: SimWork): SimAction[] {
    const { id } = work.spec;
    if (work.handedBy === undefined) return [];
    const claim = {
      name: `${id} is claimed`,
      perform: () => {
        work.phase = 'preparing';
        work.handedBy = undefined;
      },
    };
    if (work.handedBy === this.#life) return [claim];
    return [{ name: `the spawner of an earlier server ends before ${id}`, perform: () => (work.handedBy = undefined) }, claim];
  }

  #begins(work: SimWork): SimAction[] {
    const { id } = work.spec;
    if (work.stopAsked) return [{ name: `${id} ends before it began`, perform: () => this.#end(work, { reason: 'stopped' }) }];
    const perform = () => {
      work.phase = 'running';
      work.startedAtMs = this.#now();
      this.#print(work, [
        ...(work.spec.preamble ?? []).map((line) => line.replace('{isolation}', ISOLATION)),
        ...work.plan.lines,
      ]);
      const { maxRuntimeSeconds } = work.spec.limits;
      if (maxRuntimeSeconds !== undefined)
        work.cancelDeadline = this.#options.clock.at(this.#now() + maxRuntimeSeconds * 1000, () => this.#outOfTime(work));
      this.#options.clock.at(this.#now() + RUN_MS_MIN, () => {}); // a moment to which time goes on when nothing else happens
      this.reports.changed(id);
    };
    return [{ name: `${id} begins`, perform }];
  }

  /** One that would have ended in its time has done so by now, whoever looked away. */
  #outOfTime(work: SimWork): void {
    if (work.end) return;
    const { end } = work.plan;
    if (work.spec.kind === 'job' && end !== 'hang' && this.#mayEnd(work)) this.#endAsPlanned(work, end);
    else this.#end(work, ENDS.timeout, end === 'hang' || end === 'timeout');
  }

  #goesOn(work: SimWork): SimAction[] {
    const { id, kind } = work.spec;
    const { end } = work.plan;
    const actions: SimAction[] = [];
    if (this.#now() < (work.startedAtMs ?? 0) + RUN_MS_MIN) return actions;
    if (kind === 'service' && end === 'ok') {
      if (!work.ready) actions.push({ name: `${id} is ready`, perform: () => this.#becomesReady(work) });
      actions.push(...this.services.actions(work));
    } else if (end !== 'hang' && this.#mayEnd(work) && (kind === 'job' || end !== 'timeout'))
      actions.push({ name: `${id} ends: ${end}`, perform: () => this.#endAsPlanned(work, end) });
    if (isDriver(work.spec) && this.#serverIsGone(work))
      actions.push({ name: `${id} ends without its model server`, perform: () => this.#end(work, ENDS.fail) });
    if (work.stopAsked)
      actions.push({ name: `${id} ends for its stop`, perform: () => this.#end(work, { reason: 'stopped', exitCode: 143 }) });
    return actions;
  }

  #becomesReady(work: SimWork): void {
    work.ready = true;
    this.services.becameReady(work);
    this.reports.changed(work.spec.id);
  }

  /** A driver has its answers only from servers that are there. */
  #mayEnd({ spec, plan }: SimWork): boolean {
    if (!isDriver(spec) || (plan.end !== 'ok' && plan.end !== 'fail')) return true;
    return (spec.services ?? []).every((id) => this.works.get(id)?.ready);
  }

  #serverIsGone({ spec }: SimWork): boolean {
    return (spec.services ?? []).some((id) => this.works.get(id)?.end);
  }

  #fails(work: SimWork, faults: ReadonlySet<Fault>): SimAction[] {
    const { id } = work.spec;
    const actions: SimAction[] = [];
    const may = (fault: Fault, what: keyof typeof ENDS) => {
      if (faults.has(fault)) actions.push({ name: `${id}: ${fault}`, fault, perform: () => this.#end(work, ENDS[what], false) });
    };
    may('work vanishes', 'lost');
    if (work.phase === 'running' && this.#now() >= (work.startedAtMs ?? 0) + RUN_MS_MIN) {
      may('work out of memory', 'oom');
      if (work.spec.limits.maxRuntimeSeconds !== undefined) may('work exceeds its time', 'timeout');
    }
    return actions;
  }

  #endAsPlanned(work: SimWork, end: keyof typeof ENDS): void {
    if (end === 'fail') this.#print(work, [`${work.spec.id} fails as planned`]);
    this.#end(work, ENDS[end]);
  }

  #end(work: SimWork, how: Pick<WorkEnd, 'reason' | 'exitCode'>, planned = true): void {
    const { id } = work.spec;
    const endedAtMs = this.#now();
    const { startedAtMs } = work;
    work.cancelDeadline();
    work.phase = 'ended';
    work.ready = false;
    work.end = { phase: 'ended', ...how, endedAtMs, isolation: ISOLATION, ...(startedAtMs !== undefined && { startedAtMs }) };
    this.ends.push({ workId: id, reason: how.reason, planned, atMs: endedAtMs });
    this.services.ended(work);
    // supervisors end the hosts of a job together, whether a server lives or not
    if (!endedWell(work.end)) for (const peer of work.spec.peers ?? []) this.stop(peer);
    this.reports.changed(id);
  }

  #print({ spec }: SimWork, lines: readonly string[]): void {
    this.#options.logs.append(spec.logFile, this.#now(), lines);
  }

  #now(): number {
    return this.#options.clock.now();
  }

  /** Which job of its group a work is of; of a service, which of its starts this is. */
  #attemptOf(spec: WorkSpec): number {
    const group = attemptGroupOf(spec.id);
    if (group === undefined) {
      const starts = (this.#starts.get(spec.id) ?? 0) + 1;
      this.#starts.set(spec.id, starts);
      return isEnvironment(spec) ? 1 : starts;
    }
    const job = jobNameOf(spec.id) ?? '';
    const jobs = this.#groups.get(group) ?? [];
    this.#groups.set(group, jobs);
    if (!jobs.includes(job)) jobs.push(job);
    return jobs.indexOf(job) + 1;
  }

  /**
   * A start whose server died is made again. What was handed over first is what runs, so a job alone may be asked for with data that changed
   * meanwhile: it has one or the other, and nobody was told which. Hosts of one job have to have the same.
   */
  #compare(known: WorkSpec, again: WorkSpec): void {
    const isAlone = known.kind === 'job' && !known.peers?.length;
    for (const member of Object.keys({ ...known, ...again }) as (keyof WorkSpec)[]) {
      if (member === 'inputs' && isAlone) continue;
      const [before, after] = [JSON.stringify(known[member]), JSON.stringify(again[member])];
      if (before !== after)
        this.problems.push(`work ${known.id} is started again with another ${member}: ${before} before, ${after} now`);
    }
  }
}

export const createSimHost = (options: SimHostOptions): SimHost => new SimHost(options);

function requireId(id: string): void {
  if (!ID.test(id)) throw new BackendError('runtime', `"${id}" is no id of work: it has 1 to 120 of a-z, 0-9 and -.`);
}
