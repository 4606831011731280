/** Milliseconds since the epoch. Passed in wherever a test must be able to say what time it is. */
export type Clock = () => number;

export const systemClock: Clock = () => Date.now();
