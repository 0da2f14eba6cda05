/**
 * Sees every port as it is wired, by name (`store`, `blobs`, `backend`, `calls`, …), and gives back what is used in its place. For tests that kill
 * a server, or a simulated one, before or after a chosen call.
 */
export type Decorate = <P extends object>(name: string, port: P) => P;

export const undecorated: Decorate = (_name, port) => port;
