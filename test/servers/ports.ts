import { mkdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tryLock } from './build/lock.js';

/** Below the range that Linux and macOS take outgoing ports from, so that no connection sits on a chosen port. */
const FIRST_PORT = 20_000;
const LAST_PORT = 31_999;
const ATTEMPTS = 200;

const reserved = new Set<string>();

/**
 * Finds a port P such that P + offset is free on every IPv4 address for each offset, and keeps the whole group reserved
 * for this process until it ends, also against other test runs on the machine. So a server can be stopped and
 * started again on its port.
 * @param offsets distances of the ports that go together; `[0]` is a single port.
 */
export async function pickPort(offsets: readonly number[] = [0]): Promise<number> {
  const lowest = FIRST_PORT - Math.min(...offsets);
  const span = LAST_PORT - Math.max(...offsets) - lowest + 1;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const port = lowest + Math.floor(Math.random() * span);
    if (await reserveGroup(offsets.map((offset) => port + offset))) return port;
  }
  throw new Error(`no free group of ports at offsets ${offsets.join(', ')} after ${ATTEMPTS} attempts`);
}

/** Several single ports at once. */
export async function pickPorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  while (ports.length < count) ports.push(await pickPort());
  return ports;
}

async function reserveGroup(ports: readonly number[]): Promise<boolean> {
  const taken: string[] = [];
  for (const port of ports) {
    const file = reservationFile(port);
    if (reserved.has(file) || tryLock(file) !== undefined) break;
    taken.push(file);
    if (!(await isFree(port))) break;
    if (taken.length === ports.length) {
      keepReserved(taken);
      return true;
    }
  }
  for (const file of taken) rmSync(file, { force: true });
  return false;
}

function keepReserved(files: readonly string[]): void {
  if (reserved.size === 0) {
    process.once('exit', () => {
      for (const file of reserved) rmSync(file, { force: true });
    });
  }
  for (const file of files) reserved.add(file);
}

function reservationFile(port: number): string {
  const dir = join(tmpdir(), `isthmus-test-ports-${process.getuid?.() ?? 0}`);
  mkdirSync(dir, { recursive: true });
  return join(dir, `${port}`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(false));
    probe.listen({ port, host: '0.0.0.0', exclusive: true }, () => probe.close(() => resolve(true)));
  });
}
