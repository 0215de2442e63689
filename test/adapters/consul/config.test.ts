import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { consulSchema } from '../../../adapters/consul/config.js';
import { consulAdapter } from '../../../adapters/consul/index.js';

const servers = ['http://consul:8500'];
const problems = (config: unknown) =>
  consulSchema.safeParse(config).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];

describe('adapters/consul: configuration', () => {
  it('takes the shape of the documentation, and hides the token', () => {
    const config = consulSchema.parse({ servers: ['http://consul:8500/'], datacenters: ['dc1'], token: 'the-token' });
    assert.deepEqual(config.servers, servers);
    assert.ok(!inspect(config, { depth: 5 }).includes('the-token') && !JSON.stringify(config).includes('the-token'));
  });

  it('says what is wrong', () => {
    assert.match(problems({ servers: [] }).join(), /servers/);
    assert.match(problems({ servers: ['consul:8500'] }).join(), /http/);
    assert.match(
      problems({ servers, datacenters: ['dc 1'] }).join(),
      /datacenters\.0: expected the name of a datacenter/,
    );
    assert.match(problems({ servers, datacenters: ['a', 'a'] }).join(), /named twice/);
    assert.match(
      problems({ servers, maxConnections: 15, datacenters: ['a', 'b'] }).join(),
      /need at least 16 connections/,
    );
    assert.match(problems({ servers, consistency: 'eventual' }).join(), /consistency/);
    assert.match(problems({ servers, colour: 'red' }).join(), /colour/);
  });

  it('describes every option', () => {
    for (const [name, option] of Object.entries(consulSchema.shape))
      assert.ok(option.description, `${name} has no description`);
    assert.equal(consulAdapter.defaultHost, '{name}[.{namespace|label}.ns][.{datacenter|label}].consul');
  });
});
