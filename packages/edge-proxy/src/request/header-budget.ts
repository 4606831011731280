import type { LargeHeaders } from '@sallyport/shared/access-record';
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
  check(value: Permitted): HeaderExcess | null {
    const { head, route, raw } = value;
    const { bytesMax, cookieBytesMax, audit } = route.headerLimits;
    this.#count(value, 'headers', head.headerBytes, bytesMax);
    this.#count(value, 'cookies', head.cookieBytes, cookieBytesMax);
    if (head.headerBytes <= bytesMax && head.cookieBytes <= cookieBytesMax) return null;
    return audit ? null : headerExcess(raw.target, raw.lines, route.headerLimits);
  }

  #count(value: Permitted, what: LargeHeaders['what'], bytes: number, limit: number): void {
    if (bytes <= limit * nearShare) return;
    this.#sizes.large(value.route.name, what, bytes > limit ? 'over' : 'near');
    value.largeHeaders = [...(value.largeHeaders ?? []), { what, bytes, limit }];
  }
}
