/** A request as it was sent: nothing has been joined, dropped or preferred. The gate reads it. */
export interface RawRequest {
  /** The version of HTTP, as the client wrote it. */
  readonly version: string;
  readonly method: string;
  readonly target: string;
  /** Header lines, name and value by turns. */
  readonly lines: readonly string[];
  /** It asks to go on in another protocol. */
  readonly upgrading: boolean;
}
