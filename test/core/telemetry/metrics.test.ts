import assert from 'node:assert/strict';
import type { SourceStatus } from '../../../core/source/status.js';
import { addCoreMetrics, type CoreReadings } from '../../../core/telemetry/core-metrics.js';
import { addProcessMetrics, createRegistry } from '../../../core/telemetry/metrics.js';

const fresh: SourceStatus = {
  name: 'nacos-hz',
  kind: 'nacos',
  required: true,
  synced: true,
  status: { state: 'fresh', sinceMs: 1500 },
  services: 3,
  instances: 30,
  rejected: 2,
  rejections: [],
  failures: 4,
  notices: [],
  lastChangeMs: 2500,
};

function readings(overrides: Partial<CoreReadings> = {}): CoreReadings {
  return {
    sources: () => [fresh],
    revision: () => 7,
    isReady: () => true,
    hosts: () => 3,
    guards: () => [],
    changedHosts: () => 11,
    problems: () => 1,
    ...overrides,
  };
}

describe('metrics', () => {
  it('show each source and the catalog as they are when asked', async () => {
    const registry = createRegistry();
    let sources: readonly SourceStatus[] = [fresh];
    addCoreMetrics(registry, readings({ sources: () => sources }));
    const has = (text: string, lines: readonly string[]) => {
      for (const line of lines) assert.ok(text.split('\n').includes(line), `${line} is not in\n${text}`);
    };
    has(await registry.metrics(), [
      'isthmus_source_up{source="nacos-hz",kind="nacos"} 1',
      'isthmus_source_synced{source="nacos-hz",kind="nacos"} 1',
      'isthmus_source_services{source="nacos-hz",kind="nacos"} 3',
      'isthmus_source_instances{source="nacos-hz",kind="nacos"} 30',
      'isthmus_source_rejected_records{source="nacos-hz",kind="nacos"} 2',
      'isthmus_source_failures_total{source="nacos-hz",kind="nacos"} 4',
      'isthmus_source_state{source="nacos-hz",kind="nacos",state="fresh"} 1',
      'isthmus_source_state{source="nacos-hz",kind="nacos",state="stale"} 0',
      'isthmus_source_state_since_timestamp_seconds{source="nacos-hz",kind="nacos"} 1.5',
      'isthmus_source_last_change_timestamp_seconds{source="nacos-hz",kind="nacos"} 2.5',
      'isthmus_catalog_ready 1',
      'isthmus_catalog_revision 7',
      'isthmus_catalog_services 3',
      'isthmus_catalog_problems 1',
      'isthmus_catalog_changes_total 11',
    ]);
    sources = [{ ...fresh, failures: 5, status: { state: 'stale', sinceMs: 3000, cause: 'gone', scopes: [] } }];
    has(await registry.metrics(), [
      'isthmus_source_up{source="nacos-hz",kind="nacos"} 0',
      'isthmus_source_failures_total{source="nacos-hz",kind="nacos"} 5',
      'isthmus_source_state{source="nacos-hz",kind="nacos",state="fresh"} 0',
      'isthmus_source_state{source="nacos-hz",kind="nacos",state="stale"} 1',
    ]);
  });

  it('belong to their registry: two live side by side', async () => {
    const [one, two] = [createRegistry(), createRegistry()];
    addCoreMetrics(one, readings());
    addCoreMetrics(two, readings({ revision: () => 8 }));
    assert.match(await one.metrics(), /isthmus_catalog_revision 7/);
    assert.match(await two.metrics(), /isthmus_catalog_revision 8/);
  });

  it('tell of the process and its version', async () => {
    const registry = createRegistry();
    addProcessMetrics(registry, '1.2.3');
    const text = await registry.metrics();
    assert.match(text, /isthmus_build_info\{version="1\.2\.3"\} 1/);
    assert.match(text, /nodejs_eventloop_lag_p99_seconds /);
    assert.match(text, /process_resident_memory_bytes /);
  });
});
