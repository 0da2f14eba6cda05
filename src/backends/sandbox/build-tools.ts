import { execFile } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { onPath } from '../../../toolchain/processes.mjs';
import { buildRuntime, findPython, findRuntime } from '../../../toolchain/python.mjs';
import { BUILD_RUNTIME, type BuildTools, type PreparedTools } from '../../platform/ports/build-tools.ts';
import { locateRuntime } from './runtime-environment.ts';
import type { SandboxOptions } from './sandbox-options.ts';

/**
 * What builds run on: the Python of jobs with a `pip` that installs into the build's own, Node and npm, git of the system, the AWS CLI
 * and uv. The last two are a runtime of their own, built with the first build rather than by the set-up: most users never need it.
 */

type WorkRuntime = ReturnType<SandboxOptions['locateRuntime']>;

const FOLDER = fileURLToPath(new URL('../../../runtimes/build', import.meta.url));
const SYSTEM_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const PIP_SETTINGS = fileURLToPath(new URL('../../../toolchain/pip-settings.py', import.meta.url));

export interface BuildToolsLog {
  info(details: object, message: string): void;
}

export function createBuildTools(log: BuildToolsLog): BuildTools {
  let preparing: Promise<PreparedTools> | undefined;
  let ready = false;
  return {
    prepared: () => ready,
    prepare() {
      preparing ??= prepareTools(log)
        // whatever is missing is told again where a build cannot start for it
        .catch((error: unknown): PreparedTools => ({ versions: {}, problem: messageOf(error) }))
        .then((tools) => {
          ready = true;
          return tools;
        });
      return preparing;
    },
  };
}

async function prepareTools(log: BuildToolsLog): Promise<PreparedTools> {
  const problem = findRuntime(BUILD_RUNTIME) ? undefined : await buildTools(log);
  packageSettings ??= await readPackageSettings();
  const libraries = findRuntime(BUILD_RUNTIME)?.ready.libraries ?? {};
  const npm = npmFolder();
  return {
    versions: {
      python: locateRuntime('ml').versions['python'] ?? 'unknown',
      nodejs: process.versions.node,
      ...(npm !== undefined && { npm: versionOfPackage(npm) }),
      ...(libraries['awscli'] !== undefined && { 'aws-cli': libraries['awscli'] }),
      ...(libraries['uv'] !== undefined && { uv: libraries['uv'] }),
    },
    ...(problem !== undefined && { problem }),
  };
}

/** Without a network there is no AWS CLI; builds run all the same. */
async function buildTools(log: BuildToolsLog): Promise<string | undefined> {
  try {
    const python = findPython();
    if (!python) return 'no Python 3.11 to 3.13 with venv was found';
    await buildRuntime(BUILD_RUNTIME, python, (text: string) => log.info({}, `tools of builds: ${text}`));
    return undefined;
  } catch (error) {
    log.info({ err: error }, 'The AWS CLI for builds could not be installed.');
    return messageOf(error);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? '';

export function buildWorkRuntime(): WorkRuntime {
  const ml = locateRuntime('ml');
  const tools = findRuntime(BUILD_RUNTIME);
  const npm = npmFolder();
  const nodeFolder = dirname(process.execPath);
  const bins = [
    '/root/.python/bin',
    join(FOLDER, 'bin'),
    join(ml.path, 'bin'),
    ...(tools ? [join(tools.path, 'bin')] : []),
    nodeFolder,
    SYSTEM_PATH,
    join(FOLDER, 'fallback'),
  ];
  // npm beside Node is a link in Node's folder into the same installation; another one is the system's
  const node = npm?.startsWith(`${dirname(nodeFolder)}/`) ? dirname(nodeFolder) : process.execPath;
  const outside = [FOLDER, ...(tools ? [tools.path] : []), node];
  return {
    folders: [...ml.folders, ...outside.filter((path) => !path.startsWith('/usr/'))],
    environment: { ...ml.environment, ...packageSettings, PATH: bins.join(delimiter) },
    writeJobPython: (home) => ml.writeJobPython(home),
  };
}

/** npm comes as a package with programs of its own in `bin`. */
function npmFolder(): string | undefined {
  const beside = join(dirname(dirname(process.execPath)), 'lib', 'node_modules', 'npm');
  if (existsSync(join(beside, 'bin', 'npm'))) return beside;
  const [found] = onPath('npm');
  if (found === undefined) return undefined;
  const folder = dirname(dirname(realpathSync(found)));
  return existsSync(join(folder, 'package.json')) && existsSync(join(folder, 'bin', 'npm')) ? folder : undefined;
}

const versionOfPackage = (folder: string): string =>
  String((JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version?: string }).version ?? 'unknown');

let packageSettings: Readonly<Record<string, string>> | undefined;

/** Where this machine's pip and npm download from: a build is to find the same index. */
async function readPackageSettings(): Promise<Readonly<Record<string, string>>> {
  const settings: Record<string, string> = {};
  const say = (name: string, value: string | undefined) => {
    if (value) settings[name] = value;
  };
  const pip = await pipSettings();
  say('PIP_INDEX_URL', pip['index-url']);
  say('PIP_EXTRA_INDEX_URL', pip['extra-index-url']);
  say('PIP_TRUSTED_HOST', pip['trusted-host']);
  say('PIP_CERT', pip['cert']);
  say('PIP_NO_INDEX', pip['no-index']);
  say('PIP_TIMEOUT', pip['timeout'] ?? pip['default-timeout']);
  say('UV_DEFAULT_INDEX', pip['index-url']);
  say('SSL_CERT_FILE', pip['cert']);
  for (const [option, value] of Object.entries(npmSettings())) say(`npm_config_${option}`, value);
  for (const name of ['HTTP_PROXY', 'HTTPS_PROXY', 'http_proxy', 'https_proxy']) say(name, process.env[name]);
  if (settings['HTTP_PROXY'] ?? settings['http_proxy'] ?? settings['HTTPS_PROXY'] ?? settings['https_proxy']) {
    say('NO_PROXY', 'localhost,127.0.0.1,::1');
    say('no_proxy', 'localhost,127.0.0.1,::1');
  }
  return settings;
}

async function pipSettings(): Promise<Readonly<Record<string, string>>> {
  const { stdout } = await promisify(execFile)(join(locateRuntime('ml').path, 'bin', 'python3'), [PIP_SETTINGS]);
  return JSON.parse(stdout) as Record<string, string>;
}

/** Registry and certificates, as `.npmrc` of the user or the environment has them. */
function npmSettings(): Record<string, string> {
  const settings: Record<string, string> = {};
  const file = join(homedir(), '.npmrc');
  const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
  for (const line of lines) {
    const [, option, value] = /^\s*(registry|cafile|strict-ssl|https-proxy|proxy)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (option !== undefined && value !== undefined) settings[option.replace('-', '_')] = value;
  }
  for (const option of ['registry', 'cafile', 'strict_ssl']) {
    const value = process.env[`npm_config_${option}`] ?? process.env[`NPM_CONFIG_${option.toUpperCase()}`];
    if (value) settings[option] = value;
  }
  return settings;
}
