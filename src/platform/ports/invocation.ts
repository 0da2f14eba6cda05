/**
 * How a room has a function run without waiting for it. An `Invoke` that carries a request id is recorded under it and answers at once:
 * `StatusCode` 202 while the function runs, 200 with `Payload` (and `FunctionError`) when it has ended, however often it is repeated.
 */
export interface WithRequestId {
  /** Shaped as a UUID; the same one never runs a function twice at a time. It is the `awsRequestId` that the function sees. */
  readonly RequestId?: string;
  /** False only asks how an invocation stands; one that was never begun is refused as absent (`ResourceNotFoundException`). */
  readonly Begin?: boolean;
}

/** How a room invokes for an AWS service, whom the function's own policy may allow it (AddPermission): else the caller needs the right. */
export interface WithSource {
  readonly Source?: {
    /** `s3.amazonaws.com`. */
    readonly service: string;
    /** What the service tells of, e.g. a bucket. */
    readonly arn: string;
    readonly account: string;
  };
}

/** The detail type of the event (source `aws.lambda`) that ends an invocation with a request id. */
export const INVOCATION_ENDED = 'Lambda Function Invocation Ended';

export interface InvocationEnded {
  readonly requestId: string;
  readonly status: 'Succeeded' | 'Failed';
}
