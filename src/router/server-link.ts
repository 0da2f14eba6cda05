import type { Answered, QuestionFault, RouterQuestions } from '../platform/ports/routes.ts';
import { askRouter } from './control-client.ts';

/** A model archive may be some gigabytes, and its unpacking is waited for. */
const QUESTION_TIMEOUT_MS = 10 * 60_000;

export type ServerLink = RouterQuestions;

/** Asks the server over its socket. Away, it is a fault that says so: what is running goes on being answered without it. */
export function createServerLink(socketPath: string): ServerLink {
  const ask = async <T>(path: string, asked: object): Promise<Answered<T>> => {
    try {
      return (await askRouter<Answered<T>>(socketPath, 'POST', path, JSON.stringify(asked), QUESTION_TIMEOUT_MS)).value;
    } catch {
      return { fault: SERVER_AWAY }; // nothing listens, or it died while it was asked
    }
  };
  return {
    placeModel: (asked) => ask('/place-model', asked),
    dropModel: (asked) => ask('/drop-model', asked),
    wake: (asked) => ask('/wake', asked),
    acceptAsync: (asked) => ask('/accept-async', asked),
  };
}

const SERVER_AWAY: QuestionFault = {
  status: 503,
  code: 'ServiceUnavailable',
  message:
    'This needs the Slipway server, which is not running: only model servers that are up answer without it. Start it (slipway serve) and try again.',
};
