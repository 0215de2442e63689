import assert from 'node:assert/strict';
import fc from 'fast-check';
import { HostTemplate } from '../../../core/catalog/host-template.js';

const dubbo = new HostTemplate('[{group|label}.][{version|label}.]{interface}.dubbo');

function hostOf(template: HostTemplate, attributes: Record<string, string>): string {
  const rendered = template.render(attributes);
  assert.ok('host' in rendered, JSON.stringify(rendered));
  return rendered.host;
}

describe('HostTemplate', () => {
  it('puts in attributes, lower-case', () => {
    assert.equal(hostOf(dubbo, { interface: 'com.foo.OrderService' }), 'com.foo.orderservice.dubbo');
  });

  it('drops an optional part whose attribute is empty and keeps one that is not', () => {
    assert.equal(
      hostOf(dubbo, { interface: 'com.foo.Api', group: 'g1', version: '1.0.0' }),
      'g1.1-0-0.com.foo.api.dubbo',
    );
    assert.equal(hostOf(dubbo, { interface: 'com.foo.Api', group: '', version: '2' }), '2.com.foo.api.dubbo');
  });

  it('says which attribute is missing', () => {
    assert.deepEqual(dubbo.render({ group: 'g1' }), {
      reason: 'the naming template [{group|label}.][{version|label}.]{interface}.dubbo needs interface',
    });
  });

  it('makes DNS of what is none', () => {
    const template = new HostTemplate('{name}.nacos');
    assert.equal(hostOf(template, { name: 'My Service_1@@x' }), 'my-service-1-x.nacos');
    assert.equal(hostOf(template, { name: '..a..b..' }), 'a.b.nacos');
    assert.equal(hostOf(template, { name: '%2e%2f\r\n\u001b[31m' }), '2e-2f-31m.nacos');
  });

  it('takes no longer than a name is long, whatever is in it', () => {
    const dashes = '-'.repeat(100_000);
    const startMs = performance.now();
    assert.equal(hostOf(new HostTemplate('{name}.nacos'), { name: `${dashes}a${dashes}.${dashes}b` }), 'a.b.nacos');
    assert.ok(performance.now() - startMs < 1000);
  });

  it('refuses what is too long for DNS', () => {
    const template = new HostTemplate('{name}.nacos');
    assert.ok('reason' in template.render({ name: 'a'.repeat(64) }));
    assert.ok('reason' in template.render({ name: `${'a'.repeat(60)}.`.repeat(5) }));
    assert.ok('reason' in template.render({ name: '///' }));
  });

  it('names what is wrong with a template', () => {
    for (const text of ['', '[{a}', '{a}]', '[[{a}]]', '[x]', '{a|dns}', 'a b', '{}', '{a', '{interface', 'a}']) {
      assert.throws(() => new HostTemplate(text), SyntaxError, text);
    }
  });

  it('gives a valid DNS name or a reason, whatever a registry says', () => {
    const label = /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/;
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 300 }), fc.string({ maxLength: 80 }), (name, group) => {
        const rendered = dubbo.render({ interface: name, group });
        if ('reason' in rendered) return;
        assert.ok(rendered.host.length <= 253);
        for (const part of rendered.host.split('.')) {
          assert.match(part, label);
          assert.ok(part.length <= 63);
        }
      }),
    );
  });
});
