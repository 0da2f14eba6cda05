import { createHash } from 'node:crypto';
import {
  accessSync,
  constants,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { isWithin } from './plan-tree.ts';
import type { Mount } from './plan.ts';

/** Top-level folders a program needs; on merged-usr systems all but /usr are links into it. */
const SYSTEM_FOLDERS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

/** The operating system as a job sees it, read-only; `hidden` folders that lie inside of it are covered. */
export function systemMounts(hidden: readonly string[], etc: string): Mount[] {
  const mounts: Mount[] = [];
  for (const folder of SYSTEM_FOLDERS) {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) mounts.push({ kind: 'symlink', from: readlinkSync(folder), to: folder });
    else if (found?.isDirectory()) mounts.push({ kind: 'read-only', from: folder, to: folder });
  }
  const shown = mounts.filter((mount) => mount.kind === 'read-only').map((mount) => mount.to);
  for (const folder of hidden) {
    if (shown.some((path) => isWithin(folder, path))) mounts.push({ kind: 'empty', to: folder });
  }
  mounts.push({ kind: 'read-only', from: etc, to: '/etc' });
  // changes while the host runs, so it is shown as it is
  if (existsSync('/etc/resolv.conf')) mounts.push({ kind: 'read-only', from: '/etc/resolv.conf', to: '/etc/resolv.conf' });
  return [...mounts, { kind: 'processes', to: '/proc' }, { kind: 'devices', to: '/dev' }];
}

/** What programs look up in /etc; everything else there (keys, shadow, host configuration) stays unseen. */
const ETC_ENTRIES = [
  'alternatives',
  'ca-certificates',
  'ca-certificates.conf',
  'crypto-policies',
  'fonts',
  'gai.conf',
  'host.conf',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'localtime',
  'mime.types',
  'os-release',
  'pki',
  'protocols',
  'services',
  'ssl',
  'timezone',
];

/**
 * A folder that stands for /etc in every sandbox: copies of what the host has, and files of our own. One mount instead of
 * twenty, which is most of what making a sandbox costs. Named by what went into it, so that running jobs keep theirs.
 */
export function prepareEtc(folder: string): string {
  const present = ETC_ENTRIES.filter((name) => existsSync(`/etc/${name}`));
  const facts = present.map((name) => [name, statSync(`/etc/${name}`).mtimeMs, newest(`/etc/${name}`)]);
  const hash = createHash('sha256')
    .update(JSON.stringify([facts, OWN_FILES]))
    .digest('hex')
    .slice(0, 16);
  const path = join(folder, hash);
  if (existsSync(path)) return path;
  const made = `${path}.${process.pid}`;
  rmSync(made, { recursive: true, force: true });
  mkdirSync(made, { recursive: true });
  for (const name of present) copyEntry(`/etc/${name}`, join(made, name));
  for (const [name, text] of Object.entries(OWN_FILES)) writeFileSync(join(made, name), text);
  renameSync(made, path);
  return path;
}

/** The change time of the newest folder inside: certificates are added and removed there. */
function newest(path: string): number {
  if (!statSync(path).isDirectory()) return 0;
  const folders = readdirSync(path, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return Math.max(0, ...folders.map((entry) => statSync(join(path, entry.name)).mtimeMs));
}

/** What this user may not read (private keys) is left out. */
function copyEntry(from: string, to: string): void {
  const readable = (path: string) => {
    if (lstatSync(path).isSymbolicLink()) return true;
    try {
      accessSync(path, constants.R_OK);
    } catch {
      return false;
    }
    return !path.startsWith('/etc/ssl/private');
  };
  cpSync(realpathSync(from), to, { recursive: true, verbatimSymlinks: true, filter: readable });
}

/**
 * The toolkit resolves every host of the job before it starts. Several hosts share this machine's network, so each has a loopback
 * address of its own, the same in every host's file: two may listen on one port, each under its name (not both on 0.0.0.0).
 */
export function hostsFile(hosts: readonly string[], cluster: string): string {
  const local = '127.0.0.1 localhost';
  const last = '::1 localhost ip6-localhost ip6-loopback\n';
  if (hosts.length === 1) return `${local} ${hosts.join(' ')}\n${last}`;
  // Linux answers to all of 127.0.0.0/8; clusters get networks of their own, so that their ports do not meet
  const [high = 0, low = 0] = createHash('sha256').update(cluster).digest();
  const address = (host: string, index: number) => `127.${64 + (high % 64)}.${low}.${index + 1} ${host}\n`;
  return `${local}\n${hosts.map(address).join('')}${last}`;
}

/** Jobs on one host, and model servers. */
export const COMMON_HOSTS = ['algo-1'];

const OWN_FILES: Readonly<Record<string, string>> = {
  passwd: 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n',
  group: 'root:x:0:\nnogroup:x:65534:\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n',
  hosts: hostsFile(COMMON_HOSTS, ''),
  hostname: '', // where a container engine shows its own
  'resolv.conf': '', // where the host's is shown
};
