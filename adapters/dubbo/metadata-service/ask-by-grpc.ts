import {
  MetadataInfoV2,
  MetadataRequest,
  TripleRequestWrapper,
  TripleResponseWrapper,
} from '../../../proto/gen/dubbo_metadata.js';
import { MetadataError } from '../metadata-info.js';
import type { Ask } from './ask.js';
import { HessianReader } from './hessian-reader.js';
import { hessianString } from './hessian-strings.js';
import type { MetadataRoute } from './route.js';
import { unaryCall } from './unary-call.js';

const v2Method = '/org.apache.dubbo.metadata.MetadataServiceV2/GetMetadataInfo';
const v1Method = '/org.apache.dubbo.metadata.MetadataService/getMetadataInfo';
/** The name of Hessian 2 in Triple's wrapper. */
const hessian = 'hessian4';

/** @returns what came back, not looked at @throws MetadataError, HessianError, or the signal's reason */
export async function askV2(route: MetadataRoute, ask: Ask): Promise<unknown> {
  const request = Buffer.from(MetadataRequest.encode({ revision: ask.revision }).finish());
  const answer = await call(route, v2Method, '2.0.0', request, ask);
  return decode(() => MetadataInfoV2.decode(answer));
}

/** The same as {@link askV2}, by the wrapper of Triple for services without protobuf; null for an unknown revision. */
export async function askByWrapper(route: MetadataRoute, ask: Ask): Promise<unknown> {
  const args = [hessianString(ask.revision)];
  const request = TripleRequestWrapper.encode({
    serializeType: hessian,
    args,
    argTypes: ['java.lang.String'],
  }).finish();
  const answer = await call(route, v1Method, '1.0.0', Buffer.from(request), ask);
  const { data, serializeType } = decode(() => TripleResponseWrapper.decode(answer));
  if (data.length === 0) return null;
  if (!serializeType.startsWith('hessian')) throw new MetadataError('the metadata came in another form than Hessian');
  return new HessianReader(Buffer.from(data)).read();
}

function decode<Message>(read: () => Message): Message {
  try {
    return read();
  } catch {
    throw new MetadataError('the metadata that came back are no protobuf');
  }
}

function call(route: MetadataRoute, path: string, version: string, request: Buffer, ask: Ask): Promise<Buffer> {
  const { signal, application, basicAuth, maxBytes } = ask;
  const headers: Record<string, string> = {
    'tri-service-group': headerText(application),
    'tri-service-version': version,
  };
  if (basicAuth) headers['authorization'] = `Basic ${Buffer.from(basicAuth.reveal()).toString('base64')}`;
  return unaryCall({ authority: route.authority, path, headers, request, maxBytes, signal });
}

/** HTTP refuses other characters in a header. */
function headerText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?');
}
