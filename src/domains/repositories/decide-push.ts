/** Git's protocol as far as a push is judged by it: commands in, report out. Pure; see git's `gitprotocol-pack`. */

export interface RefCommand {
  readonly before: string;
  readonly after: string;
  readonly name: string;
}

export interface PushHead {
  readonly commands: readonly RefCommand[];
  /** Lines before the commands (`shallow <id>`), as they came. */
  readonly shallow: readonly string[];
  readonly capabilities: readonly string[];
  /** Bytes of the head, its flush packet included. */
  readonly sizeBytes: number;
}

/** Of one push, as at AWS. */
export const COMMANDS_MAX = 4000;
/** All references of a repository. */
const REFERENCES_MAX = 20_000;
export const HEAD_BYTES_MAX = 4 * 1024 * 1024;
export const isAbsent = (id: string): boolean => /^0+$/.test(id);

export const pktLine = (text: string | Buffer): Buffer => {
  const body = Buffer.from(text);
  return Buffer.concat([Buffer.from((body.length + 4).toString(16).padStart(4, '0')), body]);
};
export const FLUSH = Buffer.from('0000');

/** The packets of `bytes`: undefined stands for a flush. `rest` is what is no whole packet yet. */
function readPackets(bytes: Buffer): { packets: (Buffer | undefined)[]; ends: number[]; broken: boolean } {
  const packets: (Buffer | undefined)[] = [];
  const ends: number[] = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const text = bytes.toString('latin1', at, at + 4);
    if (!/^[0-9a-fA-F]{4}$/.test(text)) return { packets, ends, broken: true };
    const length = Number.parseInt(text, 16);
    if (length !== 0 && length < 4) return { packets, ends, broken: true };
    if (length === 0) {
      at += 4;
      packets.push(undefined);
    } else {
      if (at + length > bytes.length) break;
      packets.push(bytes.subarray(at + 4, at + length));
      at += length;
    }
    ends.push(at);
  }
  return { packets, ends, broken: false };
}

/** The head of a push; undefined while more is to come; a text says why it is none. */
export function parsePushHead(bytes: Buffer): PushHead | string | undefined {
  const { packets, ends, broken } = readPackets(bytes);
  const flush = packets.indexOf(undefined);
  if (flush < 0) return broken ? 'the request is not in the form of git’s protocol' : undefined;
  const shallow: string[] = [];
  const commands: RefCommand[] = [];
  let capabilities: string[] = [];
  for (const packet of packets.slice(0, flush)) {
    const [text = '', listed] = (packet?.toString('utf8') ?? '').replace(/\n$/, '').split('\0');
    if (/^shallow [0-9a-f]{40}$/.test(text)) {
      shallow.push(text);
      continue;
    }
    if (listed !== undefined) capabilities = listed.trim().split(' ');
    const [, before, after, name] = /^([0-9a-f]{40}) ([0-9a-f]{40}) (\S.*)$/s.exec(text) ?? [];
    if (before === undefined || after === undefined || name === undefined)
      return `"${text.slice(0, 80)}" is no command of a push`;
    commands.push({ before, after, name });
  }
  return { commands, shallow, capabilities, sizeBytes: ends[flush] ?? 0 };
}

/** The head again, with these commands only. */
export function printPushHead(head: PushHead, commands: readonly RefCommand[]): Buffer {
  const lines = commands.map(({ before, after, name }, index) => {
    const listed = index === 0 ? `\0 ${head.capabilities.join(' ')}` : '';
    return pktLine(`${before} ${after} ${name}${listed}`);
  });
  return Buffer.concat([...head.shallow.map((line) => pktLine(line)), ...lines, FLUSH]);
}

interface PushRules {
  /** Branches that are neither deleted nor rewritten. */
  readonly protected: readonly string[];
  readonly known: { readonly [name: string]: string };
  readonly follows?: string;
}

/** Why a reference is not changed, whoever asks; undefined: nothing is against it so far. */
export function rejectCommand({ name, after }: RefCommand, rules: PushRules): string | undefined {
  if (rules.follows !== undefined) return `this repository follows ${rules.follows} and takes no pushes`;
  if (!isReferenceName(name)) return 'not a name of a reference that can be kept here';
  const branch = name.startsWith('refs/heads/') ? name.slice('refs/heads/'.length) : undefined;
  if (branch !== undefined && isAbsent(after) && rules.protected.includes(branch)) {
    return `branch ${branch} is protected (tag slipway:protected) and is not deleted`;
  }
  if (rules.known[name] === undefined && !isAbsent(after) && Object.keys(rules.known).length >= REFERENCES_MAX) {
    return `the repository has ${REFERENCES_MAX} references, which is the most`;
  }
  return undefined;
}

/** Git's rules for names (`git check-ref-format`), below `refs/` and not below what is ours. */
export function isReferenceName(name: string): boolean {
  if (!name.startsWith('refs/') || name.startsWith('refs/slipway/') || Buffer.byteLength(name) > 512) return false;
  const parts = name.split('/');
  const plain = parts.every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock') && !part.startsWith('-'));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: git refuses control characters
  return plain && parts.length > 2 && !/[\x00-\x20\x7f~^:?*[\\]|\.\.|@\{|\.$/.test(name);
}

/** A protected branch in the push: then nothing in it may be rewritten, since git judges a push as a whole. */
export const forbidsRewriting = (commands: readonly RefCommand[], rules: Pick<PushRules, 'protected'>): boolean =>
  commands.some(({ name }) => name.startsWith('refs/heads/') && rules.protected.includes(name.slice('refs/heads/'.length)));

export interface PushReport {
  /** `ok`, or what was wrong with the pack. */
  readonly unpack: string;
  /** Lines `ok <ref>`, `ng <ref> <why>` and `option …`. */
  readonly lines: readonly string[];
  /** What git says to the user meanwhile. */
  readonly messages: readonly Buffer[];
}

/** What `receive-pack` answered; undefined when it said nothing that can be read. */
export function parseReport(output: Buffer, capabilities: readonly string[]): PushReport | undefined {
  const messages: Buffer[] = [];
  let report = output;
  if (capabilities.includes('side-band-64k') || capabilities.includes('side-band')) {
    const bands = readPackets(output).packets.flatMap((packet) => packet ?? []);
    for (const packet of bands) if (packet[0] === 2) messages.push(packet.subarray(1));
    report = Buffer.concat(bands.filter((packet) => packet[0] === 1).map((packet) => packet.subarray(1)));
  }
  const [first, ...lines] = readPackets(report).packets.flatMap((packet) => packet?.toString('utf8').replace(/\n$/, '') ?? []);
  if (!first?.startsWith('unpack ')) return undefined;
  return { unpack: first.slice('unpack '.length), lines, messages };
}

const BAND_BYTES = 65_515;

/** The answer to a push in the form its client asked for. */
export function printReport(report: PushReport, capabilities: readonly string[]): Buffer {
  const wanted = capabilities.includes('report-status') || capabilities.includes('report-status-v2');
  const lines = wanted ? [pktLine(`unpack ${report.unpack}\n`), ...report.lines.map((line) => pktLine(`${line}\n`)), FLUSH] : [];
  const plain = Buffer.concat(lines);
  const room = capabilities.includes('side-band-64k') ? BAND_BYTES : capabilities.includes('side-band') ? 995 : 0;
  if (room === 0) return plain;
  const banded = (band: number, bytes: Buffer): Buffer[] => {
    const packets: Buffer[] = [];
    for (let at = 0; at < bytes.length; at += room)
      packets.push(pktLine(Buffer.concat([Buffer.from([band]), bytes.subarray(at, at + room)])));
    return packets;
  };
  return Buffer.concat([...report.messages.flatMap((text) => banded(2, text)), ...banded(1, plain), FLUSH]);
}

/** One line, as a report has them. */
export const reasonLine = (text: string): string => text.replace(/\s+/g, ' ').trim().slice(0, 400);
