import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type AwsClient, Refused, Unanswered } from '../harness/aws-client.ts';
import { type Answer, type Call, perform } from './call.ts';

/** What a client was told is so, and how it is looked up again. */
export interface Fact {
  /** What it is about: a later fact of the same subject takes its place. */
  readonly subject: string;
  readonly look: Call;
  /** `gone`: the look is refused as absent. Members that the answer must have, or the text that the body must be. */
  readonly holds: 'gone' | { readonly [member: string]: unknown } | string;
}

const RETRY_MS = 20;
/** Refusals of a repeated call that say that the first one, whose answer was lost, took effect. */
const DONE_ALREADY =
  /already|exists|duplicate|in use|InUse|NotFound|NoSuch|not found|does not exist|NonExistent|Could not find|marked for deletion|every 60 seconds|in-progress|must begin at byte|is not the tip|status|Conflict/i;

/** A client outside of the server: repeats each call until it is answered, and notes on disk what was acknowledged before it goes on. */
export class Witness {
  readonly aws: AwsClient;
  readonly #file: number;
  readonly #facts = new Map<string, Fact>();
  /** Subjects of changes that are not answered, with how many there are of each. */
  readonly #pending = new Map<string, number>();
  readonly #recent = new Map<string, Fact>();
  /** Answers that no server may give, whatever happened to it. */
  readonly wrongAnswers: string[] = [];
  acknowledged = 0;
  lostAnswers = 0;
  inFlight = 0;
  #closed = false;

  constructor(aws: AwsClient, file: string) {
    this.aws = aws;
    this.#file = openSync(file, 'a');
  }

  close(): void {
    this.#closed = true;
    closeSync(this.#file);
  }

  /** A read: repeated until answered. Throws Refused. */
  async ask(call: Call): Promise<Answer> {
    return (await this.#persist(call, false)) as Answer;
  }

  /** A change; undefined when only the refusal of its repetition told that it took effect. */
  async change(call: Call, fact: Fact): Promise<Answer | undefined> {
    this.#pending.set(fact.subject, (this.#pending.get(fact.subject) ?? 0) + 1);
    this.inFlight += 1;
    try {
      const answer = await this.#persist(call, true);
      this.#note(fact);
      return answer;
    } finally {
      this.inFlight -= 1;
      this.#pending.set(fact.subject, (this.#pending.get(fact.subject) ?? 1) - 1);
    }
  }

  /** Asks until the answer is what is waited for. */
  async until(call: Call, reached: (answer: Answer) => boolean): Promise<Answer> {
    for (;;) {
      const answer = await this.ask(call);
      if (reached(answer)) return answer;
      await delay(RETRY_MS);
    }
  }

  /** The same call until it is not refused any more. */
  async untilAccepted(call: Call): Promise<Answer> {
    for (;;) {
      try {
        return await this.ask(call);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
      }
      await delay(RETRY_MS);
    }
  }

  /** Asks until the call is refused, as what is absent is. */
  async untilGone(call: Call): Promise<void> {
    for (;;) {
      try {
        await this.ask(call);
      } catch (error) {
        if (!(error instanceof Refused)) throw error;
        return;
      }
      await delay(RETRY_MS);
    }
  }

  /** Nothing is known of it any more, e.g. because it goes away in its own time. */
  forget(subject: string): void {
    this.#facts.delete(subject);
    this.#recent.delete(subject);
  }

  /** What was acknowledged since this was last asked. */
  takeRecent(): Fact[] {
    const facts = [...this.#recent.values()];
    this.#recent.clear();
    return facts;
  }

  allFacts(): Fact[] {
    return [...this.#facts.values()];
  }

  /** Facts that the server no longer knows, each in a line; those that are being changed cannot be judged. */
  async missing(facts: readonly Fact[]): Promise<string[]> {
    const problems: string[] = [];
    for (const fact of facts) {
      const isCurrent = () => this.#facts.get(fact.subject) === fact && (this.#pending.get(fact.subject) ?? 0) === 0;
      if (!isCurrent()) continue;
      const problem = await this.#problemOf(fact);
      if (problem !== undefined && isCurrent()) problems.push(`${fact.subject}: ${problem} (${JSON.stringify(fact)})`);
    }
    return problems;
  }

  async #problemOf({ look, holds }: Fact): Promise<string | undefined> {
    try {
      const { json, text } = await this.ask(look);
      if (holds === 'gone') return 'is still there';
      if (typeof holds === 'string') return text === holds ? undefined : `has other content: ${text.slice(0, 200)}`;
      return contains(json, holds) ? undefined : `is ${JSON.stringify(json)}`;
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return holds === 'gone' ? undefined : `${error.code}: ${error.message}`;
    }
  }

  #note(fact: Fact): void {
    writeSync(this.#file, `${JSON.stringify(fact)}\n`);
    fdatasyncSync(this.#file);
    this.#facts.set(fact.subject, fact);
    this.#recent.set(fact.subject, fact);
    this.acknowledged += 1;
  }

  async #persist(call: Call, isChange: boolean): Promise<Answer | undefined> {
    for (let lost = false; ; await delay(RETRY_MS)) {
      if (this.#closed) throw new Error('The client was closed.');
      try {
        return await perform(this.aws, call);
      } catch (error) {
        if (error instanceof Unanswered) {
          if (!lost && isChange) this.lostAnswers += 1;
          lost = true;
        } else if (error instanceof Refused && error.status >= 500) {
          if (error.status !== 503)
            this.wrongAnswers.push(`${JSON.stringify(call)}: ${error.status} ${error.code}: ${error.message}`);
          lost = true;
        } else if (isChange && lost && error instanceof Refused && DONE_ALREADY.test(`${error.code} ${error.message}`)) {
          return undefined;
        } else throw error;
      }
    }
  }
}

/** Whether every member of `part` is in `whole` with the same value, at any depth. */
function contains(whole: unknown, part: unknown): boolean {
  if (part === null || typeof part !== 'object') return whole === part;
  if (whole === null || typeof whole !== 'object') return false;
  if (Array.isArray(part) && (whole as unknown[]).length !== part.length) return false;
  return Object.entries(part).every(([member, value]) => contains((whole as Record<string, unknown>)[member], value));
}
