import { startServer } from './process.js';

/** Starts a server, tells of it on stdout and ends in the way that is asked for, without stopping it. */
const server = await startServer({
  name: 'orphan',
  command: () => ({ command: process.execPath, args: ['-e', 'console.log("up"); setInterval(() => {}, 1000)'] }),
  ready: async (_signal, output) => output().includes('up'),
});
process.stdout.write(`${JSON.stringify({ pid: server.pid, dataDir: server.dataDir })}\n`, () => {
  switch (process.argv[2]) {
    case 'exit':
      return process.exit(0);
    case 'crash':
      throw new Error('crash');
    default:
      return process.kill(process.pid, process.argv[2] as NodeJS.Signals);
  }
});
