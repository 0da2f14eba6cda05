import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { said } from '../../platform/ports/work-suite.ts';
import type { WorkAddress } from '../../platform/ports/work.ts';
import { absence, createTrial, type Trial, type TrialIsolation } from './testing/sandbox-trial.ts';

/** Work on a root file system of its own. */

const scratch = mkdtempSync(join(tmpdir(), 'slipway-own-root-'));
const tree = join(scratch, 'tree');
const DIGEST = 'd'.repeat(64);
const own = { name: `sha256:${DIGEST}` };
const PYTHON = '/usr/bin/python3';

before(() => {
  mkdirSync(tree);
  execFileSync('python3', [fileURLToPath(new URL('./testing/host_python_tree.py', import.meta.url)), tree]);
  mkdirSync(join(tree, 'app'));
  writeFileSync(join(tree, 'app/read'), 'of the image');
  // links of the image that would lead mount points to folders of the host
  symlinkSync(scratch, join(tree, 'opt'));
  symlinkSync(join(scratch, 'resolv'), join(tree, 'etc/resolv.conf'));
});
after(() => rmSync(scratch, { recursive: true }));

const openImage = async () => ({ folder: tree, environment: { OWN: 'image', GIVEN: 'image' }, workingDirectory: '/app' });
const trialOf = (isolation: TrialIsolation): Trial =>
  createTrial(isolation, undefined, {
    openImage,
    locateRuntime: () => ({ folders: [], environment: {} }),
  });

const LOOK = `
import os
print([line for line in open("/etc/os-release")][0].strip(), os.getcwd(), open("read").read(), os.environ["OWN"], os.environ["GIVEN"])
print(sorted(os.listdir("/")))
print(os.path.exists("/usr/bin/apt"), os.path.exists(${JSON.stringify(scratch)}), os.getuid())
open("/opt/ml/model/m", "w").write("model"); open("/usr/mine", "w").write("x"); open("/app/read", "a").write(" changed"); os.remove("/etc/os-release")
print(open("/opt/ml/in/f").read(), open("/app/read").read(), open("/etc/hosts").readline().strip(), os.listdir("/proc/self/fd") != [])
open("/dev/null", "w").write("x"); open("/tmp/t", "w")`;

for (const isolation of ['bubblewrap', 'unshare'] as const) {
  test(`${isolation}: work sees the root of its image, may change it, and changes nothing for others`, {
    skip: absence(isolation),
  }, async () => {
    const trial = trialOf(isolation);
    for (const id of ['one', 'two']) {
      await trial.backend.start(
        trial.spec(id, '', {
          runtime: own,
          command: [PYTHON, '-c', LOOK],
          environment: { GIVEN: 'job' },
          inputs: [
            {
              path: '/opt/ml/in',
              access: 'read-only',
              entries: [{ relativePath: 'f', digest: trial.store('input'), sizeBytes: 5 }],
            },
          ],
          outputs: [{ name: 'model', path: '/opt/ml/model' }],
        }),
      );
      const end = await trial.end(id);
      const lines = trial.lines(id);
      assert.deepEqual([end.reason, end.exitCode], ['exited', 0], lines.join('\n'));
      assert.equal(lines[0], 'NAME="Own userland" /app of the image image job');
      assert.match(
        lines[1] ?? '',
        /^\['app', 'bin', 'dev', 'etc', 'lib', 'lib64', 'opt', 'proc', 'root', 'tmp', 'usr', 'var'\]$/,
      );
      assert.equal(lines[2], 'False False 0');
      assert.match(lines[3] ?? '', /^input of the image changed 127\.0\.0\.1 localhost algo-1 True$/);
      assert.deepEqual(
        (await trial.backend.outputs(id, 'model')).files.map(({ relativePath }) => relativePath),
        ['m'],
      );
    }
    assert.ok(existsSync(join(tree, 'etc/os-release')) && !existsSync(join(tree, 'usr/mine')));
    assert.deepEqual(readdirSync(scratch), ['tree'], 'no mount point was made outside of the image');
    await trial.backend.release('one');
    trial.close();
  });

  test(`${isolation}: two servers of an image on port 8080 are reached apart, and reach the server of their environment`, {
    skip: absence(isolation),
  }, async () => {
    const trial = trialOf(isolation);
    const host = createServer((incoming, response) => response.end(`host saw ${incoming.url}`)).listen(0, '127.0.0.1');
    const other = createServer((_, response) => response.end('no')).listen(0, '127.0.0.1');
    await Promise.all([once(host, 'listening'), once(other, 'listening')]);
    const portOf = (server: typeof host) => (server.address() as AddressInfo).port;
    const server = `
import http.server, os, urllib.request
def ask(url):
    try: return urllib.request.urlopen(url, timeout=5).read().decode()
    except OSError as error: return "refused"
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        answer = ("%s %s %s %d" % (os.environ["NAME"], ask(os.environ["AWS_ENDPOINT_URL"] + "/bucket"), ask("http://127.0.0.1:${portOf(other)}/"), len(body))).encode()
        self.send_response(200); self.send_header("content-length", str(len(answer))); self.end_headers(); self.wfile.write(answer)
    def log_message(self, *_): pass
print(ask(os.environ["AWS_ENDPOINT_URL"] + "/early"), flush=True)
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()`;
    const names = ['left', 'right'];
    for (const NAME of names) {
      const environment = { NAME, AWS_ENDPOINT_URL: `http://127.0.0.1:${portOf(host)}` };
      await trial.backend.start(
        trial.spec(NAME, '', { kind: 'service', runtime: own, command: [PYTHON, '-c', server], environment }),
      );
    }
    for (const name of names) {
      await said(trial, name, 'host saw /early'); // the way to the host is there before the work is
      const body = Buffer.alloc(5_000_000);
      const answers = await Promise.all(Array.from({ length: 8 }, () => ask(trial.backend.address(name), body)));
      assert.deepEqual(new Set(answers), new Set([`${name} host saw /bucket refused 5000000`]));
    }
    for (const name of names) {
      await trial.backend.stop(name);
      assert.equal((await trial.end(name)).reason, 'stopped');
      await trial.backend.release(name);
    }
    host.close();
    other.close();
    trial.close();
  });
}

/** Tries again while the server inside does not listen yet. */
async function ask(address: WorkAddress, body: Buffer): Promise<string> {
  for (;;) {
    try {
      const socketPath = address.kind === 'unix' ? address.socketPath : '';
      const outgoing = request({ socketPath, path: '/invocations', method: 'POST', headers: { 'content-length': body.length } });
      outgoing.end(body);
      const [response] = await once(outgoing, 'response');
      let text = '';
      for await (const chunk of response) text += String(chunk);
      return text;
    } catch (error) {
      if (!['ECONNRESET', 'EPIPE', 'ECONNREFUSED', 'ENOENT'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
}

test('a server of an image reaches other machines through a proxy, and no port of this host that it was not told of', async () => {
  const trial = trialOf('unshare');
  const outside = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find(({ family, internal }) => family === 'IPv4' && !internal)?.address;
  const listen = async (address: string) => {
    const server = createServer((incoming, response) => response.end(`${incoming.method} ${incoming.url}`)).listen(0, address);
    await once(server, 'listening');
    return { server, port: (server.address() as AddressInfo).port };
  };
  const web = await listen(outside ?? '127.0.0.1');
  const inner = await listen('127.0.0.1');
  const script = `
import http.client, os, socket, urllib.request
def ask(url):
    try: return urllib.request.urlopen(url, timeout=20).read().decode()
    except OSError as error: return "%s %s" % (error.code, error.read().decode().strip()) if hasattr(error, "code") else "no way"
print(ask("http://${outside ?? '127.0.0.1'}:${web.port}/plain?a=b"))
tunnel = http.client.HTTPConnection("127.0.0.1", 3128)
tunnel.set_tunnel("${outside ?? '127.0.0.1'}", ${web.port})
try:
    tunnel.request("GET", "/tunnelled"); print(tunnel.getresponse().read().decode())
except OSError as error: print(error)
print(ask("http://localhost:${inner.port}/"))
os.environ.pop("NO_PROXY"); os.environ.pop("no_proxy"); print(ask("http://localhost:${inner.port}/"))
for name in ("0.0.0.0", "[::ffff:127.0.0.1]", "[::]", "[::ffff:0.0.0.0]", "0x7f.1"): print(ask("http://%s:${inner.port}/" % name))
print("done", flush=True)
import time; time.sleep(600)`;
  await trial.backend.start(trial.spec('webby', '', { kind: 'service', runtime: own, command: [PYTHON, '-c', script] }));
  await said(trial, 'webby', 'done');
  const refused = `localhost port ${inner.port} cannot be reached: it is an address of this host alone.`;
  const [plain, tunnelled, direct, proxied, ...disguised] = trial.lines('webby');
  if (outside !== undefined) assert.deepEqual([plain, tunnelled], ['GET /plain?a=b', 'GET /tunnelled']);
  assert.deepEqual([direct, proxied], ['no way', `502 ${refused}`]);
  const ways = disguised.slice(0, 5);
  assert.ok(ways.length === 5 && ways.every((line) => line.endsWith('it is an address of this host alone.')), ways.join('\n'));
  await trial.backend.stop('webby');
  await trial.end('webby');
  await trial.backend.start(
    trial.spec('shut', '', { kind: 'service', network: 'none', runtime: own, command: [PYTHON, '-c', script] }),
  );
  await said(trial, 'shut', 'refused'); // nothing listens where the proxy was
  await trial.backend.stop('shut');
  await trial.end('shut');
  web.server.close();
  inner.server.close();
  trial.close();
});

test('where no overlay can be made each run gets a copy of the image', async () => {
  const trial = trialOf('unshare');
  // the kernel refuses an overlay whose upper folder lies on another file system than its work folder
  const code = `
import os, sys
sys.path.insert(0, ${JSON.stringify(fileURLToPath(new URL('./shim', import.meta.url)))})
import image_root
image_root.overlay_works = lambda image: False
plan = {"image": {"tree": ${JSON.stringify(tree)}, "folders": ["/tmp"]}, "mounts": [{"kind": "writable", "from": "/tmp", "to": "/opt/ml"}]}
image_root.prepare(${JSON.stringify(trial.folder)}, plan)
root = plan["image"]["root"]
print(open(root + "/app/read").read(), os.path.islink(root + "/opt"), os.path.isdir(root + "/opt/ml"), plan["image"]["overlay"])`;
  assert.equal(execFileSync('python3', ['-c', code], { encoding: 'utf8' }).trim(), 'of the image False True False');
  assert.equal(readFileSync(join(tree, 'app/read'), 'utf8'), 'of the image');
  trial.close();
});

test('an image needs a sandbox', async () => {
  const trial = trialOf('plain');
  await trial.backend.start(trial.spec('bare', '', { runtime: own, command: ['/bin/sh'] }));
  const end = await trial.end('bare');
  assert.equal(end.reason, 'failed-to-start');
  assert.match(end.message ?? '', /needs a sandbox/);
  trial.close();
});
