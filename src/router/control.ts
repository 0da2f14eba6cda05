import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { BackendError, ConfigError } from '../platform/errors/families.ts';
import type { Log } from '../platform/log.ts';
import type { Server } from 'node:http';
import type {
  EndpointRoute,
  IdentitySnapshot,
  InstanceUsage,
  RoutePublisher,
  RouterQuestions,
  RouteSnapshot,
} from '../platform/ports/routes.ts';
import { askRouter, watchRouter } from './control-client.ts';
import type { RouterStatus } from './control-server.ts';
import { listenForQuestions } from './question-server.ts';
import { NO_ROUTES, readSnapshotFile } from './snapshot-file.ts';
import { routerBuild, spawnRouter } from './spawn.ts';

export interface RouterOptions {
  /** The router keeps its socket, snapshot and log in `router/` below. */
  readonly dataFolder: string;
  readonly host: string;
  /** The runtime port; 0 takes a free one, or that of a router found running. */
  readonly port: number;
  readonly log: Log;
  /** Told when the router was started again after it died, with its new pid. */
  readonly onRestart?: (status: RouterStatus) => void;
}

/** The router process as the server holds it. */
export interface RouterHandle extends RoutePublisher {
  readonly pid: number;
  readonly port: number;
  /** Ends the router after what it has in flight, and resolves when it is gone. */
  stop(): Promise<void>;
  /** Lets it run on without us. */
  detach(): void;
  /** After a start that failed: ends the router if we started it, lets one that we found go on. */
  abandon(): Promise<void>;
}

const RESTART_DELAY_MS_MAX = 5_000;
const PUBLISH_TIMEOUT_MS = 30_000;
const END_POLL_MS = 5;
const END_TIMEOUT_MS = 2_000;

/**
 * Takes over the router of this data folder, or starts one: a router that survived its server goes on serving. Throws
 * ConfigError when the runtime port is taken.
 */
export async function startOrAdoptRouter(options: RouterOptions): Promise<RouterHandle> {
  const folder = join(options.dataFolder, 'router');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const link = new RouterLink(options, folder);
  await link.open();
  return link;
}

class RouterLink implements RouterHandle {
  readonly #options: RouterOptions;
  readonly #folder: string;
  readonly #socket: string;
  readonly #build = routerBuild();
  #questions: RouterQuestions | undefined;
  #ear: Server | undefined;
  #status: RouterStatus = { pid: 0, host: '', port: 0, build: '', revision: 0 };
  #wanted: RouteSnapshot = NO_ROUTES;
  #applied = 0;
  #sending = false;
  #closed = false;
  #adopted = false;
  #unwatch = () => {};
  #waiting: { revision: number; done: () => void }[] = [];

  constructor(options: RouterOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    this.#socket = join(folder, 'control.sock');
  }

  get pid(): number {
    return this.#status.pid;
  }

  get port(): number {
    return this.#status.port;
  }

  async open(): Promise<void> {
    const report = (error: unknown) =>
      this.#options.log.error({ error: String(error) }, 'A question of the router could not be answered.');
    this.#ear = await listenForQuestions(join(this.#folder, 'server.sock'), () => this.#questions, report);
    try {
      await this.#openRouter();
    } catch (error) {
      this.#ear.close();
      throw error;
    }
  }

  async #openRouter(): Promise<void> {
    // parts that are not published yet stay as the router has them: an empty table would stop live endpoints
    this.#wanted = readSnapshotFile(join(this.#folder, 'snapshot.json')) ?? NO_ROUTES;
    const running = await this.#running();
    this.#take((running && (await this.#adopt(running))) ?? (await this.#spawn(this.#options.port)));
  }

  publishEndpoints(endpoints: readonly EndpointRoute[]): Promise<void> {
    return this.#publish({ endpoints });
  }

  publishIdentities(identities: IdentitySnapshot): Promise<void> {
    return this.#publish({ identities });
  }

  async drained(instances: readonly string[], timeoutMs: number): Promise<boolean> {
    if (instances.length === 0) return true;
    const body = JSON.stringify({ instances, timeoutMs });
    try {
      return (await askRouter<{ drained: boolean }>(this.#socket, 'POST', '/drain', body, timeoutMs + 10_000)).value.drained;
    } catch (error) {
      throw unreachable(error);
    }
  }

  async usage(instances: readonly string[]): Promise<Readonly<Record<string, InstanceUsage>>> {
    if (instances.length === 0) return {};
    try {
      return (await askRouter<Record<string, InstanceUsage>>(this.#socket, 'POST', '/usage', JSON.stringify({ instances })))
        .value;
    } catch (error) {
      throw unreachable(error);
    }
  }

  answer(questions: RouterQuestions): void {
    this.#questions = questions;
  }

  async stop(): Promise<void> {
    this.detach();
    const status = await this.#running();
    if (!status) return;
    await new Promise<void>((resolve) => {
      watchRouter(this.#socket, resolve);
      // the answer may be lost to the router's own exit; the watch tells of that
      askRouter(this.#socket, 'POST', '/stop').catch(() => {});
    });
    await hasEnded(status.pid);
  }

  detach(): void {
    this.#closed = true;
    this.#unwatch();
    this.#ear?.close();
    this.#ear?.closeAllConnections();
  }

  async abandon(): Promise<void> {
    if (this.#adopted) this.detach();
    else await this.stop();
  }

  async #running(): Promise<RouterStatus | undefined> {
    try {
      return (await askRouter<RouterStatus>(this.#socket, 'GET', '/status', undefined, 2_000)).value;
    } catch {
      return undefined; // no router listens, or one that hangs: the start of another tells which
    }
  }

  /** Keeps a router of the same code, host and port; ends any other. */
  async #adopt(running: RouterStatus): Promise<RouterStatus | undefined> {
    const { host, port, log } = this.#options;
    if (running.build === this.#build && running.host === host && (port === 0 || port === running.port)) {
      log.info({ pid: running.pid, port: running.port }, 'Took over the running router.');
      this.#adopted = true;
      return running;
    }
    await new Promise<void>((resolve) => {
      watchRouter(this.#socket, resolve);
      askRouter(this.#socket, 'POST', '/stop').catch(() => {}); // as in stop()
    });
    return undefined;
  }

  async #spawn(port: number): Promise<RouterStatus> {
    const started = await spawnRouter({ folder: this.#folder, host: this.#options.host, port, build: this.#build });
    if (started.listening) {
      for (;;) {
        const status = await this.#running();
        if (status) return status;
      }
    }
    if (started.exitCode === 4) {
      throw new ConfigError(
        '--runtime-port',
        `port ${port} of ${this.#options.host} is taken. Stop what listens there or choose another port.`,
      );
    }
    throw new BackendError(
      'runtime',
      `The router did not start (exit code ${started.exitCode}). See router/router.log in the data folder.`,
      { retryable: true },
    );
  }

  #take(status: RouterStatus): void {
    this.#status = status;
    this.#applied = status.revision;
    // revisions go on from whichever side is ahead, so nothing new can look old
    if (status.revision > this.#wanted.revision) this.#wanted = { ...this.#wanted, revision: status.revision };
    this.#unwatch = watchRouter(this.#socket, () => void this.#restart());
  }

  /** The router died: the same port again, with whatever was published meanwhile. */
  async #restart(): Promise<void> {
    for (let delayMs = 50; !this.#closed; delayMs = Math.min(delayMs * 2, RESTART_DELAY_MS_MAX)) {
      this.#options.log.warn({ pid: this.#status.pid, port: this.#status.port }, 'The router is gone; starting it again.');
      try {
        const status = await this.#spawn(this.#status.port);
        if (this.#closed) return;
        this.#take(status);
        this.#options.onRestart?.(status);
        return this.#send();
      } catch (error) {
        this.#options.log.error({ error: String(error) }, 'The router could not be started again.');
        await new Promise((resolve) => setTimeout(resolve, delayMs));
      }
    }
  }

  #publish(parts: Partial<RouteSnapshot>): Promise<void> {
    const revision = this.#wanted.revision + 1;
    this.#wanted = { ...this.#wanted, ...parts, revision };
    return new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        reject(new BackendError('unreachable', 'The router did not take over a change of its routes.', { retryable: true }));
      }, PUBLISH_TIMEOUT_MS);
      const waiter = {
        revision,
        done: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.#waiting.push(waiter);
      void this.#send();
    });
  }

  /** One snapshot at a time; what is published meanwhile goes out together with the next. */
  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    try {
      while (this.#applied < this.#wanted.revision && !this.#closed) {
        const snapshot = this.#wanted;
        const { status, value } = await askRouter<RouterStatus>(this.#socket, 'PUT', '/snapshot', JSON.stringify(snapshot));
        if (status === 409) this.#wanted = { ...this.#wanted, revision: value.revision + 1 };
        if (status !== 200) continue;
        this.#applied = snapshot.revision;
        const done = this.#waiting.filter(({ revision }) => revision <= snapshot.revision);
        this.#waiting = this.#waiting.filter(({ revision }) => revision > snapshot.revision);
        for (const waiter of done) waiter.done();
      }
    } catch (error) {
      // the restart sends again; who waits goes on waiting
      this.#options.log.warn({ error: String(error) }, 'The router did not take a snapshot.');
    } finally {
      this.#sending = false;
    }
  }
}

/** Its socket closes a little before the process is gone; whoever stops a router may count on its pid being free. */
async function hasEnded(pid: number): Promise<void> {
  for (let waitedMs = 0; waitedMs < END_TIMEOUT_MS; waitedMs += END_POLL_MS) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((again) => setTimeout(again, END_POLL_MS));
  }
}

const unreachable = (cause: unknown): BackendError =>
  new BackendError('unreachable', 'The router does not answer.', { retryable: true, cause });
