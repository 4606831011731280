import type { HeaderSizes } from '../worker/request-worker.ts';
import type { Permitted } from './exchange.ts';
import { type HeaderExcess, headerExcess } from './header-excess.ts';

/** Of a limit: what takes up more is counted, so that it is known before anybody is refused. */
const nearShare = 0.8;

/** Holds requests to the limits of their routes; those of the settings are the gate's. */
export class HeaderBudget {
  readonly #sizes: HeaderSizes;

  constructor(sizes: HeaderSizes) {
    this.#sizes = sizes;
  }

  /** null: it is small enough, or its route only counts. */
  check({ head, route, raw }: Permitted): HeaderExcess | null {
    const { bytesMax, cookieBytesMax, audit } = route.headerLimits;
    this.#count(route.name, 'headers', head.headerBytes, bytesMax);
    this.#count(route.name, 'cookies', head.cookieBytes, cookieBytesMax);
    if (head.headerBytes <= bytesMax && head.cookieBytes <= cookieBytesMax) return null;
    return audit ? null : headerExcess(raw.target, raw.lines, route.headerLimits);
  }

  #count(route: string, what: 'headers' | 'cookies', bytes: number, limit: number): void {
    if (bytes <= limit * nearShare) return;
    this.#sizes.large(route, what, bytes > limit ? 'over' : 'near');
  }
}
