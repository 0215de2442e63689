import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import { printable } from '../../core/plugin/index.js';
import { DocumentError } from './convert.js';

/** How long YAML may take; 16 MiB take about 15 s. */
const parseTimeoutMs = 60_000;
const maxHeapMb = 1024;
const maxAliasCount = 100;

/**
 * The parser of YAML needs about a second a megabyte and much memory, so it runs in a thread of its own, in which an
 * alias bomb or whatever else goes wrong stays. Source text, for a file of ours could not be loaded both as built and
 * as TypeScript.
 */
const worker = `
const { parentPort, workerData } = require('node:worker_threads');
const { parseDocument } = require(workerData.library);
const document = parseDocument(workerData.text, { uniqueKeys: true, prettyErrors: true });
const [error] = document.errors;
parentPort.postMessage(
  error
    ? { message: error.message }
    : { value: document.toJS({ maxAliasCount: workerData.maxAliasCount }) },
);
`;
const library = createRequire(import.meta.url).resolve('yaml');

/**
 * The document in `text`.
 * @throws DocumentError when it is not valid or too much; the signal's reason
 */
export async function parse(text: string, format: 'yaml' | 'json', signal: AbortSignal): Promise<unknown> {
  return format === 'json' ? parseJson(text) : parseYaml(text, signal);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new DocumentError(`not valid JSON: ${printable((error as Error).message)}`);
  }
}

async function parseYaml(text: string, signal: AbortSignal): Promise<unknown> {
  signal.throwIfAborted();
  const thread = new Worker(worker, {
    eval: true,
    workerData: { text, library, maxAliasCount },
    resourceLimits: { maxOldGenerationSizeMb: maxHeapMb },
  });
  const exited = new Promise((resolve) => thread.once('exit', resolve));
  try {
    return await answerOf(thread, signal);
  } finally {
    await thread.terminate();
    await exited;
  }
}

function answerOf(thread: Worker, signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => fail(new DocumentError('it takes too long to parse')), parseTimeoutMs);
    const onAbort = () => fail(signal.reason);
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
    const fail = (reason: unknown) => {
      end();
      reject(reason);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    thread.once('message', (answer: { readonly message?: string; readonly value?: unknown }) => {
      if (answer.message !== undefined) return fail(new DocumentError(`not valid YAML: ${printable(answer.message)}`));
      end();
      resolve(answer.value);
    });
    thread.once('error', (error) => fail(new DocumentError(`not usable YAML: ${printable(error.message)}`)));
    thread.once('exit', () => fail(new DocumentError('the parser ended without an answer')));
  });
}
