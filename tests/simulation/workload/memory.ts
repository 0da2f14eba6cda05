import type { InputOf, OperationName, OutputOf } from '../../../src/contract/operations.ts';
import { ServiceError } from '../../../src/platform/errors/families.ts';
import type { Random } from '../random.ts';
import { type RandomPipeline, randomPipeline } from './random-pipeline.ts';
import { type Heard, Register } from './register.ts';

/** Somebody outside who calls the API; what is never answered throws something that is no ServiceError. */
export interface Client {
  call<N extends OperationName>(name: N, input: InputOf<N>): Promise<OutputOf<N>>;
}

/** One thing that a client does: a call, or a few that belong together. */
export interface ClientAction {
  readonly name: string;
  perform(client: Client): Promise<void>;
}

/** A choice with its weight; undefined where there is nothing to do it with. */
export type Choice = readonly [weight: number, name: string, perform: (client: Client) => Promise<void>];

export interface Answered<T> {
  readonly heard: Heard;
  readonly output?: T;
  readonly error?: ServiceError;
}

export interface StartedExecution {
  readonly arn: string;
  readonly id: string;
  readonly pipeline: string;
  /** How often each was asked for, answered or not. */
  stops: number;
  retries: number;
  /** Retries that were ever asked for, and those of them that nobody has answered: they may take place at any time. */
  retriesAsked: number;
  retriesOpen: number;
  /** Steps whose work a client interfered with. */
  readonly disturbed: Set<string>;
  /** How often its pipeline's deletion was asked for, answered or not: any of them may have taken it along. */
  deletions: number;
  /** Where it once was seen to have ended and nobody asked for a retry since. */
  ended?: string;
}

/** A failure that says nothing of whether it was done. */
const PASSING: ReadonlySet<string> = new Set([
  'ThrottlingException',
  'Throttling',
  'InternalFailure',
  'ServiceUnavailable',
  'SlowDown',
]);

const REPEATS_MAX = 2;

/** All that clients know: what they were told, what they asked for, and what they therefore expect to see. */
export class Memory {
  readonly random: Random;
  readonly problems: string[] = [];
  readonly executions = new Map<string, StartedExecution>();
  /** Pipelines drawn, by the text of their definition. */
  readonly drawn: RandomPipeline[] = [];
  /** Which texts a pipeline of this name was ever given, by their places in `drawn`. */
  readonly texts = new Map<string, Set<number>>();
  /** Ends of direct jobs that were seen: they never change. */
  readonly ends = new Map<string, string>();
  /** ARNs of packages whose deletion was asked for, answered or not. */
  readonly deletedPackages = new Set<string>();
  /** ARN or other answer by token. */
  readonly byToken = new Map<string, string>();
  readonly count: (what: string, how: string) => void;
  readonly #registers = new Map<string, Register>();
  readonly #swarm: Random;
  readonly #options: Parameters<typeof randomPipeline>[1];
  #tokens = 0;

  constructor(
    random: Random,
    count: (what: string, how: string) => void = () => {},
    options: Parameters<typeof randomPipeline>[1] = {},
  ) {
    this.random = random;
    this.count = count;
    this.#swarm = random.fork('pipelines');
    this.#options = options;
  }

  /** What is known of a thing; of a new one, that it is in one of these states. */
  register(name: string, ...states: readonly string[]): Register {
    const known = this.#registers.get(name) ?? new Register(name, ...(states.length > 0 ? states : ['absent']));
    this.#registers.set(name, known);
    return known;
  }

  registers(prefix: string): Register[] {
    return [...this.#registers.values()].filter(({ name }) => name.startsWith(prefix));
  }

  isKnown(name: string): boolean {
    return this.#registers.has(name);
  }

  /** A definition not seen before, or one of those drawn. */
  drawPipeline(): number {
    if (this.drawn.length > 4 && this.random.chance(0.5)) return this.random.int(this.drawn.length);
    return this.drawn.push(randomPipeline(this.#swarm.fork(`${this.drawn.length}`), this.#options)) - 1;
  }

  token(): string {
    this.#tokens++;
    return `token-of-client-${this.#tokens}-`.padEnd(36, 'x'); // as short and as long as all kinds of tokens may be
  }

  problem(text: string | undefined): void {
    if (text !== undefined) this.problems.push(text);
  }

  /**
   * Calls, and where nothing is heard perhaps calls again with the same input, as SDKs do. Refused only after it was never answered, it may
   * have been done the first time.
   */
  async ask<N extends OperationName>(client: Client, name: N, input: () => InputOf<N>): Promise<Answered<OutputOf<N>>> {
    const repeats = this.random.int(REPEATS_MAX + 1);
    for (let again = 0; ; again++) {
      try {
        const output = await client.call(name, input());
        this.count(name, again === 0 ? 'done' : 'done when repeated');
        return { heard: 'done', output };
      } catch (error) {
        const isRefused = error instanceof ServiceError && !PASSING.has(error.code);
        if (isRefused) {
          this.count(name, again === 0 ? `refused: ${error.code}` : `refused when repeated: ${error.code}`);
          return { heard: again === 0 ? 'refused' : 'nothing', error };
        }
        if (again === repeats) {
          this.count(name, 'unanswered');
          return { heard: 'nothing' };
        }
      }
    }
  }

  /** Changes a register by a call; the call's answer is returned. */
  async change<N extends OperationName>(
    client: Client,
    register: Register,
    after: (state: string) => string | undefined,
    name: N,
    input: () => InputOf<N>,
  ): Promise<Answered<OutputOf<N>>> {
    let answered: Answered<OutputOf<N>> = { heard: 'nothing' };
    const { problem } = await register.write(after, async () => {
      answered = await this.ask(client, name, input);
      return answered.heard;
    });
    this.problem(problem && `${name}: ${problem}`);
    return answered;
  }

  /** Reads a register by a call; `stateOf` gets undefined where the thing is not there. */
  async look<N extends OperationName>(
    client: Client,
    register: Register,
    name: N,
    input: () => InputOf<N>,
    stateOf: (output: OutputOf<N> | undefined) => string | Promise<string> | undefined,
  ): Promise<void> {
    const problem = await register.read(async () => {
      const { heard, output, error } = await this.ask(client, name, input);
      if (heard === 'done') return stateOf(output);
      return error && isAbsence(error) ? stateOf(undefined) : undefined;
    });
    this.problem(problem && `${name}: ${problem}`);
  }

  /** The answer to a token is one answer for ever. */
  same(token: string, answer: string): void {
    const known = this.byToken.get(token);
    if (known !== undefined && known !== answer) this.problem(`the token ${token} was answered ${known}, then ${answer}`);
    this.byToken.set(token, answer);
  }
}

export const isAbsence = ({ code, message, finding }: ServiceError): boolean =>
  finding === 'absent' || /NotFound|NoSuchKey|NoSuchEntity/.test(code) || /could not find|does not exist/i.test(message);

/** Refused in the states listed, otherwise leads to one state. */
export const onlyFrom =
  (from: string, to: string) =>
  (state: string): string | undefined =>
    state === from ? to : undefined;
export const anyTo = (to: string) => (): string => to;
