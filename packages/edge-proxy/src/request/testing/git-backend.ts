import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';

const program = '/usr/lib/git-core/git-http-backend';

/** Whether git's own server for HTTP is on this machine. */
export const gitBackendIsThere = existsSync(program);

/** Serves the repositories in the folder as a web server does that runs git-http-backend by CGI. */
export function serveGit(root: string): RequestListener {
  return (request, response) => {
    const [path = '', query = ''] = (request.url ?? '').split('?');
    const { headers } = request;
    const child = spawn(program, [], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        PATH: process.env['PATH'],
        GIT_PROJECT_ROOT: root,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_CONFIG_NOSYSTEM: '1',
        HOME: root,
        REQUEST_METHOD: request.method,
        PATH_INFO: path,
        QUERY_STRING: query,
        REMOTE_USER: 'alice',
        REMOTE_ADDR: '127.0.0.1',
        SERVER_PROTOCOL: 'HTTP/1.1',
        CONTENT_TYPE: headers['content-type'],
        // Left out for a body in chunks: it then reads to its end.
        CONTENT_LENGTH: headers['content-length'],
        HTTP_CONTENT_ENCODING: headers['content-encoding'],
        GIT_PROTOCOL: headers['git-protocol']?.toString(),
      },
    });
    child.stdin.on('error', () => request.resume());
    request.pipe(child.stdin);
    answer(child.stdout, response, request);
  };
}

function answer(
  output: NodeJS.ReadableStream,
  response: ServerResponse,
  request: IncomingMessage,
): void {
  let head = Buffer.alloc(0);
  const onData = (chunk: Buffer): void => {
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    output.off('data', onData);
    let status = 200;
    for (const line of head.subarray(0, end).toString().split('\r\n')) {
      const [name = '', value = ''] = line.split(/: (.*)/s);
      if (name === 'Status') status = Number(value.split(' ')[0]);
      else response.setHeader(name, value);
    }
    response.writeHead(status);
    response.write(head.subarray(end + 4));
    output.pipe(response);
  };
  output.on('data', onData);
  output.on('end', () => response.end());
  response.on('close', () => request.resume());
}
