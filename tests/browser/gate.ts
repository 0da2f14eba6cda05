import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Gate {
  /** Whoever asks here waits. */
  readonly url: string;
  release(): void;
  close(): void;
}

/** Where a job waits until the test lets it go on: what the test is to see first cannot be over too soon. */
export async function openGate(): Promise<Gate> {
  const waiting: (() => void)[] = [];
  let isOpen = false;
  const server = createServer((_request, response) => {
    if (isOpen) response.end();
    else waiting.push(() => response.end());
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    release(): void {
      isOpen = true;
      for (const each of waiting.splice(0)) each();
    },
    close(): void {
      server.close();
      server.closeAllConnections();
    },
  };
}
