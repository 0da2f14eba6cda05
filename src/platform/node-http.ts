/**
 * `node:http`, taken so that its parts are not all touched: to import it by name makes Node load its whole `fetch` (40 ms and 5 MB in
 * every process), which neither server nor router uses. Types come from `node:http` itself.
 */
export const { Agent, createServer, request } = process.getBuiltinModule('node:http');
