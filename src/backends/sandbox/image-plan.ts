import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { BackendError } from '../../platform/errors/families.ts';
import type { WorkSpec } from '../../platform/ports/work.ts';
import type { UnpackedImage } from './image-trees.ts';
import type { Isolation, Mount, ServePlan } from './plan.ts';
import type { SandboxOptions } from './sandbox-options.ts';

/** What differs for work that brings an image of its own. */

/** What a work runs on. */
export type Runtime = ReturnType<SandboxOptions['locateRuntime']> & {
  /** A root file system of its own. */
  readonly image?: UnpackedImage;
  /** Further mounts. */
  readonly mounts?: readonly Mount[];
  /** Where its programs start, whatever the specification says. */
  readonly workingDirectory?: string;
  /** Its `serve` listens on a port, as AWS's contract has it; ours listen on a socket. */
  readonly servesOnPort?: boolean;
};

/** Where AWS has the server of an image listen. */
const SERVE_PORT = 8080;
const DIGEST = /^sha256:([0-9a-f]{64})$/;
/** Of an image that names none, as container engines have it. */
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** Where the programs of a folder are shown: where AWS's examples of own containers have them. */
const PROGRAM = '/opt/program';

/** A named environment of this host, an unpacked image, or a folder of programs on a named environment. */
export async function openRuntime(options: SandboxOptions, spec: WorkSpec, isolation: Isolation): Promise<Runtime> {
  const { name } = spec.runtime;
  const digest = DIGEST.exec(name)?.[1];
  const folder = folderOfRuntime(name);
  if (digest === undefined && folder === undefined) return options.locateRuntime(name);
  if (isolation === 'plain' || !options.openImage) {
    throw new BackendError(
      'image',
      `The image ${spec.image} is one of your own, which needs a sandbox: set \`sandbox: auto\` in slipway.yaml.`,
    );
  }
  if (folder === undefined && isolation === 'container') {
    throw new BackendError(
      'image',
      `The image ${spec.image} is one of your own, which is not implemented under a container engine: ` +
        'use `sandbox: auto` in slipway.yaml on a machine that has bubblewrap.',
    );
  }
  if (folder !== undefined) return programFolder(options.locateRuntime(FOLDER_RUNTIME), folder, spec.image);
  const image = await options.openImage(digest ?? '', spec.runtime.root);
  const { environment, workingDirectory } = image;
  return { folders: [], environment: { PATH, ...environment }, image, workingDirectory, servesOnPort: true };
}

/** The environment on which the programs of a folder run. */
export const FOLDER_RUNTIME = 'ml';
const FOLDER = 'folder:';
export const runtimeOfFolder = (path: string): string => `${FOLDER}${path}`;
const folderOfRuntime = (name: string): string | undefined => (name.startsWith(FOLDER) ? name.slice(FOLDER.length) : undefined);

function programFolder(base: Runtime, folder: string, image: string): Runtime {
  if (!existsSync(folder)) {
    throw new BackendError('image', `The folder ${folder}, which \`images\` in slipway.yaml gives for ${image}, is not there.`);
  }
  return {
    ...base,
    environment: { ...base.environment, PATH: `${PROGRAM}:${base.environment['PATH'] ?? PATH}` },
    mounts: [{ kind: 'read-only', from: folder, to: PROGRAM }],
    workingDirectory: PROGRAM,
    servesOnPort: true,
  };
}

export const inOwnFolder = (spec: WorkSpec, { workingDirectory }: Runtime): WorkSpec =>
  workingDirectory === undefined ? spec : { ...spec, workingDirectory };

/** What stands on the image's root besides the work's own tree. */
export const imageMounts = (runFolder: string): Mount[] => [
  { kind: 'processes', to: '/proc' },
  { kind: 'devices', to: '/dev' },
  { kind: 'read-only', from: join(runFolder, 'hosts'), to: '/etc/hosts' },
  // changes while the host runs, so it is shown as it is
  ...(existsSync('/etc/resolv.conf') ? [{ kind: 'read-only', from: '/etc/resolv.conf', to: '/etc/resolv.conf' } as const] : []),
];

/** The addresses of this host that the environment names are the server's own: the work keeps reaching them. The internet is behind a proxy. */
export function servePlan(spec: WorkSpec, environment: Readonly<Record<string, string>>, sockets: string): ServePlan {
  const ports = Object.values(environment).flatMap((value) => {
    const url = /^https?:\/\//.test(value) ? URL.parse(value) : null;
    return url && ['127.0.0.1', 'localhost'].includes(url.hostname) && url.port !== '' ? [Number(url.port)] : [];
  });
  const socket = join(sockets, 'serve.sock');
  if (spec.network === 'none') return { socket, port: SERVE_PORT, reach: [], proxyPort: null };
  const reach = [...new Set(ports)].filter((port) => port !== SERVE_PORT && port !== PROXY_PORT);
  return { socket, port: SERVE_PORT, reach, proxyPort: PROXY_PORT };
}

const PROXY_PORT = 3128;

/** How programs find the proxy, by the names that clients of HTTP look for. */
export function proxyVariables(spec: WorkSpec): Record<string, string> {
  if (spec.kind !== 'service' || spec.network === 'none') return {};
  const proxy = `http://127.0.0.1:${PROXY_PORT}`;
  const none = 'localhost,127.0.0.1,::1';
  return { HTTP_PROXY: proxy, http_proxy: proxy, HTTPS_PROXY: proxy, https_proxy: proxy, NO_PROXY: none, no_proxy: none };
}
