#!/usr/bin/env node
// The `slipway` command. Plain JavaScript that any Node >= 18 understands: it brings the set-up up to date as far as the verb needs,
// then starts `src/cli/main.ts` on a Node.js of version 24 or newer and passes on signals and exit code.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { cacheDirectory, SetupError } from '../toolchain/cache.mjs';
import { compileCacheDirectory } from '../toolchain/compile-cache.mjs';
import { ensureSetup } from '../toolchain/setup.mjs';

const MAIN = join(dirname(dirname(fileURLToPath(import.meta.url))), 'src', 'cli', 'main.ts');

/** Verbs that run jobs or model servers in this checkout need everything; the others talk to a server over HTTP. */
const VERBS_THAT_EXECUTE = new Set(['serve', 'demo', 'dev', 'run']);

async function launch(args) {
  const [verb] = args;
  if (verb === 'setup') {
    if (args.length === 1) await ensureSetup({ what: 'all' });
    else process.stdout.write(SETUP_USAGE);
    process.exitCode = args.length === 1 || args.includes('--help') ? 0 : 2;
    return;
  }
  const asksForHelp = args.includes('--help') || args.includes('-h');
  const { node } = await ensureSetup({ quiet: true, what: VERBS_THAT_EXECUTE.has(verb) && !asksForHelp ? 'all' : 'cli' });
  await start(node, args);
}

const SETUP_USAGE = `usage: slipway setup

Downloads what Slipway needs and is not there yet: Node.js 24 when the host has none, npm packages, the Python runtime of jobs,
and as root the system package bubblewrap. Says first what, how big and where; asks nothing; quick when nothing changed.
Everything but node_modules goes to $SLIPWAY_CACHE, else ~/.cache/slipway.
`;

/** Runs the CLI: in this process when it is new enough, else as a child. Either way the server's pid is its own. */
async function start(node, args) {
  process.env.SLIPWAY_CACHE = cacheDirectory();
  process.env.NODE_COMPILE_CACHE = compileCacheDirectory();
  if (node !== process.execPath) return startChild(node, args);
  process.argv[1] = MAIN;
  const { default: module } = await import('node:module');
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
  await import(pathToFileURL(MAIN).href);
}

/** Runs the CLI on another Node and passes on what it is told: signals in, exit code out. */
function startChild(node, args) {
  const child = spawn(node, [MAIN, ...args], { stdio: 'inherit' });
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
    process.on(signal, () => {
      // Ctrl-C and a closed terminal reach the whole foreground group, so the child has it already; twice would mean "at once".
      if (signal === 'SIGTERM' || !process.stdin.isTTY) child.kill(signal);
    });
  }
  child.on('error', (error) => fail(`Node.js at ${node} cannot be started (${error.code}).`));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + constants.signals[signal] : code));
}

function fail(message) {
  process.stderr.write(`slipway: ${message}\n`);
  process.exit(1);
}

launch(process.argv.slice(2)).catch((error) => {
  if (error instanceof SetupError) fail(error.message);
  throw error;
});
