// Child processes of the set-up. All their output goes to stderr: stdout belongs to the command that called the set-up.
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { SetupError } from './cache.mjs';

/** Runs a command to its end, output on stderr (`errorsOnly`: what it prints on stdout is dropped). Throws a SetupError naming it when it fails. */
export function run(command, args, { cwd, env, hint, errorsOnly = false } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', errorsOnly ? 'ignore' : 2, 2] });
    child.on('error', (error) => reject(new SetupError(`${command} cannot be started (${error.code}). ${hint ?? ''}`.trim())));
    child.on('exit', (code, signal) => {
      if (code === 0) return resolve();
      const how = signal ? `was ended by ${signal}` : `ended with exit code ${code}`;
      reject(new SetupError(`\`${[command, ...args].join(' ')}\` ${how}; its output is above. ${hint ?? ''}`.trim()));
    });
  });
}

/** Standard output of a short command, or undefined when it cannot be run or fails. */
export function output(command, args, { env, timeoutMs = 20_000 } = {}) {
  const result = spawnSync(command, args, { env, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: timeoutMs });
  return result.status === 0 ? result.stdout : undefined;
}

/** All executables of that name on PATH, in order. */
export function onPath(name) {
  const found = [];
  for (const directory of (process.env.PATH ?? '').split(delimiter)) {
    if (directory === '') continue;
    const path = join(directory, name);
    if (isExecutable(path)) found.push(path);
  }
  return found;
}

export function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
