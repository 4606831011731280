import { Counter, type Registry } from 'prom-client';
import type { HeaderSizes } from './request-worker.ts';
import { TallyHistogram } from './tally-histogram.ts';

const buckets = [512, 1_024, 2_048, 4_096, 6_144, 8_192, 12_288, 16_384, 32_768, 65_536];
/** Routes that are named; those that come near a limit are few, or the limit is wrong. */
const routesMax = 200;

/** How large the headers of requests are, for who has to choose limits or to take cookies away. */
export function createHeaderSizes(registers: Registry[]): HeaderSizes {
  const common = { labelNames: [], kinds: ['all'], buckets, scale: 1, registers } as const;
  const headers = new TallyHistogram({
    ...common,
    name: 'sallyport_edge_header_bytes',
    help: 'Size of the target and header section of requests, 32 bytes added for each line',
  }).tally('all');
  const cookies = new TallyHistogram({
    ...common,
    name: 'sallyport_edge_cookie_bytes',
    help: 'Size of what requests have in Cookie, of those that have it',
  }).tally('all');
  const large = new Counter({
    name: 'sallyport_edge_headers_near_limit_total',
    help: 'Permitted requests with more than 80 % of a limit of their route, or more than all of it',
    labelNames: ['route', 'what', 'level'],
    registers,
  });
  const routes = new Set<string>();
  return {
    seen: (headerBytes, cookieBytes) => {
      headers.observe(headerBytes);
      if (cookieBytes > 0) cookies.observe(cookieBytes);
    },
    large: (route, what, level) => {
      if (routes.size < routesMax) routes.add(route);
      large.inc({ route: routes.has(route) ? route : 'other', what, level });
    },
  };
}
