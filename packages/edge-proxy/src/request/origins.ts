/** Where browsers find our hosts: all on one port. */
export class Origins {
  #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** For a port that is only known once the listener is open. */
  set port(port: number) {
    this.#port = port;
  }

  /** `https://host`, with the port where it is not 443. */
  of(host: string): string {
    return this.#port === 443 ? `https://${host}` : `https://${host}:${this.#port}`;
  }
}

/** Everything under it is ours on every protected host, and never forwarded. */
export const ownPrefix = '/.well-known/sallyport/';
