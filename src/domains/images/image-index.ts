import type { LocalImage, LocalImages, RootImage } from '../../platform/ports/images.ts';
import { GLOBAL } from '../../platform/resource-key.ts';
import type { Cursor, Row, Store } from '../../platform/store/port.ts';
import { runsOn } from './decide-manifest.ts';
import { hostPlatform } from './host-platform.ts';
import { digestOf, IMAGE, IMAGE_TAG, type ImageContent, type ImageDocument, type TagDocument } from './resources.ts';

/** The images of this data folder by name and by digest: made of their rows at a start, and kept by every commit that changes one. */
export interface ImageIndex extends LocalImages {
  /** Reads all rows. What is committed meanwhile is seen too. */
  fill(): Promise<void>;
}

interface Reference {
  readonly repository: string;
  readonly tag: string;
  readonly digest?: string;
  readonly region?: string;
}

const PAGE = 500;

export function createImageIndex(ports: {
  readonly store: Pick<Store, 'list' | 'onCommitted'>;
  readonly account: string;
}): ImageIndex {
  return new MemoryIndex(ports.store, ports.account, hostPlatform());
}

class MemoryIndex implements ImageIndex {
  readonly #store: Pick<Store, 'list' | 'onCommitted'>;
  readonly #account: string;
  readonly #hostPlatform: string;
  /** By row name: `<region>/<repository>@<digest>`. */
  readonly #images = new Map<string, { readonly document: ImageDocument; readonly pushedAtMs: number }>();
  /** By row name: `<region>/<repository>:<tag>`. */
  readonly #tags = new Map<string, { readonly document: TagDocument; readonly pushedAtMs: number }>();

  constructor(store: Pick<Store, 'list' | 'onCommitted'>, account: string, hostPlatform: string) {
    this.#store = store;
    this.#account = account;
    this.#hostPlatform = hostPlatform;
    store.onCommitted(({ write = [], remove = [] }) => {
      for (const { key, document, index } of write) {
        if (key.account === this.#account) this.#put(key.kind, key.name, document, index.modifiedAtMs);
      }
      for (const { account: owner, kind, name } of remove) {
        if (owner !== this.#account) continue;
        if (kind === IMAGE.kind) this.#images.delete(name);
        else if (kind === IMAGE_TAG.kind) this.#tags.delete(name);
      }
    });
  }

  #put(kind: string, name: string, document: object, pushedAtMs: number): void {
    if (kind === IMAGE.kind) this.#images.set(name, { document: document as ImageDocument, pushedAtMs });
    else if (kind === IMAGE_TAG.kind) this.#tags.set(name, { document: document as TagDocument, pushedAtMs });
  }

  async fill(): Promise<void> {
    for (const kind of [IMAGE.kind, IMAGE_TAG.kind]) {
      let after: Cursor | undefined;
      do {
        const page: { rows: Row[]; next?: Cursor } = await this.#store.list({
          account: this.#account,
          region: GLOBAL,
          kind,
          sortBy: 'name',
          order: 'ascending',
          ...(after && { after }),
          limit: PAGE,
        });
        for (const { key, document, index } of page.rows) this.#put(kind, key.name, document, index.modifiedAtMs);
        after = page.next;
      } while (after);
    }
  }

  find(image: string): LocalImage | { readonly problem: string } | undefined {
    const reference = parseReference(image);
    if (!reference) return undefined;
    const found = this.#lookUp(reference);
    if (!found) return undefined;
    const runnable = this.#runnable(found);
    if ('problem' in runnable) return { problem: `Image ${image}: ${runnable.problem}` };
    const { content, document } = runnable;
    return {
      repository: reference.repository,
      tag: reference.tag,
      entrypoint: content.entrypoint,
      command: content.command,
      ...(!['', '0', 'root', '0:0', 'root:root'].includes(content.user) && { user: content.user }),
      root: rootOf(document.digest, content),
    };
  }

  root(digest: string): RootImage | undefined {
    for (const { document } of this.#images.values()) {
      if (document.digest === digest && document.content.form === 'image') return rootOf(digest, document.content);
    }
    return undefined;
  }

  /** Of several regions the one that the host names, else where it was pushed last. */
  #lookUp({ repository, tag, digest, region }: Reference): ImageDocument | undefined {
    const wanted = new Map<string, { readonly document: ImageDocument; readonly pushedAtMs: number }>();
    if (digest === undefined) {
      for (const { document, pushedAtMs } of this.#tags.values()) {
        if (document.repository !== repository || document.tag !== tag) continue;
        const image = this.#images.get(`${document.region}/${repository}@${document.digest}`);
        if (image) wanted.set(document.region, { document: image.document, pushedAtMs });
      }
    } else {
      for (const image of this.#images.values()) {
        if (image.document.repository === repository && image.document.digest === digest)
          wanted.set(image.document.region, image);
      }
    }
    const named = region === undefined ? undefined : wanted.get(region);
    return (named ?? [...wanted.values()].toSorted((a, b) => b.pushedAtMs - a.pushedAtMs)[0])?.document;
  }

  #runnable(
    document: ImageDocument,
  ): { document: ImageDocument; content: ImageContent & { form: 'image' } } | { problem: string } {
    const { content, region, repository } = document;
    if (content.form === 'artifact') return { problem: `it is a ${content.artifactType}, not an image of a root file system.` };
    if (content.form === 'image') {
      return runsOn(content.platform, this.#hostPlatform)
        ? { document, content }
        : { problem: `it was built for ${content.platform || 'an unnamed platform'}, and this host is ${this.#hostPlatform}.` };
    }
    const child = content.children.find(({ platform }) => runsOn(platform, this.#hostPlatform));
    const image = child && this.#images.get(`${region}/${repository}@${child.digest}`);
    if (image?.document.content.form === 'image') return { document: image.document, content: image.document.content };
    const platforms = content.children.map(({ platform }) => platform).filter((platform) => platform !== '');
    return { problem: `it has variants for ${platforms.join(', ') || 'no platform'}, and this host is ${this.#hostPlatform}.` };
  }
}

function rootOf(digest: string, content: ImageContent & { form: 'image' }): RootImage {
  return { digest, layers: content.root, environment: content.environment, workingDirectory: content.workingDirectory };
}

const HOST = /^(?:localhost|[^/]*[.:][^/]*)\//;
const ECR_HOST = /^\d{12}\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\//;
const NAME = /^([a-z0-9]+(?:[._/-]+[a-z0-9]+)*)(?::([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@sha256:([0-9a-f]{64}))?$/;

function parseReference(image: string): Reference | undefined {
  const match = NAME.exec(image.replace(HOST, ''));
  if (match?.[1] === undefined) return undefined;
  const region = ECR_HOST.exec(image)?.[1];
  return {
    repository: match[1],
    tag: match[2] ?? (match[3] === undefined ? 'latest' : digestOf(match[3])),
    ...(match[3] !== undefined && { digest: match[3] }),
    ...(region !== undefined && { region }),
  };
}
