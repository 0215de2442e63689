import { Counter, Gauge, type Registry } from 'prom-client';
import type { HistoryStatus } from '../history/history-writer.js';
import type { WarmStoreStatus } from '../warm/disk-warm-store.js';

/** Where the metrics of what is kept on disk read their values from; undefined for what is switched off. */
export interface DiskReadings {
  warmStart(): WarmStoreStatus | undefined;
  history(): HistoryStatus | undefined;
}

/** Adds the metrics of the warm start's files and the history. */
export function addDiskMetrics(registry: Registry, { warmStart, history }: DiskReadings): void {
  const gauge = (name: string, help: string, value: () => number | undefined) => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        const now = value();
        if (now !== undefined) this.set(now);
      },
    });
  };
  const counter = (name: string, help: string, value: () => number | undefined) => {
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset(); // counted elsewhere; this only shows it
        this.inc(value() ?? 0);
      },
    });
  };
  const isWriting = (status: WarmStoreStatus | HistoryStatus | undefined) =>
    status && (status.write.state === 'writing' ? 1 : 0);
  gauge('isthmus_warm_start_up', '1 while the catalog gets on disk.', () => isWriting(warmStart()));
  gauge('isthmus_warm_start_bytes', "Size of the warm start's files.", () => warmStart()?.bytes);
  counter('isthmus_warm_start_failures_total', "Failed writes of the warm start's files.", () => warmStart()?.failures);
  gauge('isthmus_history_up', '1 while changes of the catalog get on disk.', () => isWriting(history()));
  gauge('isthmus_history_bytes', "Size of the history's files.", () => history()?.bytes);
  gauge('isthmus_history_oldest_timestamp_seconds', 'Time of the oldest state that is known.', () => {
    const oldestMs = history()?.oldestMs;
    return oldestMs === undefined ? undefined : oldestMs / 1000;
  });
  counter('isthmus_history_entries_total', 'Entries written.', () => history()?.written);
  counter('isthmus_history_dropped_total', 'Changes that were not recorded.', () => history()?.dropped);
}
