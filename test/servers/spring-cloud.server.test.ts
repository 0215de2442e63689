import assert from 'node:assert/strict';
import { http } from '../support/http.js';
import { poll } from '../support/poll.js';
import { assertGone } from './assert-gone.js';
import { startEureka } from './eureka.js';
import { startNacos2 } from './nacos2.js';
import { startNacos3 } from './nacos3.js';
import type { ServerHandle } from './process.js';
import { type SpringCloudRegistry, startSpringCloudApp } from './spring-cloud.js';

describe('a real Spring Cloud application', function () {
  this.timeout(180_000);
  const started: ServerHandle[] = [];
  afterEach(async () => {
    // The application first: it takes its leave of the registry.
    for (const server of started.splice(0).reverse()) await server.stop();
  });

  async function startApp(registry: SpringCloudRegistry) {
    const app = await startSpringCloudApp({ registry, application: 'orders', metadata: { zone: 'hz' } });
    started.push(app);
    return app;
  }

  it('registers in Eureka, sees itself, sets its status and goes', async () => {
    const eureka = await startEureka();
    started.push(eureka);
    const app = await startApp({ kind: 'eureka', url: eureka.url });
    const own = `127.0.0.1:${app.port}`;
    await poll(async () => (await app.instances('orders')).includes(own));
    const registered = async () => {
      const { status, body } = await http(`${eureka.url}/apps/ORDERS`, { headers: { accept: 'application/json' } });
      return status === 200 ? body : '';
    };
    assert.match(await registered(), /"zone":"hz"/);
    await app.setStatus('OUT_OF_SERVICE');
    await poll(async () => (await registered()).includes('"status":"OUT_OF_SERVICE"'));
    const { pid } = app;
    await app.stop();
    assertGone(pid);
    await poll(async () => (await registered()) === '');
  });

  for (const [title, start] of [
    ['Nacos 2', startNacos2],
    ['Nacos 3', startNacos3],
  ] as const) {
    it(`registers in ${title}, sees itself and goes`, async () => {
      const nacos = await start();
      started.push(nacos);
      const app = await startApp({ kind: 'nacos', address: nacos.address, weight: 3 });
      const own = `127.0.0.1:${app.port}`;
      await poll(async () => (await app.instances('orders')).includes(own));
      await app.setStatus('DOWN');
      await poll(async () => !(await app.instances('orders')).includes(own));
    });
  }
});
