import { HttpProblem, type HttpRoute } from '../plugin/http.js';
import type { Why } from './why.js';

const maxTargetLength = 300;

/** `GET /api/v1/why?target=`: a host, `IP`, `IP:PORT`, `[IPv6]:PORT` or `NAME:PORT`. */
export function whyRoutes(why: Why): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/api/v1/why',
      handle: async ({ query, signal }) => {
        const target = query['target'] ?? '';
        if (target === '' || target.length > maxTargetLength) {
          throw new HttpProblem(
            400,
            'Bad Request',
            'give a target: a host, or the address of an instance as 10.0.0.1:8080',
          );
        }
        const report = await why.report(target, signal);
        if (report.total === 0) {
          throw new HttpProblem(
            404,
            'Not Found',
            'no source has a service with this host or an instance with this address',
          );
        }
        return { status: 200, body: report };
      },
    },
  ];
}
