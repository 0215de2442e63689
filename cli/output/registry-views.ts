import type { ConsumerResource, RuleResource } from '../../core/api/resources.js';
import { formatMetadata, shorten, type View } from './view.js';

/** Somebody that a registry knows as a consumer of a service: a declared edge of the service map. */
export const consumerView: View<ConsumerResource> = {
  plural: 'consumers',
  name: ({ source, service, id }) => `${source}/${service}/${id}`,
  columns: ['SOURCE', 'SERVICE', 'APPLICATION', 'ADDRESS'],
  wideColumns: ['METADATA'],
  row: ({ source, service, application, address }) => [source, service, application, address],
  wideRow: ({ metadata }) => [formatMetadata(metadata)],
};

const effects = { applied: 'green', carried: 'green', shown: 'dim', rejected: 'red' } as const;

/** A rule of a registry's own, and what became of it here. */
export const ruleView: View<RuleResource> = {
  plural: 'rules',
  name: ({ source, service, id }) => `${source}/${service}/${id}`,
  columns: ['SOURCE', 'SERVICE', 'KIND', 'ENABLED', 'EFFECT', 'REASON'],
  wideColumns: ['ID', 'TEXT'],
  row: ({ source, service, kind, enabled, effect, reason = '' }) => [
    source,
    service,
    kind,
    enabled ? 'yes' : 'no',
    { text: effect, style: effects[effect] },
    reason,
  ],
  wideRow: ({ id, text }) => [id, shorten(text)],
};
