import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { z } from 'zod';
import { zookeeperSchema } from '../../../adapters/zookeeper/config.js';

const parse = (raw: object) => zookeeperSchema.safeParse({ servers: ['zk-0:2181'], ...raw });

describe('the configuration of a zookeeper source', () => {
  it('needs no more than servers', () => {
    const config = zookeeperSchema.parse({ servers: ['zk-0:2181', '[2001:db8::1]:2181'] });
    assert.deepEqual(config, {
      servers: [
        { host: 'zk-0', port: 2181 },
        { host: '2001:db8::1', port: 2181 },
      ],
      dubbo: {
        discovery: 'both',
        servicesRoot: '/services',
        configRoot: '/dubbo/config',
        rules: true,
        consumers: true,
        interfaces: { exclude: [] },
        mapping: true,
        applications: { exclude: [] },
        metadata: { timeoutMs: 3000, concurrency: 16, maxAnswerBytes: 16_777_216 },
        servicePorts: { dubbo: 20880, tri: 50051, rest: 80 },
      },
      readOnly: false,
      watch: 'auto',
      sessionTimeoutMs: 15_000,
      connectTimeoutMs: 5000,
      requestTimeoutMs: 30_000,
      concurrency: 256,
      maxResponseBytes: 67_108_864,
      auditIntervalMs: 300_000,
    });
  });

  it('takes all keys', () => {
    const raw = {
      chroot: '/prod/eu',
      dubbo: { root: '/dubbo-hz', servicePorts: { rest: 8080 } },
      auth: { username: 'isthmus', password: 'S3CRET' },
      watch: 'classic',
      auditIntervalMs: 0,
    };
    const { success, data } = parse(raw);
    assert.ok(success);
    assert.deepEqual(data.dubbo.servicePorts, { dubbo: 20880, tri: 50051, rest: 8080 });
    assert.equal(data.auth?.password.reveal(), 'S3CRET');
    assert.doesNotMatch(inspect(data, { depth: 9 }) + JSON.stringify(data), /S3CRET/);
  });

  it('refuses what cannot work', () => {
    const bad: object[] = [
      { servers: [] },
      { servers: ['zk-0'] },
      { servers: ['zk-0:99999'] },
      { chroot: 'prod' },
      { chroot: '/prod/' },
      { chroot: '/' },
      { chroot: '/a//b' },
      { chroot: '/a/../b' },
      { dubbo: { root: '/dubbo/' } },
      { dubbo: { root: '/dubbo', roots: ['/gray'] } },
      { dubbo: { roots: [] } },
      { dubbo: { roots: ['/a', '/a'] } },
      { dubbo: { discovery: 'all' } },
      { dubbo: { interfaces: { include: [] } } },
      { auth: { scheme: 'kerberos', username: 'a', password: 'x' } },
      { tls: { pfx: 'x' } },
      { dubbo: { servicePorts: { tri: 80 } } },
      { auth: { username: 'a:b', password: 'x' } },
      { auth: { username: 'a' } },
      { watch: 'poll' },
      { concurrency: 0 },
      { sessionTimeoutMs: 0 },
      { unknown: 1 },
    ];
    for (const raw of bad) assert.equal(parse(raw).success, false, JSON.stringify(raw));
  });

  it('describes every key', () => {
    const { properties } = z.toJSONSchema(zookeeperSchema, { io: 'input' });
    for (const [key, property] of Object.entries(properties ?? {})) {
      assert.ok((property as { description?: string }).description, `${key} has no description`);
    }
  });
});
