import type { Route } from './route.ts';

/** What a page shows now. */
export interface View {
  /** Of the browser's window. */
  readonly title: string;
  readonly content: readonly Node[];
  /** Whether it can change by itself, so that it is worth looking again. */
  readonly live: boolean;
  /** How long a view that can change is good for; absent: a second. */
  readonly againMs?: number;
  /** What the panel is about; a narrow window moves to the panel when it changes. */
  readonly chosen?: string;
}

/** A page about `argument`; the function it gives reads and builds the view, again and again while the page is open. */
export type Page = (argument: string) => (choices: Route['choices']) => Promise<View>;
