import type { JsonObject } from '../../../src/platform/json.ts';
import { parseKeyText } from '../../../src/platform/resource-key.ts';
import { checkAcknowledged } from './acknowledged.ts';
import { checkApprovedOnly } from './approved-only.ts';
import { checkAttendedInTime } from './attended-in-time.ts';
import { checkBlobsKept, checkNoDanglingReference } from './blobs-kept.ts';
import { checkCallbacksAnsweredOnce } from './callbacks-answered-once.ts';
import { checkChangesInLedger } from './changes-in-ledger.ts';
import type { Check, SeenCommit, SeenWork, Watched } from './check.ts';
import { checkEndpointsServe } from './endpoints-serve.ts';
import { checkExecutionsEndWhole } from './executions-end-whole.ts';
import { checkJobsAreTheirWork, checkStepsAreTheirJobs } from './jobs-are-their-work.ts';
import { checkKeptAsAsked, checkTimesInOrder } from './kept-as-asked.ts';
import { checkLedgerChain } from './ledger-chain.ts';
import { checkNoticesHandedOver } from './notices-handed-over.ts';
import { checkNothingLeftRunning } from './nothing-left-running.ts';
import { checkNothingOverwritten } from './nothing-overwritten.ts';
import { checkParallelSteps } from './parallel-steps.ts';
import { checkRetryPolicies } from './retry-policies.ts';
import { checkRulesMeetEvents } from './rules-meet-events.ts';
import { checkSchedulesFireOnce } from './schedules-fire-once.ts';
import { checkStatusEvents } from './status-events.ts';
import { checkStatusTransitions } from './status-transitions.ts';
import { checkStepEffectsOnce } from './step-effects-once.ts';
import { checkStepOrder } from './step-order.ts';
import { checkStepsStayEnded } from './steps-stay-ended.ts';
import { checkStopWins } from './stop-wins.ts';
import { checkUnsettledHaveTimers } from './unsettled-have-timers.ts';
import { checkVersionNumbers } from './version-numbers.ts';

export interface SafetyOptions {
  /** Hears of every transition of a status: kind, `from → to`. */
  readonly reached?: (kind: string, transition: string) => void;
}

/** Every promise that can be watched from outside the engine. */
export const allChecks = (watched: Watched, { reached }: SafetyOptions = {}): Check[] => [
  checkStatusTransitions(reached),
  checkStepsStayEnded(),
  checkStepOrder(watched),
  checkStopWins(watched),
  checkExecutionsEndWhole(watched),
  checkParallelSteps(watched),
  checkStepEffectsOnce(watched),
  checkRetryPolicies(watched),
  checkStepsAreTheirJobs(watched),
  checkJobsAreTheirWork(watched),
  checkCallbacksAnsweredOnce(watched),
  checkKeptAsAsked(),
  checkTimesInOrder(watched),
  checkUnsettledHaveTimers(watched),
  checkAttendedInTime(watched),
  checkChangesInLedger(watched),
  checkLedgerChain(watched),
  checkStatusEvents(watched),
  checkRulesMeetEvents(watched),
  checkSchedulesFireOnce(watched),
  checkNoticesHandedOver(watched, reached),
  checkNothingOverwritten(),
  checkBlobsKept(watched),
  checkNoDanglingReference(watched),
  checkApprovedOnly(watched),
  checkEndpointsServe(watched),
  checkVersionNumbers(),
  checkAcknowledged(watched),
  checkNothingLeftRunning(watched),
];

const QUESTIONS = ['onCommit', 'onWork', 'onAnswer', 'afterEvent', 'onCalm', 'atRest'] as const satisfies (keyof Check)[];
type Question = (typeof QUESTIONS)[number];

/** Lets checks see a world: commits by themselves, the rest when told. */
export class Safety {
  /** What was promised and not kept: the promise, then what was seen. */
  readonly problems: string[] = [];
  readonly #watched: Watched;
  /** Those that ask each question. */
  readonly #asking: ReadonlyMap<Question, readonly Check[]>;
  readonly #tokens = new Set<string>();
  readonly #phases = new Map<string, string>();
  readonly #off: () => void;

  constructor(watched: Watched, checks: readonly Check[]) {
    this.#watched = watched;
    const asking = (question: Question) => checks.filter((check) => check[question] !== undefined);
    this.#asking = new Map(QUESTIONS.map((question) => [question, asking(question)]));
    this.#off = watched.disk.onCommit((commit, rowsBefore) => {
      const { disk } = watched;
      const changes = [...rowsBefore].map(([text, before]) => {
        const key = before?.key ?? parseKeyText(text);
        return { key, before, after: disk.rows.get(key) };
      });
      const [events, entries] = [commit.events?.length ?? 0, commit.ledger?.length ?? 0];
      const seen: SeenCommit = {
        commit,
        changes,
        events: disk.events({ afterSequence: disk.lastEventSequence - events, limit: events }),
        ledger: disk.ledger({ afterSequence: disk.ledgerHead().sequence - entries, limit: entries }),
      };
      this.#ask('onCommit', (check) => check.onCommit?.(seen));
    });
  }

  /** After every event of the world: sees what the machine did of its own. */
  afterEvent(): void {
    for (const [id, work] of this.#watched.works) {
      const { phase } = work;
      if (this.#phases.get(id) === phase) continue;
      const before = this.#phases.get(id);
      this.#phases.set(id, phase);
      if (phase !== 'running' && phase !== 'ended') continue;
      if (phase === 'ended' && before === undefined) continue;
      const seen: SeenWork = { id, phase, work };
      this.#ask('onWork', (check) => check.onWork?.(seen));
    }
    if (this.#phases.size !== this.#watched.works.size)
      for (const id of this.#phases.keys()) if (!this.#watched.works.has(id)) this.#phases.delete(id);
    this.#ask('afterEvent', (check) => check.afterEvent?.());
  }

  /** A client outside sends a call; what is returned is to hear the answer, should it succeed and arrive. */
  asked(operation: string, input: JsonObject): (output: JsonObject) => void {
    const askedAt = this.#watched.disk.commits;
    const token = input['ClientRequestToken'] ?? input['ClientToken'];
    const isRepeated = token !== undefined && this.#tokens.has(`${operation} ${String(token)}`);
    this.#tokens.add(`${operation} ${String(token)}`);
    return (output) => this.#ask('onAnswer', (check) => check.onAnswer?.({ operation, input, output, askedAt, isRepeated }));
  }

  /** Faults stop, or begin again. */
  calm(isCalm: boolean): void {
    this.#ask('onCalm', (check) => check.onCalm?.(isCalm));
  }

  /** Faults have stopped and nothing moves any more. */
  atRest(): void {
    this.#ask('atRest', (check) => check.atRest?.());
  }

  end(): void {
    this.#off();
  }

  #ask(question: Question, put: (check: Check) => readonly string[] | undefined): void {
    for (const check of this.#asking.get(question) ?? []) {
      const problems = put(check);
      if (problems) for (const problem of problems) this.problems.push(`${check.promise}: ${problem}`);
    }
  }
}
