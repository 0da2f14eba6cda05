import type { Authorizer } from '../../platform/authorization/port.ts';
import type { Calls } from '../../platform/calls/operation.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Ids } from '../../platform/ids.ts';
import type { Log } from '../../platform/log.ts';
import type { Git } from '../../platform/ports/git.ts';
import type { OutgoingHttp } from '../../platform/ports/outgoing-http.ts';
import type { Settings } from '../../platform/settings.ts';
import type { Store } from '../../platform/store/port.ts';
import type { Turns } from './turns.ts';

export interface RepositoriesPorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly git: Git;
  readonly authorizer: Authorizer;
  readonly calls: Calls;
  readonly settings: Pick<Settings, 'account' | 'region' | 'repositories'>;
  /** Says which addresses may be fetched from. Without it nothing is followed. */
  readonly outgoing?: OutgoingHttp;
  /** The server's own address, for callers that have none of their own to name it by. */
  readonly serverUrl: () => string;
}

export interface OwnPorts extends RepositoriesPorts {
  /** Who changes references of one repository does so one after the other; by repository id. */
  readonly turns: Turns;
  /** Ids of repositories whose disk was compared with the record by this process. */
  readonly seen: Set<string>;
}
