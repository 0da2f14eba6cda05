const SUFFIX_LENGTH = 10;
const NAME_MAX = 63;

/**
 * What a step's job, model or token is called: `pipelines-<execution id>-<step>-<suffix>` as on AWS, at most 63 characters. The suffix
 * comes from the execution and step, so the name is the same however often it is asked for: asking twice makes nothing twice.
 * `prefix` is a job name the definition gives itself (the SDK's use_custom_job_prefix).
 */
export function jobName(executionId: string, stepName: string, digestHex: string, prefix?: string): string {
  const suffix = toBase36(digestHex, SUFFIX_LENGTH);
  const start = prefix === undefined ? `pipelines-${executionId}` : cleaned(prefix).slice(0, 24);
  const middle = prefix === undefined ? cleaned(stepName) : executionId;
  const room = NAME_MAX - start.length - suffix.length - 2;
  return [start, middle.slice(0, room), suffix]
    .map(trimmed)
    .filter((part) => part !== '')
    .join('-');
}

/** The letters that names of jobs may have; AWS's step names have `_` beside. */
const cleaned = (text: string): string => text.replace(/[^A-Za-z0-9-]/g, '-');
const trimmed = (text: string): string => text.replace(/^-+/, '').replace(/-+$/, '');

/** `length` characters of [a-z0-9] out of a SHA-256 in hex. */
export function toBase36(digestHex: string, length: number): string {
  return BigInt(`0x${digestHex}`).toString(36).slice(-length).padStart(length, '0');
}
