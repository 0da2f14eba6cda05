import type { Server } from 'node:http';
import type { Answered, RouterQuestions } from '../platform/ports/routes.ts';
import { listenOnSocket, readText, reply } from './control-server.ts';

/** The server's ear for its router: a unix socket that only the owner of the data folder can open. */
export function listenForQuestions(
  path: string,
  questions: () => RouterQuestions | undefined,
  report: (error: unknown) => void,
): Promise<Server> {
  return listenOnSocket(path, async (request, response) => {
    const asked = JSON.parse(await readText(request)) as never;
    const answers = questions();
    const answer = answers && ANSWERS[request.url ?? ''];
    if (!answer) return reply(response, 200, { fault: STARTING });
    try {
      reply(response, 200, await answer(answers, asked));
    } catch (error) {
      report(error);
      reply(response, 200, { fault: FAILED });
    }
  });
}

const ANSWERS: Readonly<Record<string, (questions: RouterQuestions, asked: never) => Promise<Answered<object>>>> = {
  '/place-model': (questions, asked) => questions.placeModel(asked),
  '/drop-model': (questions, asked) => questions.dropModel(asked),
  '/wake': (questions, asked) => questions.wake(asked),
  '/accept-async': (questions, asked) => questions.acceptAsync(asked),
};

const STARTING = { status: 503, code: 'ServiceUnavailable', message: 'The Slipway server is starting. Try again in a moment.' };
const FAILED = { status: 500, code: 'InternalFailure', message: 'The Slipway server failed on this. See its log.' };
