import { createServer } from 'node:http';
import { instanceJson } from '../test/adapters/eureka/listing.js';

// A process of its own that answers as a Eureka server of this size does: node listing-server.ts SERVICES INSTANCES
const [services = 0, instances = 0] = process.argv.slice(2).map(Number);

const metadata = { version: '1.2', zone: 'hz-a', 'management.port': '8080' };
const application = (index: number) => {
  const name = `SERVICE-${index}`;
  const list = Array.from({ length: instances }, (_, one) =>
    instanceJson(name, `${name}:${one}`, { ipAddr: `10.${index >> 8}.${index & 255}.${one + 1}`, metadata }),
  );
  return JSON.stringify({ name, instance: list });
};
const head = `{"applications":{"versions__delta":"1","apps__hashcode":"UP_${services * instances}_","application":[`;
const full = Buffer.from(`${head}${Array.from({ length: services }, (_, index) => application(index)).join()}]}}`);
const delta = Buffer.from(`${head}]}}`);

const server = createServer((request, response) => {
  const isDelta = request.url?.endsWith('/apps/delta') === true;
  const isFull = request.url?.endsWith('/apps') === true;
  response.writeHead(isDelta || isFull ? 200 : 404, { 'content-type': 'application/json' });
  response.end(isDelta ? delta : isFull ? full : '{}');
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  process.send?.({ port: typeof address === 'object' && address ? address.port : 0, bytes: full.length });
});
process.once('disconnect', () => process.exit(0));
