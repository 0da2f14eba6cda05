import { createHash } from 'node:crypto';
import { uuidOfText } from '../../platform/uuid-of-text.ts';

/** The id of what is made of these parts. */
export const uuidOf = (...parts: readonly (string | number)[]): string => uuidOfText(JSON.stringify(parts));

const LETTERS = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789';

/** `<pipeline>/<artifact>/<seven characters>`, names cut to 20 characters as on AWS; the same for the same attempt at an action. */
export function artifactKey(pipelineName: string, artifact: string, actionId: string): string {
  const digest = createHash('sha256').update(`${actionId}/${artifact}`).digest();
  const tail = [...digest.subarray(0, 7)].map((byte) => LETTERS[byte % LETTERS.length]).join('');
  return `${pipelineName.slice(0, 20)}/${artifact.slice(0, 20)}/${tail}`;
}
