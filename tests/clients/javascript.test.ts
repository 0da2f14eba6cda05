import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { runJavaScript } from '../harness/javascript-program.ts';
import { startServer, type TestServer } from '../harness/server.ts';

suite('AWS SDK for JavaScript v3', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  for (const program of ['neighbours', 'sagemaker']) {
    test(`${program}.mjs`, async () => {
      const { code, stdout, stderr } = await runJavaScript(server, join(import.meta.dirname, 'javascript', `${program}.mjs`));
      assert.equal(code, 0, `${stdout}\n${stderr}\nThe server's log ends:\n${server.log().slice(-4000)}`);
      assert.equal(stdout, `${program}: done\n`);
    });
  }
});
