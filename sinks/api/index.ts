export type { ApiServerOptions, SinkState } from './api-options.js';
export { type ApiServer, createApiServer } from './server.js';
