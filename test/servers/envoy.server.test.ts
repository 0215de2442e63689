import assert from 'node:assert/strict';
import { http } from '../support/http.js';
import { type EnvoyServer, startEnvoy } from './envoy.js';
import { pickPort } from './ports.js';

describe('Envoy as a test server', () => {
  let envoy: EnvoyServer;
  let port: number;
  before(async () => {
    port = await pickPort();
    const listener = {
      name: 'own',
      address: { socket_address: { address: '127.0.0.1', port_value: port } },
      filter_chains: [
        {
          filters: [
            {
              name: 'hcm',
              typed_config: {
                '@type':
                  'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                stat_prefix: 'own',
                route_config: {
                  virtual_hosts: [
                    {
                      name: 'all',
                      domains: ['*'],
                      routes: [
                        { match: { prefix: '/' }, direct_response: { status: 200, body: { inline_string: 'here' } } },
                      ],
                    },
                  ],
                },
                http_filters: [
                  {
                    name: 'router',
                    typed_config: {
                      '@type': 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                    },
                  },
                ],
              },
            },
          ],
        },
      ],
    };
    envoy = await startEnvoy({
      ads: '127.0.0.1:1',
      cluster: 'edge',
      bootstrap: { dynamic_resources: {}, static_resources: { listeners: [listener] } },
    });
  });
  after(() => envoy.stop());

  it('is the pinned version and serves what its bootstrap says', async () => {
    assert.match((await http(`${envoy.url}/server_info`)).body, /\/1\.40\.0\//);
    await envoy.untilListening(port);
    assert.deepEqual(await http(`http://127.0.0.1:${port}/`), { status: 200, body: 'here' });
    await envoy.untilStat('http.own.downstream_rq_total', (value) => value === 1);
    assert.equal(await envoy.stat('no.such.stat'), 0);
    assert.equal(await envoy.rejected(), 0);
  });

  it('comes back on its ports', async () => {
    await envoy.restart();
    assert.equal((await http(`http://127.0.0.1:${port}/`)).status, 200);
  });
});
