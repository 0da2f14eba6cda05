import type { DescribeModelOutput, DescribeTransformJobResponse } from '../../contract/generated/sagemaker.ts';
import type { InputOf } from '../../contract/operations.ts';
import { type AnyOperation, operation } from '../../platform/calls/operation.ts';
import { BUCKET, type JobsRig, REGION, ROLE } from './jobs-rig.ts';

/**
 * A model server that doubles the first number of each line. `bad` is refused, `die` ends the server, `wait` is answered once the test
 * has put a file named `go` into the server's tree.
 */
const SERVE = `
import http.server, os, socketserver, sys, time

class Model(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    log_message = lambda self, *_: None
    address_string = lambda self: "unix"

    def do_GET(self):
        self.answer(404 if "parameters" in self.path else 200, b"")

    def do_POST(self):
        text = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if "die" in text:
            print("the model has no more memory", file=sys.stderr, flush=True)
            os._exit(3)
        if "wait" in text:
            print("waiting", flush=True)
            while not os.path.exists('/opt/ml/go'): time.sleep(0.02)
        if "bad" in text:
            self.answer(415, b"bad is no number")
        elif "environment" in text:
            self.answer(200, repr({name: value for name, value in os.environ.items() if name.startswith(("SAGEMAKER_", "OWN"))}).encode())
        else:
            self.answer(200, "".join(f"{2 * float(line.split(',')[0])}\\n" for line in text.splitlines()).encode())

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "text/csv")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body:  # an empty write may come after the client has gone, and fail
            self.wfile.write(body)

class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

print("model loaded", flush=True)
Server(os.environ["SLIPWAY_SERVE_SOCKET"], Model).serve_forever()
`;

export const MODEL_ARN = `arn:aws:sagemaker:${REGION}:123456789012:model/doubling`;

/** Stands in for the room of models. */
export function models(more: Partial<DescribeModelOutput> = {}): AnyOperation[] {
  const describe = operation('sagemaker:DescribeModel', {
    effect: 'read',
    needs: () => [{ action: 'sagemaker:DescribeModel', resources: [MODEL_ARN] }],
    handle: async ({ ModelName }) => ({
      ModelName,
      ModelArn: MODEL_ARN,
      CreationTime: 0,
      ExecutionRoleArn: ROLE,
      ...doubling(),
      ...more,
    }),
  });
  return [describe];
}

const doubling = () => ({
  PrimaryContainer: {
    Image: 'model:1',
    ModelDataSource: {
      S3DataSource: { S3Uri: `s3://${BUCKET}/model/`, S3DataType: 'S3Prefix' as const, CompressionType: 'None' as const },
    },
    Environment: { OWN: 'of the model', OWN_TOO: 'kept' },
  },
});

export const putModel = (rig: JobsRig, script = SERVE): Promise<string> => rig.put('model/serve.py', script);

type Request = InputOf<'sagemaker:CreateTransformJob'>;

export const transformJob = (name: string, more: Partial<Request> = {}): Request => ({
  TransformJobName: name,
  ModelName: 'doubling',
  TransformResources: { InstanceType: 'ml.m5.large', InstanceCount: 1 },
  ...more,
  TransformInput: {
    DataSource: { S3DataSource: { S3DataType: 'S3Prefix', S3Uri: `s3://${BUCKET}/in/` } },
    ContentType: 'text/csv',
    SplitType: 'Line',
    ...more.TransformInput,
  },
  TransformOutput: { S3OutputPath: `s3://${BUCKET}/out/`, AssembleWith: 'Line', ...more.TransformOutput },
});

/** The job once it has ended, or once `until` holds. */
export async function transformed(
  rig: JobsRig,
  name: string,
  until = (job: DescribeTransformJobResponse): boolean => ['Completed', 'Failed', 'Stopped'].includes(job.TransformJobStatus),
): Promise<DescribeTransformJobResponse> {
  for (;;) {
    const job = await rig.call('sagemaker:DescribeTransformJob', { TransformJobName: name });
    if (until(job)) return job;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
