/** How a call went, as far as its client knows. */
export type Heard = 'done' | 'refused' | 'nothing';

export interface Told {
  readonly heard: Heard;
  /** What was promised and not kept, in words. */
  readonly problem?: string;
}

/**
 * What a client knows of one thing that only clients change: the states it may be in. An acknowledged change leaves one; a call that was
 * never answered leaves both, what was before and what it was to become. States are texts.
 */
export class Register {
  readonly name: string;
  #states: Set<string>;
  /** Changes under way: while there are any, nobody can tell in which order they take place. */
  #open = 0;
  #clock = 0;
  readonly #readers = new Set<Set<string>>();

  constructor(name: string, ...states: readonly string[]) {
    this.name = name;
    this.#states = new Set(states);
  }

  get states(): ReadonlySet<string> {
    return this.#states;
  }

  /** Differs if anybody asked for a change in between. */
  get stamp(): number {
    return this.#clock;
  }

  get isCertain(): boolean {
    return this.#states.size === 1 && this.#open === 0;
  }

  /**
   * A call that changes the state: `after` is what becomes of a state, undefined where the call has to be refused. Its effect is there
   * once it is acknowledged, and not at all once it is refused.
   */
  async write(after: (state: string) => string | undefined, call: () => Promise<Heard>): Promise<Told> {
    const before = new Set(this.#states);
    const spread = () => {
      for (const state of [...this.#states]) this.#see(after(state));
    };
    const isAlone = this.#open === 0;
    this.#open++;
    const began = ++this.#clock;
    spread();
    let heard: Heard = 'nothing';
    try {
      heard = await call();
    } finally {
      this.#open--;
    }
    const undisturbed = isAlone && began === this.#clock;
    this.#clock++;
    if (!undisturbed) spread();
    else if (heard === 'refused') this.#set(before);
    else if (heard === 'done') {
      const now = [...before].map(after).filter((state) => state !== undefined);
      if (now.length === 0) {
        return {
          heard,
          problem: `${this.name} was changed, though it was ${[...before].join(' or ')}, from where that is refused`,
        };
      }
      this.#set(new Set(now));
    }
    return { heard };
  }

  /** A call that reads the state; undefined where it was not answered. Reads see every change acknowledged before they were asked. */
  async read(call: () => Promise<string | undefined>): Promise<string | undefined> {
    const possible = new Set(this.#states);
    this.#readers.add(possible);
    const [open, clock] = [this.#open, this.#clock];
    let state: string | undefined;
    try {
      state = await call();
    } finally {
      this.#readers.delete(possible);
    }
    if (state === undefined) return undefined;
    if (!possible.has(state)) return `${this.name} is ${state}, but has to be ${[...possible].join(' or ')}`;
    if (open === 0 && clock === this.#clock) this.#set(new Set([state]));
    return undefined;
  }

  #see(state: string | undefined): void {
    if (state === undefined) return;
    this.#states.add(state);
    for (const reader of this.#readers) reader.add(state);
  }

  #set(states: Set<string>): void {
    this.#states = states;
    for (const reader of this.#readers) for (const state of states) reader.add(state);
  }
}
