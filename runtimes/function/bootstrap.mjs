/**
 * Runs a function's handler, one invocation at a time, asked over HTTP on the unix socket in SLIPWAY_SERVE_SOCKET. The requests and
 * answers are those of bootstrap.py, which describes them.
 */
import { chmodSync, existsSync, readFileSync, writeSync } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { format, types } from 'node:util';

const env = process.env;
const TASK_ROOT = env.LAMBDA_TASK_ROOT ?? '/var/task';
const RESPONSE_BYTES_MAX = 6 * 1024 * 1024 + 100;
const KEPT_MAX = 16;
/** Whoever asked minds the time; this is for a server that died meanwhile. */
const OVERTIME_MS = 10_000;
/** A server that lives ends an idle environment long before. */
const ABANDONED_MS = 1_800_000;

const known = new Map();
let running;
let fault;
let handler;
let initMs = 0;
let initTold = false;
let ending = false;
let usedMs = Date.now();

/** An error in the runtime's own words. */
class Fault extends Error {
  constructor(kind, message) {
    super(message);
    this.name = kind;
    this.stack = `${kind}: ${message}`;
  }
}

const say = (text) => writeSync(1, `${text}\n`);

for (const [method, level] of Object.entries({ log: 'INFO', info: 'INFO', debug: 'DEBUG', warn: 'WARN', error: 'ERROR', trace: 'TRACE' })) {
  console[method] = (...words) => {
    const text = format(...words).replaceAll('\n', '\r');
    say(`${new Date().toISOString()}\t${running?.id ?? 'undefined'}\t${level}\t${text}`);
  };
}

async function findHandler(name) {
  const match = /^(.*\/)?([^/.]+(?:\.[^/]*)?)\.([^/.]+)$/.exec(name);
  if (!match || name.includes('..')) throw new Fault('Runtime.MalformedHandlerName', 'Bad handler');
  const [, folder = '', file, member] = match;
  const module = await load(`${folder}${file}`);
  const found = module[member] ?? module.default?.[member];
  if (found === undefined) throw new Fault('Runtime.HandlerNotFound', `${name} is undefined or not exported`);
  if (typeof found !== 'function') throw new Fault('Runtime.HandlerNotFound', `${name} is not a function`);
  return found;
}

async function load(name) {
  const path = ['', '.js', '.mjs', '.cjs'].map((end) => join(TASK_ROOT, name + end)).find(isFile);
  if (path === undefined) throw new Fault('Runtime.ImportModuleError', `Error: Cannot find module '${name}'`);
  try {
    if (path.endsWith('.mjs') || (path.endsWith('.js') && isModulePackage(path))) return await import(pathToFileURL(path).href);
    return createRequire(join(TASK_ROOT, 'index.js'))(path);
  } catch (error) {
    if (error instanceof SyntaxError) throw new Fault('Runtime.UserCodeSyntaxError', `SyntaxError: ${error.message}`);
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw new Fault('Runtime.ImportModuleError', `Error: ${error.message}`);
    }
    throw error;
  }
}

function isFile(path) {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false; // absent, or a folder
  }
}

function isModulePackage(path) {
  for (let folder = dirname(path); folder.startsWith(TASK_ROOT); folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')).type === 'module';
  }
  return false;
}

function perform(invocation) {
  if (fault) return Promise.reject(fault);
  const { promise, resolve, reject } = Promise.withResolvers();
  const callback = (error, result) => (error ? reject(error) : resolve(result));
  const event = invocation.event.trim() === '' ? {} : JSON.parse(invocation.event);
  // a handler that leaves nothing to wait for and never answers has answered nothing
  invocation.giveUp = () => resolve(null);
  const returned = handler(event, contextOf(invocation, callback), callback);
  if (types.isPromise(returned) || typeof returned?.then === 'function') returned.then(resolve, reject);
  return promise;
}

function contextOf(invocation, callback) {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionName: env.AWS_LAMBDA_FUNCTION_NAME,
    functionVersion: env.AWS_LAMBDA_FUNCTION_VERSION,
    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: invocation.clientContext ? JSON.parse(invocation.clientContext) : undefined,
    identity: undefined,
    invokedFunctionArn: invocation.arn,
    awsRequestId: invocation.id,
    getRemainingTimeInMillis: () => Math.max(0, invocation.deadlineMs - Date.now()),
    succeed: (result) => callback(null, result),
    fail: (error) => callback(error ?? 'handled'),
    done: callback,
  };
}

function encode(result) {
  let text;
  try {
    text = JSON.stringify(result === undefined ? null : result);
  } catch (error) {
    throw new Fault('Runtime.MarshalError', `Unable to stringify response body: ${error.message}`);
  }
  const body = Buffer.from(text ?? 'null');
  if (body.length <= RESPONSE_BYTES_MAX) return body;
  const message = `Response payload size exceeded maximum allowed payload size (${RESPONSE_BYTES_MAX} bytes).`;
  throw new Fault('Function.ResponseSizeTooLarge', message);
}

/** The error as the caller gets it. */
function describe(error) {
  if (!(error instanceof Error) && !types.isNativeError(error)) {
    return { errorType: typeof error, errorMessage: String(error), trace: [] };
  }
  return { errorType: error.name, errorMessage: error.message, trace: String(error.stack ?? '').split('\n') };
}

async function run(invocation) {
  say(`START RequestId: ${invocation.id} Version: ${env.AWS_LAMBDA_FUNCTION_VERSION ?? '$LATEST'}`);
  const startedMs = performance.now();
  invocation.deadlineMs = Date.now() + invocation.timeoutMs;
  invocation.overtime = setTimeout(() => process.exit(124), invocation.timeoutMs + OVERTIME_MS).unref();
  let body;
  let failed = false;
  try {
    body = encode(await perform(invocation));
  } catch (error) {
    failed = true;
    body = Buffer.from(JSON.stringify(describe(error)));
    console.error('Invoke Error', body.toString());
  }
  end(invocation, body, failed, performance.now() - startedMs);
}

function end(invocation, body, failed, durationMs) {
  clearTimeout(invocation.overtime);
  const init = initTold ? '' : `\tInit Duration: ${initMs.toFixed(2)} ms`;
  initTold = true;
  const peakMib = Math.floor(process.resourceUsage().maxRSS / 1024);
  say(`END RequestId: ${invocation.id}`);
  say(
    `REPORT RequestId: ${invocation.id}\tDuration: ${durationMs.toFixed(2)} ms\tBilled Duration: ${Math.ceil(durationMs)} ms\tMemory Size: ${env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE} MB\tMax Memory Used: ${peakMib} MB${init}`,
  );
  running = undefined;
  usedMs = Date.now();
  invocation.settle({ body, failed });
}

function submit(id, event, headers) {
  const found = known.get(id);
  if (found) return found;
  const { promise: ended, resolve: settle } = Promise.withResolvers();
  const invocation = {
    id,
    event,
    arn: headers['function-arn'] ?? '',
    clientContext: headers['client-context'],
    timeoutMs: Number(headers['timeout-ms'] ?? 3000),
    ended,
    settle,
  };
  known.set(id, invocation);
  while (known.size > KEPT_MAX) known.delete(known.keys().next().value);
  running = invocation;
  void run(invocation);
  return invocation;
}

/** Only what the handler waits for may keep the event loop from being empty. */
async function answer(response, invocation) {
  response.socket.unref();
  server.unref();
  const { body, failed } = await invocation.ended;
  server.ref();
  response.writeHead(200, {
    'content-length': body.length,
    ...(failed && { 'function-error': 'Unhandled' }),
    ...((ending || fault) && { last: '1' }),
  });
  response.end(body);
}

function answerJson(response, status, value) {
  const body = value === undefined ? '' : JSON.stringify(value);
  response.writeHead(status, status === 204 ? {} : { 'content-length': Buffer.byteLength(body) }).end(body);
}

const server = createServer(async (request, response) => {
  response.on('error', () => undefined); // nobody waits any more; the answer is kept
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const id = request.url.split('/').at(-1);
  if (request.method === 'DELETE') {
    known.delete(id);
    return answerJson(response, 204);
  }
  if (request.url === '/state') return answerJson(response, 200, { running: running?.id ?? null });
  await loaded;
  if (request.url === '/ready') return answerJson(response, 200, { initMs, failed: fault !== undefined });
  if (request.method === 'POST') {
    await answer(response, submit(id, Buffer.concat(chunks).toString('utf8'), request.headers));
    if (request.headers.keep === undefined) known.delete(id);
    return;
  }
  const invocation = known.get(id);
  return invocation ? answer(response, invocation) : answerJson(response, 404);
});
setInterval(() => {
  if (!running && known.size === 0 && Date.now() - usedMs > ABANDONED_MS) process.exit(0);
}, 60_000).unref();
server.requestTimeout = 0;
server.keepAliveTimeout = 0;

process.on('beforeExit', () => {
  server.ref();
  running?.giveUp?.();
});
/** The environment is of no use any more: what runs is answered, then all ends. */
function fail(kind, error, code) {
  ending = true;
  const told = { ...describe(error), ...(kind && { errorType: kind }) };
  console.error(kind ? 'Unhandled Promise Rejection' : 'Uncaught Exception', JSON.stringify(told));
  if (running) end(running, Buffer.from(JSON.stringify(told)), true, 0);
  setTimeout(() => process.exit(code), 100);
}
process.on('uncaughtException', (error) => fail(undefined, error, 129));
process.on('unhandledRejection', (error) => fail('Runtime.UnhandledPromiseRejection', error, 128));

const socket = env.SLIPWAY_SERVE_SOCKET;
delete env.SLIPWAY_SERVE_SOCKET;
process.chdir(TASK_ROOT);
const beginMs = performance.now();
const loaded = new Promise((resolve) => server.listen(socket, resolve))
  .then(() => chmodSync(socket, 0o600))
  .then(() => findHandler(env._HANDLER ?? ''))
  .then(
    (found) => {
      handler = found;
    },
    (error) => {
      fault = error;
    },
  )
  .then(() => {
    initMs = performance.now() - beginMs;
  });
