/** How often a run, or many, reached each thing worth reaching: faults, step types, transitions of status, calls. */
export class Coverage {
  readonly counts = new Map<string, number>();
  /** How many faults were added here: asked after every event. */
  faults = 0;

  /** `subject` groups the table, e.g. `fault`, `step`, `ProcessingJob`. */
  add(subject: string, what: string, times = 1): void {
    const name = `${subject}\t${what}`;
    if (subject === 'fault') this.faults += times;
    this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }

  merge(counts: Iterable<readonly [string, number]>): void {
    for (const [name, times] of counts) this.counts.set(name, (this.counts.get(name) ?? 0) + times);
  }

  /** Lines of a table, by subject, rarest first. */
  table(): string[] {
    const rows = [...this.counts].map(([name, times]) => [...(name.split('\t') as [string, string]), times] as const);
    rows.sort((one, other) => (one[0] < other[0] ? -1 : one[0] > other[0] ? 1 : one[2] - other[2]));
    const width = Math.max(0, ...rows.map(([subject, what]) => subject.length + what.length + 2));
    return rows.map(([subject, what, times]) => `${`${subject}: ${what}`.padEnd(width)}  ${String(times).padStart(10)}`);
  }
}
