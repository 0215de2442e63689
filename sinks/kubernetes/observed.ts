import { field, type Json, listOf, marks, metaOf, textOf } from '../../clients/kubernetes/index.js';
import { isRecord } from '../../core/model/index.js';
import { annotations, fieldManagerOf, type Kind, manifestKey, type Owner, ownerLabels, versionOf } from './manifest.js';

/** What is kept of an object that the API has. */
export interface Observed {
  readonly kind: Kind;
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  /** Undefined: it is ours; else why it is not. */
  readonly foreign: string | undefined;
  /** Of what is ours in it, as of a manifest; empty for a foreign one. */
  readonly version: string;
  readonly host: string;
  /** Sources that it was made of. */
  readonly sources: readonly string[];
}

export function observedKey(observed: Observed): string {
  return manifestKey(observed);
}

/**
 * Reads an object. It is ours when its labels say so and our field manager has applied it: labels alone can be copied with
 * the object. What is ours of its labels and annotations is what the field manager has.
 * Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
 */
export function observe(kind: Kind, object: unknown, owner: Owner): Observed | undefined {
  const meta = metaOf(object);
  if (!meta || !isRecord(object)) return undefined;
  const base = {
    ...{ kind, namespace: meta.namespace, name: meta.name, uid: meta.uid, resourceVersion: meta.resourceVersion },
    host: meta.annotations[annotations.host] ?? textOf(listOf(field(object, 'spec'), 'hosts')[0]),
    sources: (meta.annotations[annotations.sources] ?? '').split(',').filter((name) => name !== ''),
  };
  const foreign = whyForeign(meta.labels, owner);
  const fields = appliedFields(object, fieldManagerOf(owner));
  if (foreign !== undefined || fields === undefined) {
    const reason = foreign ?? 'its labels are ours, but it was not applied by us: a copy';
    return { ...base, foreign: reason, version: '' };
  }
  const ownMeta = field(fields, 'f:metadata');
  const own = (values: Readonly<Record<string, string>>, key: string): Readonly<Record<string, string>> => {
    const keys = field(ownMeta, key);
    return Object.fromEntries(Object.entries(values).filter(([name]) => `f:${name}` in keys));
  };
  const version = versionOf({
    labels: own(meta.labels, 'f:labels'),
    annotations: own(meta.annotations, 'f:annotations'),
    spec: field(object, 'spec'),
  });
  return { ...base, foreign: undefined, version };
}

function whyForeign(labels: Readonly<Record<string, string>>, owner: Owner): string | undefined {
  const wanted = Object.entries(ownerLabels(owner));
  if (wanted.every(([key, value]) => labels[key] === value)) return undefined;
  const site = labels[marks.site];
  const sink = labels[marks.owner];
  if (site !== undefined) return `it belongs to the site ${site}, sink ${sink ?? '?'}`;
  return 'it was not made by Isthmus';
}

/** `fieldsV1` of what the manager has applied; undefined when it has applied nothing. */
function appliedFields(object: Json, manager: string): Json | undefined {
  for (const entry of listOf(field(object, 'metadata'), 'managedFields')) {
    const { manager: name, operation, fieldsV1, subresource } = field({ entry }, 'entry');
    if (name === manager && operation === 'Apply' && !subresource) return isRecord(fieldsV1) ? fieldsV1 : {};
  }
  return undefined;
}
