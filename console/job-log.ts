import { ApiError, call } from './api.ts';
import { h, placeOf } from './dom.ts';
import { copyable } from './parts.ts';

export type JobKind = 'TrainingJob' | 'ProcessingJob' | 'TransformJob';

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
  /** How far each stream was read; a job on several hosts has several, and they may come one after the other. */
  const tokens = new Map<string, string>();
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

  const readStream = async (stream: string, label: string): Promise<void> => {
    for (let isNew = true; isNew; ) {
      const token = tokens.get(stream);
      const page = await call('logs:GetLogEvents', {
        logGroupName: group,
        logStreamName: stream,
        ...(token ? { nextToken: token, startFromHead: true } : { startFromHead: false, limit: LINES_AT_FIRST }),
      });
      const events = page.events ?? [];
      if (!token && events.length === LINES_AT_FIRST) isWhole = false;
      isNew = events.length > 0 && page.nextForwardToken !== token;
      if (page.nextForwardToken) tokens.set(stream, page.nextForwardToken);
      append(events.map(({ message = '' }) => `${label}${message}`));
    }
  };

  return {
    /** Reads what is new. */
    async read(): Promise<readonly Node[]> {
      const streams = await streamsOf(group, name);
      if (streams.length === 0) return [h('p', { class: 'empty' }, 'Nothing is logged yet.')];
      for (const stream of streams) await readStream(stream, streams.length > 1 ? `${shortName(stream)}: ` : '');
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

async function streamsOf(logGroupName: string, job: string): Promise<string[]> {
  try {
    const { logStreams = [] } = await call('logs:DescribeLogStreams', { logGroupName, logStreamNamePrefix: `${job}/` });
    return logStreams.flatMap(({ logStreamName }) => (logStreamName ? [logStreamName] : []));
  } catch (error) {
    if (error instanceof ApiError && error.code === 'ResourceNotFoundException') return []; // no job has logged yet
    throw error;
  }
}

/** `job/algo-1-1700000000` as `algo-1`, `job/i-0a1b…-1700000000/data-log` as `data-log`. */
const shortName = (stream: string): string => stream.slice(stream.lastIndexOf('/') + 1).replace(/-\d{10}$/, '');
