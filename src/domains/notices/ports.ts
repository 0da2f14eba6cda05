import type { Authorizer, RoleSessions } from '../../platform/authorization/port.ts';
import type { UniversalCalls } from '../../platform/calls/universal-calls.ts';
import type { Calls } from '../../platform/calls/operation.ts';
import type { Clock } from '../../platform/clock.ts';
import type { ApiDestinations } from '../../platform/ports/api-destinations.ts';
import type { Mail } from '../../platform/ports/mail.ts';
import type { OutgoingHttp } from '../../platform/ports/outgoing-http.ts';
import type { Store } from '../../platform/store/port.ts';

export interface NoticePorts {
  readonly store: Store;
  readonly clock: Clock;
  readonly calls: Calls;
  readonly roles: Pick<RoleSessions, 'assume'>;
  /** Absent: nothing is sent to addresses of users. */
  readonly outgoing?: OutgoingHttp;
  /** Absent: no e-mail is sent. */
  readonly mail?: Mail;
  /** Operations that users may name. */
  readonly universal?: UniversalCalls;
  readonly destinations?: ApiDestinations;
  /** For receivers that are no operation: may the sender use this API destination? */
  readonly authorizer?: Authorizer;
}
