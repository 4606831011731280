/** Saves something when it is time, or soon after a change; never twice at once. */
export interface Saver {
  /** Unless it is at it. */
  now(): void;
  /** Changes that come close together are saved together. */
  soon(): void;
  /** Resolves once what was begun is over. Nothing is asked of it after that. */
  stop(): Promise<void>;
}

const soonMs = 150;

/** `save` does not reject. */
export function createSaver(save: () => Promise<void>): Saver {
  let saving: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;
  const now = (): void => {
    saving ??= save().finally(() => {
      saving = null;
    });
  };
  return {
    now,
    soon() {
      timer ??= setTimeout(() => {
        timer = null;
        now();
      }, soonMs);
    },
    async stop() {
      if (timer !== null) clearTimeout(timer);
      await saving;
    },
  };
}
