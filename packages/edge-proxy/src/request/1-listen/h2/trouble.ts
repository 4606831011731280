import { constants } from 'node:http2';
import type { RefusalCode } from '../../words.ts';
import type { FloodKind } from './frame-budget.ts';

/** Why a connection has to end. */
export interface Trouble {
  readonly code: RefusalCode;
  /** What is said to the client: RFC 9113, section 7. */
  readonly goAway: number;
  /** What there was too much of; null: nothing. */
  readonly flood: FloodKind | null;
}

const goAway = constants.NGHTTP2_ENHANCE_YOUR_CALM;

/** A rule of the protocol was broken; `code` says which. */
export function broken(code: number): Trouble {
  return { code: 'malformed', goAway: code, flood: null };
}

export function flooded(flood: FloodKind): Trouble {
  return { code: 'too_many_frames', goAway, flood };
}

/** A header section has no end. */
export const tooLarge: Trouble = { code: 'headers_too_large', goAway, flood: 'headers' };
/** A header section has not come to its end in time. */
export const tooSlow: Trouble = { code: 'request_timeout', goAway, flood: null };
