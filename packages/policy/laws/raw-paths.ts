import fc, { type Arbitrary } from 'fast-check';

const pathPieces =
  '/ / / a admin b . .. %2e %2E%2e %2f %5C \\ ;x=1 %3b %00 %0d%0a %c3%a9 %C3%A9 %c0%ae %ff % %25 ' +
  '%252e 2e %u002e # ? %3f %20 ::$DATA : %3A é [ %5b ~ %7e';

/** Paths as clients and attackers write them. */
export const rawPaths: Arbitrary<string> = fc
  .array(fc.constantFrom(' ', ...pathPieces.split(' ')), { maxLength: 10 })
  .map((parts) => `/${parts.join('')}`);
