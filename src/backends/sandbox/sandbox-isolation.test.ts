import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { waitForChange } from '../../platform/ports/work-suite.ts';
import { absence, createTrial } from './testing/sandbox-trial.ts';

/** Tries what a job must not be able to do and prints one line `name: ok|reached <what>` for each. */
const ATTEMPTS = (facts: { folder: string; other: string; pid: number; home: string }) => `
import os, signal, ctypes, socket
def attempt(name, act):
    try:
        print('%s: reached %r' % (name, act()))
    except Exception as error:
        print('%s: ok' % name)
def nothing(found):
    if not found: raise LookupError()
    return found
attempt('data folder', lambda: os.listdir(${JSON.stringify(facts.folder)}))
attempt('other job', lambda: open(${JSON.stringify(`${facts.other}/ml/model/secret`)}).read())
attempt('runs folder', lambda: os.listdir(os.path.dirname(${JSON.stringify(facts.other)})))
def environs():
    found = []
    for name in os.listdir('/proc'):
        if name.isdigit() and int(name) not in (1, os.getpid()):
            found.append(open('/proc/%s/environ' % name, 'rb').read())
    return nothing(found)
attempt('environ', environs)
attempt('secret in environ', lambda: nothing(b'SLIPWAY_TRIAL_SECRET' in b''.join(
    open('/proc/%s/environ' % name, 'rb').read() for name in os.listdir('/proc') if name.isdigit())))
attempt('aws folder', lambda: os.listdir(os.path.join(${JSON.stringify(facts.home)}, '.aws')))
attempt('home', lambda: nothing([name for name in os.listdir(${JSON.stringify(facts.home)})]))
attempt('signal the server', lambda: os.kill(${facts.pid}, 0))
attempt('shadow', lambda: open('/etc/shadow').read())
attempt('core pattern', lambda: open('/proc/sys/kernel/core_pattern', 'r+').read())
attempt('sysrq', lambda: open('/proc/sysrq-trigger', 'w'))
attempt('system folder', lambda: open('/usr/bin/trial', 'w'))
attempt('input', lambda: open('/opt/ml/input/data/train/file', 'r+'))
attempt('input by new name', lambda: open('/opt/ml/input/data/train/new', 'w'))
attempt('chmod input', lambda: os.chmod('/opt/ml/input/data/train/file', 0o777))
libc = ctypes.CDLL(None, use_errno=True)
def remount():
    if libc.mount(None, b'/opt/ml/input/data/train', None, ctypes.c_ulong(0x1000 | 0x20), None) != 0: raise OSError()
attempt('remount', remount)
def nested():
    if libc.unshare(0x10000000 | 0x00020000) != 0: raise OSError()
    remount()
    return open('/opt/ml/input/data/train/file', 'r+')
attempt('remount in a nested namespace', nested)
def device():
    os.mknod('/tmp/disk', 0o060600, os.makedev(254, 0))
    return open('/tmp/disk', 'rb').read(1)
attempt('block device', device)
attempt('host root by process 1', lambda: nothing('runs' in os.listdir('/proc/1/root' + ${JSON.stringify(facts.folder)})))
print('done')
`;

for (const isolation of ['bubblewrap', 'unshare', 'container'] as const) {
  test(`under ${isolation} a job reaches nothing of the host or of other jobs`, { skip: absence(isolation) }, async () => {
    const trial = createTrial(isolation);
    process.env.SLIPWAY_TRIAL_SECRET = 'secret';
    const digest = trial.store('content');
    const { backend } = trial;
    await backend.start(
      trial.spec('other', 'open("/opt/ml/model/secret", "w").write("x"); import time; time.sleep(600)', {
        outputs: [{ name: 'model', path: '/opt/ml/model' }],
        environment: { SLIPWAY_TRIAL_SECRET: 'of the other job' },
      }),
    );
    await waitForChange(backend, 'other', async () => (await backend.status('other')).phase === 'running' || undefined);
    mkdirSync(join(trial.folder, '.aws'), { recursive: true });
    writeFileSync(join(trial.folder, '.aws', 'credentials'), 'key');
    const script = ATTEMPTS({
      folder: trial.folder,
      other: join(trial.folder, 'runs', 'other'),
      pid: process.pid,
      home: homedir(),
    });
    await backend.start(
      trial.spec('intruder', script, {
        inputs: [
          { path: '/opt/ml/input/data/train', access: 'read-only', entries: [{ relativePath: 'file', digest, sizeBytes: 7 }] },
        ],
      }),
    );
    const end = await trial.end('intruder');
    const lines = trial.lines('intruder');
    assert.deepEqual(
      lines.filter((line) => !line.endsWith(': ok')),
      ['done'],
    );
    assert.equal(lines.length, 20);
    assert.equal(end.exitCode, 0);
    assert.equal(end.isolation, isolation);
    assert.equal(readFileSync(join(trial.folder, 'blobs', digest), 'utf8'), 'content');
    await backend.stop('other');
    assert.equal((await trial.end('other')).reason, 'stopped');
    trial.close();
  });

  test(`under ${isolation} network none has only a loopback device, which works`, { skip: absence(isolation) }, async () => {
    const trial = createTrial(isolation);
    const script = `
import os, socket
print(sorted(os.listdir('/proc/sys/net/ipv4/conf')))
server = socket.create_server(('127.0.0.1', 0))
socket.create_connection(server.getsockname()).close()
try:
    socket.create_connection(('127.0.0.1', ${await listeningPort()}), timeout=2)
    print('reached the host')
except OSError: print('alone')
`;
    await trial.backend.start(trial.spec('alone', script, { network: 'none' }));
    await trial.end('alone');
    assert.deepEqual(trial.lines('alone'), ["['all', 'default', 'lo']", 'alone']);
    trial.close();
  });
}

async function listeningPort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().unref();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as { port: number }).port;
}
