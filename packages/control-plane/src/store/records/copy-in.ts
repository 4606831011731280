import pg from 'pg';

/** What the driver gives a query that the server asks for its rows. */
interface CopyConnection {
  sendCopyFromChunk(chunk: Uint8Array): void;
  endCopyFrom(): void;
}

/** A COPY whose rows are there already. */
class CopyQuery extends pg.Query {
  readonly #rows: readonly Uint8Array[];

  constructor(text: string, rows: readonly Uint8Array[], done: (error: Error | undefined) => void) {
    super(text, done);
    this.#rows = rows;
  }

  /** Called by the driver. */
  handleCopyInResponse(connection: CopyConnection): void {
    for (const part of this.#rows) connection.sendCopyFromChunk(part);
    connection.endCopyFrom();
  }
}

/** Runs `copy … from stdin` with these bytes: the fastest way for many rows into a table. */
export function copyIn(
  client: pg.ClientBase,
  text: string,
  rows: readonly Uint8Array[],
): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(
      new CopyQuery(text, rows, (error) => {
        // The driver gives null where there is none.
        if (error === undefined || (error as Error | null) === null) resolve();
        else reject(error);
      }),
    );
  });
}
