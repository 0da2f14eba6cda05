import { createHash } from 'node:crypto';
import { BackendError, ServiceError } from '../../platform/errors/families.ts';
import { ERROR_CATALOGUE } from '../../platform/errors/catalogue.ts';
import { ownEntry } from '../../platform/ledger/entry-of.ts';
import { pinObject, type PinnedObject } from '../../platform/objects/pin.ts';
import { parseS3Uri } from '../../platform/objects/s3-uri.ts';
import type { Answered, ModelPlace, QuestionFault } from '../../platform/ports/routes.ts';
import type { ResourceKey } from '../../platform/resource-key.ts';
import { keyOf } from '../../platform/resources/declaration.ts';
import { MODELS_FOLDER } from '../../platform/serving/plan-model-server.ts';
import type { PinnedContainer } from '../../platform/serving/pinned-container.ts';
import { decideAndCommit } from '../../platform/store/attempt.ts';
import type { Commit, Cursor } from '../../platform/store/port.ts';
import { listRows, type Read, readRow, writeOf } from '../../platform/store/typed-rows.ts';
import { modelFolder, modelUri } from './decide-hosted-model.ts';
import type { HostingPorts } from './ports.ts';
import {
  containersOf,
  ENDPOINT,
  type EndpointDocument,
  HOSTED_MODEL_KIND,
  type HostedModelDocument,
  type PinnedVariant,
  worksOf,
} from './resources.ts';

const ROWS_PAGE = 500;

/** One container of one instance, and whose it is. */
interface Host {
  readonly row: Read<EndpointDocument>;
  readonly variant: PinnedVariant;
  readonly container: PinnedContainer;
  readonly workId: string;
}

/** The models of multi-model containers: which bytes they are, and that they are where their containers look for them. */
export class HostedModels {
  readonly #ports: HostingPorts;

  constructor(ports: HostingPorts) {
    this.#ports = ports;
  }

  /** Pins the model if nobody has asked for it before, and unpacks it into the instance. Repeatable at every line. */
  async place(asked: ModelPlace): Promise<Answered<{ readonly folder: string }>> {
    const host = await this.#host(asked);
    const prefix = host?.container.multiModel?.prefix;
    if (!host || prefix === undefined)
      return { fault: invocationFault(`Endpoint ${asked.endpoint.name} has changed. Try again.`) };
    const uri = modelUri(prefix, asked.model);
    if (uri === undefined) return { fault: invocationFault(`TargetModel "${asked.model}" is no plain key below ${prefix}.`) };
    const { backend } = this.#ports;
    if (!backend.addArchive) return { fault: NO_ADDITIONS };
    try {
      const object = await this.#pin(host, asked.model, uri);
      if (!object) return { fault: absentModel(uri) };
      const folder = modelFolder(sha256, asked.model);
      await backend.addArchive(host.workId, MODELS_FOLDER, folder, object.digest);
      return { folder: `${MODELS_FOLDER}/${folder}` };
    } catch (error) {
      return { fault: faultOf(error, uri) };
    }
  }

  /** The container has unloaded the model. Its pin stays: asked for again, the same bytes come back. */
  async drop(asked: ModelPlace): Promise<object> {
    const host = await this.#host(asked);
    if (host) await this.#ports.backend.removeAdded?.(host.workId, MODELS_FOLDER, modelFolder(sha256, asked.model));
    return {};
  }

  async #host({ endpoint, instance, container }: ModelPlace): Promise<Host | undefined> {
    const row = await readRow<EndpointDocument>(this.#ports.store, keyOf(ENDPOINT, endpoint, endpoint.name));
    if (!row || row.document.EndpointStatus === 'Deleting') return undefined;
    // while a deployment is switched the router may be ahead of the row
    for (const variant of [...(row.document.serving?.variants ?? []), ...(row.document.deploying?.variants ?? [])]) {
      const found = variant.instances.find(({ workId }) => workId === instance);
      const pinned = containersOf(variant.model)[container];
      const workId = found && worksOf(found)[container];
      if (pinned && workId !== undefined) return { row, variant, container: pinned, workId };
    }
    return undefined;
  }

  /** Undefined when there is no such object. */
  async #pin({ row, variant }: Host, model: string, uri: string): Promise<PinnedObject | undefined> {
    const { store } = this.#ports;
    const { EndpointArn, CreationTime } = row.document;
    const document = { EndpointArn, variant: variant.name, model, pinnedIn: variant.pinnedIn ?? 0 };
    const name = `${row.key.name}/${sha256(JSON.stringify([CreationTime, document.pinnedIn, variant.name, uri])).slice(0, 32)}`;
    const key: ResourceKey = { account: row.key.account, region: row.key.region, kind: HOSTED_MODEL_KIND, name };
    let read: PinnedObject | undefined;
    return decideAndCommit(store, async () => {
      const known = await readRow<HostedModelDocument>(store, key);
      if (known) return { result: known.document.object };
      read ??= await this.#read(row, variant, uri);
      if (!read) return { result: undefined };
      const endpoint = await readRow<EndpointDocument>(store, row.key);
      if (endpoint?.document.CreationTime !== CreationTime || endpoint.document.EndpointStatus === 'Deleting')
        throw new ServiceError('ValidationError', `Endpoint ${row.key.name} is being deleted.`);
      return { result: read, commit: this.#hosting(key, endpoint, { ...document, object: read }, uri) };
    });
  }

  /** Expects the endpoint as it is, so that no pin is left behind by a deletion that has swept already. */
  #hosting(key: ResourceKey, endpoint: Read<EndpointDocument>, document: HostedModelDocument, uri: string): Commit {
    const nowMs = this.#ports.clock.now();
    const { EndpointArn, requestId } = endpoint.document;
    const index = { parent: EndpointArn, createdAtMs: nowMs, modifiedAtMs: nowMs };
    const entry = ownEntry('hosting', endpoint.key, {
      timeMs: nowMs,
      action: 'slipway:Endpoint.ModelHosted',
      resources: [EndpointArn],
      changes: {
        ProductionVariant: [null, document.variant],
        TargetModel: [null, document.model],
        Uri: [null, uri],
        Digest: [null, document.object.digest],
      },
      requestId,
    });
    return {
      expect: [
        { key, version: 0 },
        { key: endpoint.key, version: endpoint.version },
      ],
      write: [writeOf(key, document, index, [document.object.digest])],
      ledger: [entry],
    };
  }

  /** As the model's role, as on AWS. */
  async #read({ key, document }: Read<EndpointDocument>, variant: PinnedVariant, uri: string): Promise<PinnedObject | undefined> {
    const { calls, roles } = this.#ports;
    const roleArn = variant.model.executionRoleArn;
    if (roleArn === undefined)
      throw new ServiceError(
        'ValidationError',
        'A model with a multi-model container needs an ExecutionRoleArn that may read its models.',
      );
    const principal = await roles.assume({
      account: key.account,
      roleArn,
      service: 'sagemaker.amazonaws.com',
      sessionName: 'SageMaker',
      onBehalfOf: document.EndpointArn,
    });
    return pinObject({ calls, principal, origin: { region: key.region, requestId: document.requestId } }, uri);
  }

  /** Lets go of the models that no variant of the endpoint serves any more. */
  async sweep({ account, region }: ResourceKey, endpoint: EndpointDocument): Promise<void> {
    const { store } = this.#ports;
    const { EndpointStatus, EndpointArn, serving, deploying } = endpoint;
    const served = EndpointStatus === 'Deleting' ? [] : [...(serving?.variants ?? []), ...(deploying?.variants ?? [])];
    const inUse = new Set(served.map(({ pinnedIn = 0 }) => pinnedIn));
    let after: Cursor | undefined;
    do {
      const query = {
        account,
        region,
        kind: HOSTED_MODEL_KIND,
        parent: EndpointArn,
        sortBy: 'name',
        order: 'ascending',
      } as const;
      const page = await listRows<HostedModelDocument>(store, { ...query, ...(after && { after }), limit: ROWS_PAGE });
      const stale = page.rows.filter(({ document }) => !inUse.has(document.pinnedIn));
      if (stale.length > 0) {
        const expect = stale.map(({ key, version }) => ({ key, version }));
        await store.commit({ expect, remove: stale.map(({ key }) => key) });
      }
      after = page.next;
    } while (after);
  }
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

const NO_ADDITIONS: QuestionFault = {
  status: 501,
  code: 'NotImplementedException',
  message: 'Multi-model containers are not implemented on this backend yet.',
};

const invocationFault = (message: string): QuestionFault => ({ status: 400, code: 'ValidationError', message });

/** In the words of AWS. */
function absentModel(uri: string): QuestionFault {
  const { bucket = '', key = '' } = parseS3Uri(uri) ?? {};
  return invocationFault(
    `Failed to download model data(bucket: ${bucket}, key: ${key}). Please ensure that there is an object located at the URL and that the role passed to CreateModel has permissions to download the model.`,
  );
}

function faultOf(error: unknown, uri: string): QuestionFault {
  if (error instanceof ServiceError && error.code.startsWith('AccessDenied')) return absentModel(uri);
  if (error instanceof ServiceError)
    return { status: ERROR_CATALOGUE[error.code].status, code: error.code, message: error.message };
  if (!(error instanceof BackendError)) throw error;
  return error.retryable
    ? {
        status: 503,
        code: 'ServiceUnavailable',
        message: `The model could not be brought to its container: ${error.message} Try again.`,
      }
    : invocationFault(`The model data at ${uri} cannot be used: ${error.message}`);
}
