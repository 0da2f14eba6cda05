import { appendFileSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { type AwsClient, Refused, Unanswered } from '../harness/aws-client.ts';

/** What a client was told has happened, in the words by which it can be looked up again. */
export type Fact =
  | { readonly kind: 'object'; readonly key: string; readonly sha256: string }
  | { readonly kind: 'no-object'; readonly key: string }
  | { readonly kind: 'execution'; readonly arn: string; readonly label: string }
  | { readonly kind: 'version'; readonly arn: string; readonly label: string }
  | { readonly kind: 'approval'; readonly arn: string; readonly status: string; readonly description: string }
  | { readonly kind: 'tag'; readonly arn: string; readonly name: string; readonly value: string }
  | { readonly kind: 'job'; readonly name: string }
  | { readonly kind: 'stop'; readonly name: string }
  | {
      readonly kind: 'resource';
      readonly operation: 'DescribePipeline' | 'DescribeModel' | 'DescribeEndpoint';
      readonly name: string;
    };

const RETRY_MS = 25;

/**
 * A client outside of the server: repeats each call until it is answered, as AWS's SDKs do, and writes what was acknowledged to
 * a file before it goes on.
 */
export class OutsideClient {
  readonly aws: AwsClient;
  readonly #file: string;
  /** Answers that no server may give, whatever happened to it. */
  readonly wrongAnswers: string[] = [];
  acknowledged = 0;
  lostAnswers = 0;

  constructor(aws: AwsClient, file: string) {
    this.aws = aws;
    this.#file = file;
  }

  /** A read: repeated until answered. Throws Refused. */
  async ask<T>(call: (aws: AwsClient) => Promise<T>): Promise<T> {
    return (await this.#persist(call)).value as T;
  }

  /** A change that gives an ARN: repeated until acknowledged, then written down. Its token makes the repetition the same call. */
  async create(call: (aws: AwsClient) => Promise<string | undefined>, fact: (arn: string) => Fact): Promise<string> {
    const { value = '' } = await this.#persist(call);
    this.#note(fact(value));
    return value;
  }

  /**
   * Any other change. `done` tells whether a refusal of a repeated call means that the first one, whose answer was lost, took
   * effect.
   */
  async change(
    call: (aws: AwsClient) => Promise<unknown>,
    fact: Fact,
    done?: (refused: Refused) => Promise<boolean> | boolean,
  ): Promise<void> {
    await this.#persist(call, done);
    this.#note(fact);
  }

  #note(fact: Fact): void {
    appendFileSync(this.#file, `${JSON.stringify(fact)}\n`);
    this.acknowledged += 1;
  }

  async #persist<T>(
    call: (aws: AwsClient) => Promise<T>,
    done: (refused: Refused) => Promise<boolean> | boolean = () => false,
  ): Promise<{ value?: T }> {
    for (let lost = false; ; await delay(RETRY_MS)) {
      try {
        return { value: await call(this.aws) };
      } catch (error) {
        if (error instanceof Unanswered) {
          if (!lost) this.lostAnswers += 1;
          lost = true;
        } else if (error instanceof Refused && error.status >= 500) {
          if (error.status !== 503) this.wrongAnswers.push(`${error.status} ${error.code}: ${error.message}`);
          lost = true;
        } else if (lost && error instanceof Refused && (await done(error))) return {};
        else throw error;
      }
    }
  }

  /** Asks until the answer is what is waited for. */
  async until<T>(call: (aws: AwsClient) => Promise<T>, reached: (value: T) => boolean): Promise<T> {
    for (;;) {
      const value = await this.ask(call);
      if (reached(value)) return value;
      await delay(RETRY_MS);
    }
  }

  /** What was acknowledged, oldest first, as the file says. */
  facts(): Fact[] {
    const lines = readFileSync(this.#file, 'utf8').split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Fact);
  }
}
