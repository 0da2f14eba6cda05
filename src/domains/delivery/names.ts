import { createHash } from 'node:crypto';

/** Shaped as the random UUIDs of AWS, but always the same for the same parts. */
export function uuidOf(...parts: readonly (string | number)[]): string {
  const hex = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join('-');
}

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** `<pipeline>/<artifact>/<seven characters>`, names cut to 20 characters as on AWS; the same for the same attempt at an action. */
export function artifactKey(pipelineName: string, artifact: string, actionId: string): string {
  const digest = createHash('sha256').update(`${actionId}/${artifact}`).digest();
  const tail = [...digest.subarray(0, 7)].map((byte) => LETTERS[byte % LETTERS.length]).join('');
  return `${pipelineName.slice(0, 20)}/${artifact.slice(0, 20)}/${tail}`;
}
