/** The end of a log in at most `lengthMax` characters: whole lines, the newest kept. `lines` are oldest first. */
export function tailOf(lines: readonly string[], lengthMax: number): string {
  let tail = '';
  for (const line of lines.toReversed()) {
    const longer = tail === '' ? line.slice(-lengthMax) : `${line}\n${tail}`;
    if (longer.length > lengthMax) break;
    tail = longer;
  }
  return tail;
}
