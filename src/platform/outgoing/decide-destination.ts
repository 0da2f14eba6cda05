import { type Address, type Network, parseAddress, parseNetwork } from '../authorization/addresses.ts';

/** `outgoing` of slipway.yaml: networks (CIDR), addresses, host names; `*.example.com` means every name below it. */
export interface OutgoingRules {
  readonly deny: readonly string[];
  /** When it has entries, everything else is refused. It opens nothing that is always refused. */
  readonly allow: readonly string[];
}

/** What is refused on every server, whatever its settings say: link-local networks hold the metadata services of clouds. */
const ALWAYS_REFUSED: readonly { readonly network: string; readonly what: string }[] = [
  { network: '169.254.0.0/16', what: 'a link-local or metadata address' },
  { network: 'fe80::/10', what: 'a link-local address' },
  { network: 'fd00:ec2::/32', what: 'a metadata address' },
  { network: '100.100.100.200/32', what: 'a metadata address' },
  { network: '168.63.129.16/32', what: 'a metadata address' },
  { network: '224.0.0.0/4', what: 'a multicast address' },
  { network: 'ff00::/8', what: 'a multicast address' },
  { network: '255.255.255.255/32', what: 'a broadcast address' },
];

const LOOPBACK = ['127.0.0.0/8', '0.0.0.0/8', '::1/128', '::/128'];

/** IPv6 networks that carry an IPv4 address in their low 32 bits, or (6to4) above its low 80. */
const EMBEDDING: readonly { readonly network: string; readonly shift: bigint }[] = [
  { network: '::ffff:0:0/96', shift: 0n },
  { network: '::/96', shift: 0n },
  { network: '64:ff9b::/96', shift: 0n },
  { network: '2002::/16', shift: 80n },
];

export interface Destination {
  readonly url: URL;
  /** Without brackets, lower case. */
  readonly host: string;
  readonly port: number;
}

/** A URL of a user's that may be asked, as far as its text tells; else what is wrong with it. */
export function parseDestination(text: string): Destination | { readonly problem: string } {
  if (text.length > 8192) return { problem: 'The URL is longer than 8192 characters.' };
  const url = URL.parse(text);
  if (!url) return { problem: `${JSON.stringify(text.slice(0, 200))} is not a URL.` };
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    return { problem: `${JSON.stringify(url.protocol.slice(0, 40))} is not a scheme this server sends to; use http or https.` };
  }
  if (url.username !== '' || url.password !== '') return { problem: 'The URL holds a user name or password; leave them out.' };
  const host = url.hostname.replace(/^\[|\]$/g, '').replace(/\.$/, '');
  if (host === '') return { problem: 'The URL names no host.' };
  return { url, host, port: url.port === '' ? (url.protocol === 'https:' ? 443 : 80) : Number(url.port) };
}

interface OwnAddresses {
  /** Of this machine's network interfaces; loopback needs no mention. */
  readonly addresses: readonly string[];
  /** That this server and its router listen on. */
  readonly ports: readonly number[];
}

/**
 * Why a connection to this address is refused, or undefined. Asked with the address a name has just resolved to and that is then connected
 * to, so that a name which resolves otherwise the next time gains nothing.
 */
export function addressProblem(
  addressText: string,
  { host, port }: Pick<Destination, 'host' | 'port'>,
  rules: OutgoingRules,
  own: OwnAddresses,
): string | undefined {
  const address = plainAddress(addressText);
  if (!address) return `${addressText} is not an IP address.`;
  const refused = ALWAYS_REFUSED.find(({ network }) => inNetwork(address, network));
  if (refused) return `${named(host, addressText)} is ${refused.what}, which this server never sends to.`;
  const isOwn =
    LOOPBACK.some((network) => inNetwork(address, network)) ||
    own.addresses.some((one) => sameAddress(address, plainAddress(one)));
  if (isOwn && own.ports.includes(port)) {
    return `${named(host, addressText)} port ${port} is this server itself, which is called only by signed requests.`;
  }
  const hits = (rule: string) => ruleHits(rule, host, address);
  if (rules.deny.some(hits)) return `${named(host, addressText)} is denied by outgoing.deny in slipway.yaml.`;
  if (rules.allow.length > 0 && !rules.allow.some(hits)) {
    return `${named(host, addressText)} is not among outgoing.allow in slipway.yaml.`;
  }
  return undefined;
}

const named = (host: string, address: string): string => (host === address ? address : `${host.slice(0, 255)} (${address})`);

/** Whether an entry of the settings can be understood: a rule that means nothing must not be believed to protect. */
export const isOutgoingRule = (rule: string): boolean =>
  parseNetwork(rule) !== undefined || /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/i.test(rule);

function ruleHits(rule: string, host: string, address: Address): boolean {
  if (parseNetwork(rule)) return inNetwork(address, rule);
  const name = rule.toLowerCase();
  return name.startsWith('*.') ? host.endsWith(name.slice(1)) : host === name;
}

/** An IPv6 address that stands for an IPv4 one is taken as that. */
function plainAddress(text: string): Address | undefined {
  const address = parseAddress(text.replace(/%.*$/, ''));
  if (!address || address.bits === 32 || address.value <= 1n) return address;
  const embedding = EMBEDDING.find(({ network }) => inNetwork(address, network));
  return embedding ? { value: (address.value >> embedding.shift) & 0xffff_ffffn, bits: 32 } : address;
}

function inNetwork(address: Address, text: string): boolean {
  const network: Network | undefined = parseNetwork(text);
  if (!network || network.bits !== address.bits) return false;
  const rest = BigInt(network.bits - network.prefixBits);
  return address.value >> rest === network.value >> rest;
}

const sameAddress = (one: Address, other: Address | undefined): boolean => other?.bits === one.bits && other.value === one.value;
