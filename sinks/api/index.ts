export type { ApiServerOptions } from './api-options.js';
export type { PartReadiness } from './readiness.js';
export { type ApiServer, createApiServer } from './server.js';
