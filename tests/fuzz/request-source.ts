import { pickFrom, type Random } from '../../src/contract/generate-text.ts';
import { generateViolations, type Violation } from '../../src/contract/generate-violation.ts';
import type { ApiOperation, Service } from '../../src/contract/services.ts';
import { asQueryService } from '../../src/gateway/codecs/query-compatible.ts';
import { implementedOperations } from '../../src/gateway/generate-coverage.ts';
import { services } from './check-answer.ts';
import type { Corpus } from './corpus.ts';
import { type Encoded, encodeInput, formOf } from './encode-input.ts';
import type { FuzzRequest } from './fuzz-request.ts';
import { makeGitRequest } from './make-git.ts';
import { makeHuge } from './make-huge.ts';
import { type InputStyle, makeInput } from './make-input.ts';
import { makeHttpJunk, spoilBody, spoilTarget } from './make-junk.ts';
import { makeObjectRequest, makePresignedRequest, makePageRequest, makeRegistryRequest } from './make-other.ts';
import type { KnownValues } from './known-values.ts';

/** An operation that a room has, or one that only its model has. */
export interface Candidate {
  readonly service: Service;
  readonly operation: ApiOperation;
}

const built = implementedOperations();
const queryQueues = services.filter(({ id }) => id === 'sqs').map(asQueryService);
const all: readonly Candidate[] = [...services, ...queryQueues].flatMap((service) =>
  [...service.operations.values()].map((operation) => ({ service, operation })),
);
/** Every operation that is answered, SQS's also in the form of its old protocol. */
export const builtOperations: readonly Candidate[] = all.filter(({ operation }) => built.has(operation.key));
const unbuilt = all.filter(({ operation }) => !built.has(operation.key));

/** Operations that make work for the machine: asked for this much less often than others. */
const RARE: Readonly<Record<string, number>> = {
  'lambda:Invoke': 0.05,
  'lambda:InvokeAsync': 0.05,
  'sagemaker:InvokeEndpoint': 0.3,
  'codebuild:StartBuild': 0.5,
  'codebuild:RetryBuild': 0.5,
};

const VIOLATIONS_AT_ONCE = 40;

/** Makes one client's requests, from its seed and from what its answers named. */
export class RequestSource {
  readonly #corpus: Corpus;
  readonly #random: Random;
  readonly known: KnownValues;
  readonly #violations: FuzzRequest[] = [];

  constructor(corpus: Corpus, known: KnownValues, random: Random) {
    this.#corpus = corpus;
    this.known = known;
    this.#random = random;
  }

  next(): FuzzRequest {
    for (;;) {
      const request = this.#make();
      if (request) return request;
    }
  }

  #make(): FuzzRequest | undefined {
    const random = this.#random;
    const share = random();
    if (share < 0.42) return this.#valid('valid', { knownShare: 0.8, nastyShare: 0, fullness: this.#fullness() });
    if (share < 0.56) return this.#valid('nasty', { knownShare: 0.5, nastyShare: 0.15, fullness: this.#fullness() });
    if (share < 0.76) return this.#violation();
    if (share < 0.84) return this.#spoiled();
    if (share < 0.875) return makeObjectRequest(this.known, random);
    if (share < 0.88) return makePresignedRequest(this.#corpus.target, random);
    if (share < 0.91) return makeRegistryRequest(this.#corpus, this.known, random);
    if (share < 0.925) return makePageRequest(this.#corpus, this.known, random);
    if (share < 0.935) return makeGitRequest(this.#corpus, this.known, random);
    if (share < 0.95) return this.#unsigned();
    if (share < 0.96) return this.#unbuilt();
    if (share < 0.9602) return makeHuge(random);
    return makeHttpJunk(
      () => this.#valid('pipelined', { knownShare: 0.7, nastyShare: 0, fullness: 0.3 }),
      this.#corpus.target,
      random,
    );
  }

  /** Mostly few members: each further one is another reason to refuse. */
  #fullness(): number {
    return pickFrom([0, 0, 0.05, 0.1, 0.3, 0.6, 1], this.#random) ?? 0;
  }

  #encoded(candidate: Candidate | undefined, style: InputStyle): Encoded | undefined {
    if (!candidate) return undefined;
    const { service, operation } = candidate;
    const input = makeInput(service, operation.name, this.known, this.#random, style);
    return input && encodeInput(service, operation, input);
  }

  #pick(): Candidate | undefined {
    const candidate = pickFrom(builtOperations, this.#random);
    const share = RARE[candidate?.operation.key ?? ''];
    return share !== undefined && this.#random() > share ? undefined : candidate;
  }

  #valid(kind: string, style: InputStyle): FuzzRequest | undefined {
    const encoded = this.#encoded(this.#pick(), style);
    return encoded && { ...encoded, kind, expect: { kind: 'valid' } };
  }

  #violation(): FuzzRequest | undefined {
    const ready = this.#violations.pop();
    if (ready) return ready;
    const candidate = pickFrom(builtOperations, this.#random);
    if (!candidate) return undefined;
    const { service, operation } = candidate;
    const options = { service, random: this.#random, form: formOf(service), fullness: 1 };
    const found = generateViolations(options, operation.name).flatMap((violation) => {
      const request = violationRequest(candidate, violation);
      return request ? [request] : [];
    });
    for (let left = VIOLATIONS_AT_ONCE; left > 0 && found.length > 0; left -= 1) {
      const [taken] = found.splice(Math.floor(this.#random() * found.length), 1);
      if (taken) this.#violations.push(taken);
    }
    return this.#violations.pop();
  }

  #spoiled(): FuzzRequest | undefined {
    const encoded = this.#encoded(this.#pick(), { knownShare: 0.7, nastyShare: 0.05, fullness: this.#fullness() });
    if (!encoded) return undefined;
    const request: FuzzRequest = { ...encoded, kind: 'spoiled', expect: { kind: 'any' } };
    return encoded.body.length === 0 || this.#random() < 0.15
      ? spoilTarget(request, this.#random)
      : spoilBody(request, this.#random);
  }

  #unsigned(): FuzzRequest | undefined {
    const encoded = this.#encoded(this.#pick(), { knownShare: 0.9, nastyShare: 0, fullness: 0.3 });
    if (encoded && this.#random() < 0.5) return { ...encoded, kind: 'session', signer: 'session', expect: { kind: 'any' } };
    return encoded && { ...encoded, kind: 'unsigned', service: undefined, expect: { kind: 'any' } };
  }

  #unbuilt(): FuzzRequest | undefined {
    const encoded = this.#encoded(pickFrom(unbuilt, this.#random), { knownShare: 0.5, nastyShare: 0.05, fullness: 0.3 });
    return encoded && { ...encoded, kind: 'unbuilt', expect: { kind: 'any' } };
  }
}

/** Undefined for what the wire of the protocol cannot say, or says in another way: a boolean in a path is a text like any other. */
function violationRequest({ service, operation }: Candidate, violation: Violation): FuzzRequest | undefined {
  const { input, path, kind, constraint, place } = violation;
  const [shape = '', member = ''] = place.split('.');
  const filled = kind === 'missing' && shape === operation.model.input?.shape && operation.idempotencyTokens.includes(member);
  if (filled) return undefined; // by the server, for clients that do not
  const ref = shape === operation.model.input?.shape ? operation.input?.members?.[member] : undefined;
  const isPayload = operation.inputPayload?.member === member && operation.inputPayload.kind !== 'structure';
  if ((ref?.location !== undefined || isPayload) && kind === 'type') return undefined; // a text or bytes like any other
  const { protocol } = service.model.metadata;
  // another operation, or the same with nothing in its body
  if (
    protocol.startsWith('rest') &&
    kind === 'missing' &&
    (ref?.location !== undefined || operation.inputPayload?.member === member)
  )
    return undefined;
  if (protocol !== 'json' && (ref?.location === 'uri' || kind === 'null-element')) return undefined;
  // the room's own: names of attributes of messages and of queues are taken side by side
  if (operation.key === 'sqs:ReceiveMessage' && path === 'attributeNames') return undefined;
  if (protocol !== 'json' && kind === 'union') return undefined; // none of its members is nothing at all
  if (service.id === 'sagemaker-runtime' && path === 'endpointName') return undefined; // another path, which is no operation
  const encoded = encodeInput(service, operation, input);
  if (!encoded) return undefined;
  return { ...encoded, kind: 'violation', expect: { kind: 'violation', path, what: `${kind}: ${constraint.slice(0, 200)}` } };
}
