/**
 * What `read` gave when it last could, for events in which nobody catches what it throws: a
 * connection that begins, a timer. `usual` until then. Requests read for themselves, and are refused
 * where it fails.
 */
export function lastGood<Value>(read: () => Value, usual: Value): () => Value {
  let last = usual;
  return () => {
    try {
      last = read();
    } catch {
      // What was read before still holds.
    }
    return last;
  };
}
