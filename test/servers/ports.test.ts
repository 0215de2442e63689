import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { pickPort, pickPorts } from './ports.js';

describe('pickPorts', () => {
  it('gives ports that can be listened on and gives none twice', async () => {
    const ports = await pickPorts(50);
    assert.equal(new Set(ports).size, 50);
    const server = createServer().listen(ports[0], '127.0.0.1');
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
  });

  it('keeps the whole of a group for itself', async () => {
    const offsets = [0, 1000, 1001, -1000];
    const taken = new Set<number>();
    for (let count = 0; count < 30; count += 1) {
      const port = await pickPort(offsets);
      for (const offset of offsets) {
        assert.ok(!taken.has(port + offset), `${port + offset} was given twice`);
        taken.add(port + offset);
      }
    }
  });
});
