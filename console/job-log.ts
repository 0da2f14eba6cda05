import { ApiError, call } from './api.ts';
import { h, placeOf } from './dom.ts';
import { copyable } from './parts.ts';

export type JobKind = 'TrainingJob' | 'ProcessingJob';

export interface JobRef {
  readonly kind: JobKind;
  readonly name: string;
}

/** Shown at first: the end of the log. */
const LINES_AT_FIRST = 2000;
/** The oldest lines make room when more have come. */
const LINES_MAX = 10_000;

/** The log of a job, which grows while it is shown: lines are only added, so that selection and scroll stay. */
export function jobLog({ kind, name }: JobRef, logCommand: string) {
  const group = `/aws/sagemaker/${kind}s`;
  const element = h('pre', { class: 'log', tabindex: '0', 'aria-label': `Log of ${name}` });
  let stream: string | undefined;
  let token: string | undefined;
  let lines = 0;
  let isWhole = true;

  const append = (texts: readonly string[]): void => {
    const follows = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
    element.append(...texts.map((text) => document.createTextNode(`${text}\n`)));
    lines += texts.length;
    for (; lines > LINES_MAX; lines--) {
      element.firstChild?.remove();
      isWhole = false;
    }
    if (follows) element.scrollTop = element.scrollHeight;
  };

  return {
    /** Reads what is new. */
    async read(): Promise<readonly Node[]> {
      stream ??= await streamOf(group, name);
      if (!stream) return [h('p', { class: 'empty' }, 'Nothing is logged yet.')];
      for (let isNew = true; isNew; ) {
        const page = await call('logs:GetLogEvents', {
          logGroupName: group,
          logStreamName: stream,
          ...(token ? { nextToken: token, startFromHead: true } : { startFromHead: false, limit: LINES_AT_FIRST }),
        });
        const events = page.events ?? [];
        if (!token && events.length === LINES_AT_FIRST) isWhole = false;
        isNew = events.length > 0 && page.nextForwardToken !== token;
        token = page.nextForwardToken;
        append(events.map(({ message = '' }) => message));
      }
      const hint = h(
        'p',
        { class: 'sub' },
        isWhole ? `${lines} lines. On the command line: ` : `The newest ${lines} lines. All of them: `,
      );
      hint.append(copyable(logCommand));
      scrollToEndOnce(element);
      return [placeOf(element), hint];
    },
  };
}

/** A log that was never on the page has no height yet; it is to open at its end. */
function scrollToEndOnce(element: HTMLElement): void {
  if (element.isConnected) return;
  requestAnimationFrame(() => {
    element.scrollTop = element.scrollHeight;
  });
}

async function streamOf(logGroupName: string, job: string): Promise<string | undefined> {
  try {
    const { logStreams } = await call('logs:DescribeLogStreams', { logGroupName, logStreamNamePrefix: `${job}/` });
    return logStreams?.[0]?.logStreamName;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'ResourceNotFoundException') return undefined; // no job has logged yet
    throw error;
  }
}
