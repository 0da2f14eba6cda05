import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { isWithin } from './plan-tree.ts';
import type { Mount } from './plan.ts';

/** Top-level folders a program needs; on merged-usr systems all but /usr are links into it. */
const SYSTEM_FOLDERS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'];

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
  'resolv.conf',
  'services',
  'ssl',
  'timezone',
];

/** The operating system as a job sees it, read-only; `hidden` folders that lie inside of it are covered. */
export function systemMounts(hidden: readonly string[]): Mount[] {
  const mounts: Mount[] = [];
  for (const folder of SYSTEM_FOLDERS) {
    const found = lstatSync(folder, { throwIfNoEntry: false });
    if (found?.isSymbolicLink()) mounts.push({ kind: 'symlink', from: readlinkSync(folder), to: folder });
    else if (found?.isDirectory()) mounts.push({ kind: 'read-only', from: folder, to: folder });
  }
  for (const name of ETC_ENTRIES) {
    if (existsSync(`/etc/${name}`)) mounts.push({ kind: 'read-only', from: `/etc/${name}`, to: `/etc/${name}` });
  }
  const shown = mounts.filter((mount) => mount.kind === 'read-only').map((mount) => mount.to);
  for (const folder of hidden) {
    if (shown.some((path) => isWithin(folder, path))) mounts.push({ kind: 'empty', to: folder });
  }
  return [...mounts, { kind: 'processes', to: '/proc' }, { kind: 'devices', to: '/dev' }];
}

/** Small files of /etc that are the sandbox's own. */
export const PASSWD = 'root:x:0:0:root:/root:/bin/bash\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n';
export const GROUP = 'root:x:0:\nnogroup:x:65534:\n';
export const NSSWITCH = 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n';

/** The toolkit resolves every host of the job before it starts. */
export const hostsFile = (hosts: readonly string[]): string =>
  `127.0.0.1 localhost ${hosts.join(' ')}\n::1 localhost ip6-localhost ip6-loopback\n`;
