import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';

/** After the last answer of a connection its client has this long to finish sending. */
const REST_MS = 10_000;

/**
 * Lets the client of a request that is answered before its body has come hear that answer. With `Connection: close` Node would close the
 * socket as soon as the answer is written: what the client still sends is then met with a reset, which ends its writing with EPIPE and may
 * take the answer away unread. So only our side is ended, and the rest is read away to its end, for `REST_MS` at most.
 */
export function hearLastAnswer(request: IncomingMessage): void {
  const { socket } = request;
  const close = () => Socket.prototype.destroySoon.call(socket);
  // what Node calls after an answer that is the connection's last
  socket.destroySoon = () => {
    if (request.complete || socket.destroyed) return close();
    const cut = setTimeout(() => socket.destroy(), REST_MS).unref();
    socket.once('close', () => clearTimeout(cut));
    socket.end();
    request.once('end', close).resume();
  };
}

/** Whether the last answer on the request's connection has been given: what is asked behind it must not be done, since nobody would hear of it. */
export const comesTooLate = ({ socket }: IncomingMessage): boolean => !socket.writable;
