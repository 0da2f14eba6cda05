import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

/** What the kill rig keeps a server busy with. A workload is made from its seed alone, so that two servers can be given the same. */

export const ACCOUNT = '123456789012';
export const BUCKET = `sagemaker-us-east-1-${ACCOUNT}`;
export const ROLE = `arn:aws:iam::${ACCOUNT}:role/SageMakerPipelineExecutionRole`;
export const PYTHON_IMAGE = 'python:3.11';
export const SERVING_IMAGE = `${ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.2-1-cpu-py3`;
export const PIPELINE = 'crash';
export const PIPELINE_GROUP = 'by-pipeline';
export const CLIENT_GROUP = 'by-client';

/** What one round of the workload does. */
export interface Round {
  readonly index: number;
  /** Names everything the round makes. */
  readonly label: string;
  /** At or above 0.5 the execution registers a version, below it takes its Fail step. */
  readonly quality: number;
  /** How the training script ends; not 0: the execution fails. */
  readonly exitCode: number;
  /** How long each job is busy. */
  readonly busyMs: number;
  readonly verdict: 'Approved' | 'Rejected';
  /** Also creates a job that only a stop ends, and stops it. */
  readonly stopsJob: boolean;
}

/** Numbers from 0 to 1, the same for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

export function roundOf(seed: number, index: number): Round {
  const random = seededRandom(seed * 7919 + index);
  return {
    index,
    label: `r${String(index).padStart(3, '0')}`,
    quality: Math.round(random() * 100) / 100,
    exitCode: random() < 0.15 ? 3 : 0,
    busyMs: Math.round(300 + random() * 900),
    verdict: random() < 0.5 ? 'Approved' : 'Rejected',
    stopsJob: random() < 0.3,
  };
}

/** The text of an object the client writes; long enough for several blob chunks now and then. */
export const objectText = (label: string, number: number): string =>
  `${label} ${number}\n`.repeat(number % 4 === 3 ? 20_000 : 1 + (number % 7));

export const sha256 = (content: string | Uint8Array): string => createHash('sha256').update(content).digest('hex');

/** Where the job script lies in S3. */
export const JOB_SCRIPT_KEY = 'code/job.py';

/**
 * The script of every job: `job.py LABEL STEP BUSY_MS [MORE]`. Before its work it says in S3, with the job's own session, that
 * this process has started: one object per start, so a job that was started twice has two. While no server answers it tries
 * again, as any client would.
 */
export const JOB_SCRIPT = `
import datetime, hashlib, hmac, json, os, socket, sys, time, uuid
label, step, busy_ms, *more = sys.argv[1:]
start = str(uuid.uuid4())
print('started', start, flush=True)

def http(url, method, headers, body=b''):
    host, path = url.split('//')[1].split('/', 1)
    name, port = host.split(':')
    with socket.create_connection((name, int(port)), 30) as connection:
        head = '%s /%s HTTP/1.0\\r\\nhost: %s\\r\\ncontent-length: %d\\r\\n' % (method, path, host, len(body))
        connection.sendall((head + ''.join('%s: %s\\r\\n' % item for item in headers.items()) + '\\r\\n').encode() + body)
        answer = b''.join(iter(lambda: connection.recv(65536), b''))
    head, _, content = answer.partition(b'\\r\\n\\r\\n')
    status = int(head.split()[1]) if head else 0
    if status != 200: raise OSError('HTTP %d: %r' % (status, content[:300]))
    return content

def put(key, body):
    access = json.loads(http(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'], 'GET',
                             {'authorization': os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']}))
    url = os.environ['AWS_ENDPOINT_URL'] + '/' + key
    stamp = datetime.datetime.now(datetime.timezone.utc).strftime('%Y%m%dT%H%M%SZ')
    headers = {'host': url.split('/')[2], 'x-amz-content-sha256': hashlib.sha256(body).hexdigest(), 'x-amz-date': stamp,
               'x-amz-security-token': access['Token']}
    names = ';'.join(sorted(headers))
    canonical = 'PUT\\n/%s\\n\\n%s\\n%s\\n%s' % (
        key, ''.join('%s:%s\\n' % (name, headers[name]) for name in sorted(headers)), names, headers['x-amz-content-sha256'])
    scope = [stamp[:8], os.environ['AWS_REGION'], 's3', 'aws4_request']
    signing = ('AWS4' + access['SecretAccessKey']).encode()
    for part in scope: signing = hmac.new(signing, part.encode(), 'sha256').digest()
    text = 'AWS4-HMAC-SHA256\\n%s\\n%s\\n%s' % (stamp, '/'.join(scope), hashlib.sha256(canonical.encode()).hexdigest())
    signature = hmac.new(signing, text.encode(), 'sha256').hexdigest()
    del headers['host']
    headers['authorization'] = 'AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s' % (
        access['AccessKeyId'], '/'.join(scope), names, signature)
    http(url, 'PUT', headers, body)

def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file: file.write(text)

while True:
    try:
        put('${BUCKET}/starts/%s/%s/%s' % (label, step, start), str(os.getpid()).encode())
        break
    except OSError as error:
        if str(error).startswith('HTTP 4'): raise
        time.sleep(0.02)
until = time.monotonic() + int(busy_ms) / 1000
while time.monotonic() < until or step == 'Hold': time.sleep(0.01)
if step.startswith('Prepare'):
    write('/opt/ml/processing/out/rows.txt', ''.join('%s %s %d\\n' % (label, step, row) for row in range(2000)))
if step == 'Train':
    rows = open('/opt/ml/input/data/rows/rows.txt').read().count(label)
    print('rows=%d;' % rows, flush=True)
    if more[0] != '0':
        print('training of', label, 'did not converge', flush=True)
        os._exit(int(more[0]))
    write('/opt/ml/model/model.txt', 'model of %s from %d rows' % (label, rows))
if step == 'Evaluate':
    write('/opt/ml/processing/out/evaluation.json', json.dumps({'quality': float(more[0])}))
print('done', flush=True)
`;

const join = (...values: unknown[]) => ({ 'Std:Join': { On: '', Values: values } });
const parameter = (name: string) => ({ Get: `Parameters.${name}` });
const cluster = { ClusterConfig: { InstanceCount: 1, InstanceType: 'ml.m5.large', VolumeSizeInGB: 1 } };
const folderOf = (step: string) => join(`s3://${BUCKET}/runs/`, parameter('Label'), `/${step}`);

const CODE_URI = `s3://${BUCKET}/${JOB_SCRIPT_KEY}`;
const CODE_FOLDER = '/opt/ml/processing/code';

/** The parts of a processing job that do not depend on its step. */
export const processingArguments = (args: unknown[], output?: { readonly uri: unknown }) => ({
  ProcessingResources: cluster,
  AppSpecification: {
    ImageUri: PYTHON_IMAGE,
    ContainerEntrypoint: ['python3', `${CODE_FOLDER}/job.py`],
    ContainerArguments: args,
  },
  RoleArn: ROLE,
  ProcessingInputs: [
    { InputName: 'code', S3Input: { S3Uri: CODE_URI, LocalPath: CODE_FOLDER, S3DataType: 'S3Prefix', S3InputMode: 'File' } },
  ],
  ...(output && {
    ProcessingOutputConfig: {
      Outputs: [
        { OutputName: 'out', S3Output: { S3Uri: output.uri, LocalPath: '/opt/ml/processing/out', S3UploadMode: 'EndOfJob' } },
      ],
    },
  }),
});

const processing = (name: string, more: { dependsOn?: string[]; extra?: unknown[]; files?: unknown[] } = {}) => ({
  Name: name,
  Type: 'Processing',
  ...(more.dependsOn && { DependsOn: more.dependsOn }),
  Arguments: processingArguments([parameter('Label'), name, parameter('BusyMs'), ...(more.extra ?? [])], { uri: folderOf(name) }),
  ...(more.files && { PropertyFiles: more.files }),
});

const channel = (name: string, uri: unknown) => ({
  ChannelName: name,
  DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3DataDistributionType: 'FullyReplicated', S3Uri: uri } },
});

/** Two branches, a training job, an evaluation, a condition, and a version or a failure at the end. */
export function pipelineDefinition(): string {
  const register = {
    Name: 'Register',
    Type: 'RegisterModel',
    Arguments: {
      ModelPackageGroupName: PIPELINE_GROUP,
      ModelApprovalStatus: 'PendingManualApproval',
      CustomerMetadataProperties: { round: parameter('Label') },
      InferenceSpecification: {
        Containers: [{ Image: SERVING_IMAGE, ModelDataUrl: { Get: 'Steps.Train.ModelArtifacts.S3ModelArtifacts' } }],
        SupportedContentTypes: ['text/csv'],
        SupportedResponseMIMETypes: ['text/csv'],
      },
    },
  };
  const refuse = {
    Name: 'Refuse',
    Type: 'Fail',
    Arguments: { ErrorMessage: join('quality of ', parameter('Label'), ' is too low') },
  };
  const train = {
    Name: 'Train',
    Type: 'Training',
    DependsOn: ['PrepareRight'],
    Arguments: {
      AlgorithmSpecification: {
        TrainingImage: PYTHON_IMAGE,
        TrainingInputMode: 'File',
        ContainerEntrypoint: ['python3', '/opt/ml/input/data/code/job.py'],
        ContainerArguments: [parameter('Label'), 'Train', parameter('BusyMs'), parameter('ExitCode')],
        MetricDefinitions: [{ Name: 'rows', Regex: 'rows=([0-9]+);' }],
      },
      OutputDataConfig: { S3OutputPath: folderOf('Train') },
      StoppingCondition: { MaxRuntimeInSeconds: 600 },
      ResourceConfig: cluster.ClusterConfig,
      RoleArn: ROLE,
      InputDataConfig: [
        channel('code', CODE_URI),
        channel('rows', { Get: "Steps.PrepareLeft.ProcessingOutputConfig.Outputs['out'].S3Output.S3Uri" }),
      ],
    },
  };
  const evaluate = processing('Evaluate', {
    dependsOn: ['Train'],
    extra: [parameter('Quality')],
    files: [{ PropertyFileName: 'Report', OutputName: 'out', FilePath: 'evaluation.json' }],
  });
  const quality = { 'Std:JsonGet': { PropertyFile: { Get: 'Steps.Evaluate.PropertyFiles.Report' }, Path: 'quality' } };
  const decide = {
    Name: 'GoodEnough',
    Type: 'Condition',
    Arguments: {
      Conditions: [{ Type: 'GreaterThanOrEqualTo', LeftValue: quality, RightValue: 0.5 }],
      IfSteps: [register],
      ElseSteps: [refuse],
    },
  };
  return JSON.stringify({
    Version: '2020-12-01',
    Metadata: {},
    Parameters: ['Label', 'BusyMs', 'Quality', 'ExitCode'].map((Name) => ({ Name, Type: 'String' })),
    Steps: [processing('PrepareLeft'), processing('PrepareRight'), train, evaluate, decide],
  });
}

export const parametersOf = (round: Round): { Name: string; Value: string }[] => [
  { Name: 'Label', Value: round.label },
  { Name: 'BusyMs', Value: String(round.busyMs) },
  { Name: 'Quality', Value: String(round.quality) },
  { Name: 'ExitCode', Value: String(round.exitCode) },
];

const INFERENCE = `
import os
def model_fn(folder): return open(os.path.join(folder, 'model.txt')).read()
def input_fn(body, content_type): return body
def predict_fn(body, model): return model + ' ' + (body if isinstance(body, str) else body.decode())
def output_fn(answer, accept): return answer, 'text/csv'
`;

/** A model for the script-mode server: answers with its own name and the request. */
export async function modelArchive(name: string): Promise<Buffer> {
  const archive = pack();
  const at = { mtime: new Date(0), mode: 0o644 };
  archive.entry({ name: 'model.txt', ...at }, name);
  archive.entry({ name: 'code/inference.py', ...at }, INFERENCE);
  archive.finalize();
  const parts: Buffer[] = [];
  for await (const part of archive) parts.push(part as Buffer);
  return gzipSync(Buffer.concat(parts));
}
