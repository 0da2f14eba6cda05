import type { WebhookDefinition } from '../../contract/generated/codepipeline.ts';
import { parseAddress, parseNetwork } from '../../platform/authorization/addresses.ts';
import type { Rejection } from '../../platform/errors/rejection.ts';

/** Which requests a webhook takes, and which of them start its pipeline. Pure. */

const FILTERS_MAX = 5;

/** `$.a.b`, `$['a']`, `$.a[0]`: names and positions alone, no wildcards; undefined for anything else. */
export function parsePath(text: string): (string | number)[] | undefined {
  if (!text.startsWith('$')) return undefined;
  const steps: (string | number)[] = [];
  let rest = text.slice(1);
  while (rest !== '') {
    const [whole, plain, quoted, position] = /^(?:\.([A-Za-z0-9_-]+)|\[['"]([^'"]+)['"]\]|\[(\d+)\])/.exec(rest) ?? [];
    if (whole === undefined) return undefined;
    steps.push(position === undefined ? (plain ?? quoted ?? '') : Number(position));
    rest = rest.slice(whole.length);
  }
  return steps;
}

/** What stands at the path; undefined when nothing does. */
export function valueAt(payload: unknown, path: readonly (string | number)[]): unknown {
  let value: unknown = payload;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}

/** What is wrong with a webhook's definition. */
export function checkWebhook({ filters, authentication, authenticationConfiguration }: WebhookDefinition): Rejection | undefined {
  if (filters.length === 0 || filters.length > FILTERS_MAX) {
    return filterFault(`A webhook has 1 to ${FILTERS_MAX} filters, not ${filters.length}.`);
  }
  const broken = filters.find(({ jsonPath }) => !parsePath(jsonPath));
  if (broken)
    return filterFault(
      `The JSON path ${broken.jsonPath} is not supported: names and positions are, such as $.ref or $.commits[0].id.`,
    );
  const { SecretToken, AllowedIPRange } = authenticationConfiguration;
  if (authentication === 'GITHUB_HMAC' && (SecretToken === undefined || AllowedIPRange !== undefined)) {
    return authenticationFault('GITHUB_HMAC needs a SecretToken, and no AllowedIPRange.');
  }
  if (authentication === 'IP' && (AllowedIPRange === undefined || SecretToken !== undefined)) {
    return authenticationFault('IP needs an AllowedIPRange, and no SecretToken.');
  }
  if (authentication === 'IP' && !parseNetwork(AllowedIPRange ?? '')) {
    return authenticationFault(`AllowedIPRange ${AllowedIPRange} is no range of addresses such as 192.0.2.0/24.`);
  }
  if (authentication === 'UNAUTHENTICATED' && (SecretToken !== undefined || AllowedIPRange !== undefined)) {
    return authenticationFault('UNAUTHENTICATED takes neither a SecretToken nor an AllowedIPRange.');
  }
  return undefined;
}

const filterFault = (message: string): Rejection => ({ code: 'InvalidWebhookFilterPatternException', message });
const authenticationFault = (message: string): Rejection => ({
  code: 'InvalidWebhookAuthenticationParametersException',
  message,
});

/** Whether a payload passes every filter; `{Name}` in what it must equal stands for the source action's configuration of that name. */
export const passesFilters = (
  { filters }: Pick<WebhookDefinition, 'filters'>,
  payload: unknown,
  configuration: Readonly<Record<string, string>>,
): boolean =>
  filters.every(({ jsonPath, matchEquals }) => {
    const value = valueAt(payload, parsePath(jsonPath) ?? []);
    if (value === undefined || value === null) return false;
    if (matchEquals === undefined) return true;
    const wanted = matchEquals.replaceAll(/\{([A-Za-z0-9]+)\}/g, (whole, name: string) => configuration[name] ?? whole);
    return typeof value === 'string' ? value === wanted : JSON.stringify(value) === wanted;
  });

/** Whether an address lies in a range such as `192.0.2.0/24`. */
export function isInRange(addressText: string, range: string): boolean {
  const network = parseNetwork(range);
  const address = parseAddress(addressText);
  if (!network || !address || network.bits !== address.bits) return false;
  const rest = BigInt(network.bits - network.prefixBits);
  return network.value >> rest === address.value >> rest;
}
