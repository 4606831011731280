/** How much header a request may have. */
export interface HeaderLimits {
  /** Of the target and the header section: names, values, and 32 bytes for each line. */
  readonly bytesMax: number;
  /** Of what stands in Cookie. */
  readonly cookieBytesMax: number;
}

/** Where the settings say nothing; most applications take 8 KiB to 16 KiB. */
export const usualHeaderLimits: HeaderLimits = { bytesMax: 16_384, cookieBytesMax: 8_192 };

/** What is written, and what holds where nothing is. */
export function headerLimits(
  written: Partial<HeaderLimits> | undefined,
  otherwise: HeaderLimits,
): HeaderLimits {
  return {
    bytesMax: written?.bytesMax ?? otherwise.bytesMax,
    cookieBytesMax: written?.cookieBytesMax ?? otherwise.cookieBytesMax,
  };
}
