import { connect, type Socket } from 'node:net';

/** Bytes on a connection to `origin`, as no HTTP client would send them; resolves with all that came back when it is closed. */
export function sendBytes(
  origin: string,
  bytes: string | Uint8Array,
  then: 'half-close' | 'keep-open' = 'half-close',
): Promise<string> {
  return new Promise((resolve) => {
    const socket = openTo(origin);
    let received = '';
    socket.on('data', (text: Buffer) => {
      received += text.toString('latin1');
    });
    socket.on('error', () => {}); // a reset is an answer too
    socket.on('close', () => resolve(received));
    if (then === 'half-close') socket.end(bytes);
    else socket.write(bytes);
  });
}

export function openTo(origin: string): Socket {
  const { hostname, port } = new URL(origin);
  return connect(Number(port), hostname);
}

/** Status codes of the answers on a connection, in their order. */
export const statusesOf = (received: string): number[] =>
  [...received.matchAll(/^HTTP\/1\.1 (\d{3}) /gm)].map(([, status]) => Number(status));
