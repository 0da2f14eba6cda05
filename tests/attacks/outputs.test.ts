import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, suite, test } from 'node:test';
import { AwsClient, optionsOf } from '../harness/aws-client.ts';
import { BUCKET, endOfScript, logOfScript, ROLE, startScript, until } from '../harness/script-job.ts';
import { startServer, type TestServer } from '../harness/server.ts';

/** What a job leaves behind is read by the server, outside of any sandbox. */
suite('outputs of a hostile job', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-outputs-'));
  let server: TestServer;
  let aws: AwsClient;
  before(async () => {
    server = await startServer({ folder, settings: 'instances:\n  ml.t3.medium: { cpus: 1, memoryMiB: 96 }\n' });
    aws = new AwsClient(optionsOf(server));
  });
  after(async () => {
    await server.stop();
    // some outputs are folders without any rights, and deeper than a path may be long
    execFileSync('sh', ['-c', 'chmod -R u+rwX "$1"; rm -rf -- "$1"', 'sh', folder]);
  });

  const published = async (job: string): Promise<string[]> => {
    const prefix = `outputs/${job}/`;
    return [...(await aws.objects(BUCKET, prefix)).keys()].map((key) => key.slice(prefix.length));
  };
  const run = async (name: string, script: string, more = {}) => {
    await startScript(aws, name, script, { outputs: ['out'], ...more });
    return endOfScript(aws, name);
  };

  test('links, pipes, sockets and devices are left out; files are published', async () => {
    const job = await run(
      'links',
      `
import os, socket
os.chdir('/opt/ml/processing/out')
open('kept.txt', 'w').write('kept')
os.symlink('/etc/passwd', 'passwd')
os.symlink('${join(folder, 'credentials')}', 'credentials')
os.symlink('../../../../../../../../etc', 'etc')
os.symlink('/proc/self/root', 'root')
os.symlink('kept.txt', 'alias')
os.symlink('loop', 'loop')
os.mkfifo('pipe')
socket.socket(socket.AF_UNIX).bind('socket')
os.mkdir('deep'); os.symlink('/', 'deep/root'); open('deep/also.txt', 'w').write('also')
`,
    );
    assert.equal(job.ProcessingJobStatus, 'Completed', job.FailureReason);
    assert.deepEqual(await published('links'), ['out/deep/also.txt', 'out/kept.txt']);
  });

  test('an output folder that was replaced by a link is not followed', async () => {
    const job = await run('replaced', "import os\nos.rmdir('/opt/ml/processing/out'); os.symlink('/', '/opt/ml/processing/out')");
    assert.equal(job.ProcessingJobStatus, 'Completed', job.FailureReason);
    assert.deepEqual(await published('replaced'), []);
    await run('above', "import os\nos.rename('/opt/ml/processing', '/opt/ml/old'); os.symlink('/', '/opt/ml/processing')");
    assert.deepEqual(await published('above'), []);
  });

  test('everything removed: there is nothing to publish, and the job ends all the same', async () => {
    const job = await run(
      'removed',
      "import os, shutil\nfor name in os.listdir('/opt/ml'): shutil.rmtree('/opt/ml/' + name, ignore_errors=True)",
    );
    assert.equal(job.ProcessingJobStatus, 'Completed', job.FailureReason);
    assert.deepEqual(await published('removed'), []);
  });

  test('a message that is a pipe or a link is no message, and nothing waits for it', async () => {
    const pipe = "import os\nos.makedirs('/opt/ml/output', exist_ok=True); os.mkfifo('/opt/ml/output/message')";
    assert.equal((await run('message-pipe', pipe)).ExitMessage, undefined);
    const link = "import os\nos.makedirs('/opt/ml/output', exist_ok=True); os.symlink('/etc/passwd', '/opt/ml/output/message')";
    assert.equal((await run('message-link', link)).ExitMessage, undefined);
  });

  test('names of any bytes: each is published under its own name, or left out', async () => {
    const job = await run(
      'names',
      `
import os
os.chdir(b'/opt/ml/processing/out')
for name in (b'a\\nb', b'back\\\\slash', b'per%20cent', b'..hidden', b' space ', b'\\xff\\xfe', 'gr\\u00fcn'.encode(), b'x' * 255, b'<&>"', b'?query#x'):
    open(name, 'wb').write(name)
`,
    );
    assert.equal(job.ProcessingJobStatus, 'Completed', job.FailureReason);
    const names = await published('names');
    for (const name of [
      'out/back\\slash',
      'out/per%20cent',
      'out/..hidden',
      'out/ space ',
      'out/grün',
      'out/<&>"',
      'out/?query#x',
    ])
      assert.ok(names.includes(name), `${name} of ${JSON.stringify(names)}`);
    assert.equal(
      names.some((name) => name.includes('�')),
      false,
    );
  });

  test('a path deeper than any name may be long fails the job clearly, and nothing hangs', async () => {
    const job = await run(
      'deep',
      `
import os
os.chdir('/opt/ml/processing/out')
for n in range(120):
    os.mkdir('d' * 50); os.chdir('d' * 50)
open('bottom', 'w').write('x')
`,
    );
    assert.equal(job.ProcessingJobStatus, 'Failed');
    assert.match(job.FailureReason ?? '', /^ClientError: .*its path is too long/);
    assert.doesNotMatch(job.FailureReason ?? '', new RegExp(folder), 'no path of the host');
  });

  test('folders nobody may read are published or refused, but the job ends', async () => {
    const job = await run(
      'closed',
      "import os\nos.makedirs('/opt/ml/processing/out/a'); open('/opt/ml/processing/out/a/f', 'w').write('x'); os.chmod('/opt/ml/processing/out/a', 0)",
    );
    if (process.getuid?.() === 0) assert.deepEqual(await published('closed'), ['out/a/f']);
    else assert.match(job.FailureReason ?? '', /^ClientError: .*out/);
  });

  test('a log without line ends, with any bytes, is kept within its limits', async () => {
    const job = await run(
      'noise',
      `
import os, sys
os.write(1, b'x' * 3_000_000)
os.write(1, b'\\n\\x00\\xff\\xfe\\x1b[2J\\r\\n')
os.write(2, b'1700000000000 forged stamp\\n')
os.write(1, b'end\\n')
`,
    );
    assert.equal(job.ProcessingJobStatus, 'Completed');
    const lines = await logOfScript(aws, 'noise');
    assert.ok(lines.every((line) => line.length <= 300_000));
    assert.deepEqual(lines.slice(-2), ['1700000000000 forged stamp', 'end']);
  });

  test('more memory than its instance type has ends a job with 137, however its processes share it', async () => {
    // kept until the end: where no control group can be had, memory is looked at now and then
    const alone = "import time\nprint('begin', flush=True)\nx = bytearray(400 << 20)\ntime.sleep(60)";
    const shared = `
import os, time
print('begin', flush=True)
for n in range(8):
    if os.fork() == 0:
        x = bytearray(40 << 20)
        time.sleep(60)
        os._exit(0)
while True: os.wait()
`;
    for (const [name, script] of [['hungry', alone] as const, ['sharing', shared] as const]) {
      const job = await run(name, script, { instanceType: 'ml.t3.medium' });
      assert.equal(job.ProcessingJobStatus, 'Failed', name);
      assert.match(
        job.FailureReason ?? '',
        /^AlgorithmError: The job used more than 96 MiB of memory\..*, exit code: 137$/,
        name,
      );
    }
  });

  test('a job that runs too long is stopped at its time, with all its processes', async () => {
    const job = await run(
      'late',
      "import os, time\nif os.fork() == 0: os.setsid()\nprint('begin', flush=True)\nwhile True: time.sleep(0.05)",
      {
        maxRuntimeSeconds: 1,
      },
    );
    assert.equal(job.ProcessingJobStatus, 'Stopped');
    assert.match(job.FailureReason ?? '', /MaxRuntimeInSeconds/);
  });

  test('killing every process in sight kills only the job', async () => {
    const job = await run('rampage', 'import os, signal\nos.kill(-1, signal.SIGKILL)');
    assert.match(job.FailureReason ?? '', /No such process, exit code: 1$/); // there is nothing but itself
    assert.equal((await run('alive', 'pass')).ProcessingJobStatus, 'Completed');
  });

  test('a job that forks without end comes to its own end, not to that of the host', { timeout: 240_000 }, async () => {
    // each child waits; the job counts how many the host gives it, and would stop by itself at a fourth of what the host can number
    const script = `
import os, signal, time
most = int(open('/proc/sys/kernel/pid_max').read()) // 4
children = []
try:
    while len(children) < most:
        pid = os.fork()
        if pid == 0:
            signal.pause()
            os._exit(0)
        children.append(pid)
    print('unbounded')
except OSError:
    print('bounded' if len(children) > 100 else 'too few')
for pid in children: os.kill(pid, signal.SIGKILL)
`;
    const bomb = run('bomb', script);
    assert.equal((await run('beside', 'pass')).ProcessingJobStatus, 'Completed', 'others start meanwhile');
    const job = await bomb;
    assert.equal(job.ProcessingJobStatus, 'Completed', job.FailureReason);
    assert.deepEqual(await logOfScript(aws, 'bomb'), ['bounded']);
  });

  test('a failure file that is a pipe, a link or endless gives a reason of at most 1024 characters', async () => {
    const failures = {
      pipe: "os.mkfifo('/opt/ml/output/failure')",
      link: "os.symlink('/etc/passwd', '/opt/ml/output/failure')",
      folder: "os.mkdir('/opt/ml/output/failure')",
      endless: "open('/opt/ml/output/failure', 'w').write('\\u00e9' * 100_000)",
      binary: "open('/opt/ml/output/failure', 'wb').write(b'\\xff\\x00\\xfe' * 5000)",
    };
    for (const [name, act] of Object.entries(failures)) {
      const script = `import os, sys\nos.makedirs('/opt/ml/output', exist_ok=True)\nprint('last words', flush=True)\n${act}\nos._exit(4)`;
      const job = await train(name, script);
      assert.equal(job.TrainingJobStatus, 'Failed');
      const reason = job.FailureReason ?? '';
      assert.match(reason, /^AlgorithmError: .*, exit code: 4$/s, name);
      assert.ok(reason.length <= 1024, `${name}: ${reason.length}`);
      assert.doesNotMatch(reason, /root:/);
    }
  });

  test('a model that says it is larger than the disk fails its job at once', async () => {
    const script = `
import os
free = os.statvfs('/opt/ml/model')
with open('/opt/ml/model/sparse', 'wb') as file: file.truncate(free.f_bavail * free.f_frsize + (1 << 30))`;
    const job = await train('sparse', script);
    assert.equal(job.TrainingJobStatus, 'Failed');
    assert.match(job.FailureReason ?? '', /^ClientError: .*The output sparse has \d+ bytes, for which .* no room/);
  });

  async function train(name: string, script: string) {
    const key = `scripts/failure-${name}.py`;
    await aws.put(BUCKET, key, script);
    await aws.call('sagemaker:CreateTrainingJob', {
      TrainingJobName: `failure-${name}`,
      RoleArn: ROLE,
      AlgorithmSpecification: {
        TrainingImage: 'python:3.11',
        TrainingInputMode: 'File',
        ContainerEntrypoint: ['python3', `/opt/ml/input/data/code/failure-${name}.py`],
      },
      InputDataConfig: [
        {
          ChannelName: 'code',
          DataSource: {
            S3DataSource: { S3DataType: 'S3Prefix', S3Uri: `s3://${BUCKET}/${key}`, S3DataDistributionType: 'FullyReplicated' },
          },
        },
      ],
      OutputDataConfig: { S3OutputPath: `s3://${BUCKET}/models` },
      StoppingCondition: { MaxRuntimeInSeconds: 60 },
      ResourceConfig: { InstanceType: 'ml.m5.large', InstanceCount: 1, VolumeSizeInGB: 1 },
    });
    return until(
      `the end of training ${name}`,
      () => aws.call('sagemaker:DescribeTrainingJob', { TrainingJobName: `failure-${name}` }),
      ({ TrainingJobStatus }) => !['InProgress', 'Stopping'].includes(TrainingJobStatus ?? ''),
    );
  }
});
