/** Life of an assertion where the route does not say; each is used for half of it at the most. */
export const defaultAssertionTtlSeconds = 120;
/** How long a request waits for its upstream where the route does not say. */
export const defaultQueueWaitMs = 5_000;
/** Of a WebSocket: without a byte either way, and in all. */
export const defaultTunnelIdleMs = 300_000;
export const defaultTunnelTotalMs = 86_400_000;
/** Of checks whether a target is well. */
export const defaultCheckIntervalMs = 10_000;
export const defaultCheckTimeoutMs = 2_000;
