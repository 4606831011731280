/** Methods that requests may have; an edge refuses any other before it looks for a route. */
export const methodsServed: readonly string[] = [
  ...['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'],
];
