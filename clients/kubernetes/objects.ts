import { isRecord } from '../../core/plugin/index.js';

/** JSON of the API with nothing known of it yet. */
export type Json = Readonly<Record<string, unknown>>;

/** `metadata` of an object, as far as it is used. */
export interface ObjectMeta {
  readonly name: string;
  /** Empty for what belongs to no namespace. */
  readonly namespace: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** `metadata` of an object; undefined when it is none that has a name and a version. */
export function metaOf(object: unknown): ObjectMeta | undefined {
  const meta = field(object, 'metadata');
  const name = textOf(meta['name']);
  const resourceVersion = textOf(meta['resourceVersion']);
  if (name === '' || resourceVersion === '') return undefined;
  return {
    name,
    resourceVersion,
    namespace: textOf(meta['namespace']),
    uid: textOf(meta['uid']),
    labels: stringsOf(meta['labels']),
    annotations: stringsOf(meta['annotations']),
  };
}

/** `namespace/name`, or `name` for what belongs to no namespace. */
export function keyOf({ namespace, name }: Pick<ObjectMeta, 'namespace' | 'name'>): string {
  return namespace === '' ? name : `${namespace}/${name}`;
}

/** The object under a key; an empty one when there is none. */
export function field(object: unknown, key: string): Json {
  const value = isRecord(object) ? object[key] : undefined;
  return isRecord(value) ? value : none;
}

/** The list under a key; an empty one when there is none. */
export function listOf(object: unknown, key: string): readonly unknown[] {
  const value = isRecord(object) ? object[key] : undefined;
  return Array.isArray(value) ? (value as unknown[]) : [];
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

/** The string values of a mapping, with no prototype. */
export function stringsOf(value: unknown): Readonly<Record<string, string>> {
  const strings = Object.create(null) as Record<string, string>;
  if (!isRecord(value)) return strings;
  for (const [key, text] of Object.entries(value)) if (typeof text === 'string') strings[key] = text;
  return strings;
}

const none: Json = Object.freeze({});
