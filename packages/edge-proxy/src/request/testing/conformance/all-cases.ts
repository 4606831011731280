import type { ConformanceCase } from './case.ts';
import { compressionCases } from './compression-cases.ts';
import { connectionCases } from './connection-cases.ts';
import { frameCases } from './frame-cases.ts';
import { messageCases } from './message-cases.ts';

/** What clients do that the RFCs have something to say about, by subject. */
export const allCases: Readonly<Record<string, readonly ConformanceCase[]>> = {
  'frames and streams (RFC 9113, 4 and 5)': connectionCases,
  'kinds of frames (RFC 9113, 6)': frameCases,
  'requests (RFC 9113, 8)': messageCases,
  'header compression (RFC 7541)': compressionCases,
};
