/**
 * Patterns of the models are Java regular expressions that match the whole value. All of them, ours included, run in
 * JavaScript's Unicode mode, where what is not understood is refused rather than read differently (`\p{Alnum}`, `\A`).
 */
export function compilePattern(pattern: string, replacements: ReadonlyMap<string, string>): RegExp {
  return new RegExp(`^(?:${replacements.get(pattern) ?? pattern})$`, 'u');
}
