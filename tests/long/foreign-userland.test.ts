import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { slipway } from '../harness/cli.ts';
import { runToSuccess } from '../harness/client-program.ts';
import { startServer, type TestServer } from '../harness/server.ts';

/** An image with the userland of another Debian release, made by mmdebstrap and tar, imported and pushed; needs Debian's mirrors. */

const CLIENTS = join(import.meta.dirname, '../clients/ecr');
const PYTHONS: Readonly<Record<string, string>> = { bookworm: '3.11', trixie: '3.13' };
const RELEASE = /VERSION_CODENAME=trixie/.test(readFileSync('/etc/os-release', 'utf8')) ? 'bookworm' : 'trixie';

const isInstalled = (program: string): boolean => {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};
const missing = ['mmdebstrap', 'skopeo'].filter((program) => !isInstalled(program));
const skip = missing.length > 0 && `not installed: apt-get install -y ${missing.join(' ')}`;

suite(`the userland of Debian ${RELEASE}`, { skip }, () => {
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-userland-'));
  const layout = join(scratch, 'layout');
  let server: TestServer;
  before(async () => {
    const root = join(scratch, 'root');
    execFileSync('mmdebstrap', ['--quiet', '--variant=minbase', '--include=python3', RELEASE, root], { stdio: 'inherit' });
    execFileSync('python3', [join(CLIENTS, 'image_maker.py'), root, layout, 'release=']);
    server = await startServer();
  });
  after(async () => {
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  });

  const own = (name: string) => ({
    test: 'boto3 own_container.py',
    env: { OWN_IMAGE: name, OWN_RELEASE: `(${RELEASE})`, OWN_PYTHON: PYTHONS[RELEASE] ?? '3.' },
  });

  test('imported, it trains, processes, serves and transforms', async () => {
    const { code, stderr } = await slipway(['image', 'import', layout, '--name', 'userland/imported:1', '--data', server.folder]);
    if (code !== 0) throw new Error(stderr);
    await runToSuccess(server, ['python3', join(CLIENTS, 'own_container.py')], own('userland/imported:1'));
  });

  test('pushed by skopeo, it does the same', async () => {
    const script = `
set -e
aws ecr create-repository --repository-name userland/pushed > /dev/null
host=\${AWS_ENDPOINT_URL#http://}
skopeo copy -q --dest-tls-verify=false --dest-creds "AWS:$(aws ecr get-login-password)" oci:${layout}:1 "docker://$host/userland/pushed:1"`;
    await runToSuccess(server, ['bash', '-c', script], { test: 'skopeo' });
    await runToSuccess(server, ['python3', join(CLIENTS, 'own_container.py')], own('userland/pushed:1'));
  });
});
