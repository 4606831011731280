/** Certificates of a proxy that asks its clients for theirs, all as PEM files. */
export interface ProxyFiles {
  readonly cert: string;
  readonly key: string;
  /** The authority of the clients' certificates. */
  readonly clientCa: string;
  /** The authority of the upstream's certificate, which is for `localhost`. */
  readonly upstreamCa: string;
}

/**
 * A plain proxy: TLS with client certificates and without resumption, as the edge has it, and TLS to
 * the upstream. It asks nobody and writes nothing down.
 */
export function plainProxy(files: ProxyFiles, upstreamPort: number) {
  return (port: number): string => `
${pool('upstream', upstreamPort)}
${server(port, files, `location / { ${toUpstream(files)} }`)}`;
}

/** The same, and each request is asked about at a service on this machine (`auth_request`). */
export function askingProxy(
  files: ProxyFiles,
  upstreamPort: number,
  auth: { readonly port: number; readonly path: string },
) {
  return (port: number): string => `
${pool('upstream', upstreamPort)}
${pool('auth', auth.port)}
${server(
  port,
  files,
  `
    location = /auth {
      internal;
      proxy_pass http://auth${auth.path};
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Host $host;
      proxy_set_header X-Original-URI $request_uri;
      ${keptAlive}
    }
    location / {
      auth_request /auth;
      auth_request_set $user $upstream_http_x_auth_request_user;
      proxy_set_header X-Auth-Request-User $user;
      ${toUpstream(files)}
    }`,
)}`;
}

const keptAlive = `
      proxy_http_version 1.1;
      proxy_set_header Connection "";`;

function pool(name: string, port: number): string {
  return `  upstream ${name} { server 127.0.0.1:${port}; keepalive 64; keepalive_requests 1000000000; }`;
}

function server(port: number, { cert, key, clientCa }: ProxyFiles, locations: string): string {
  return `
  server {
    listen 127.0.0.1:${port} ssl backlog=1024;
    ssl_certificate ${cert};
    ssl_certificate_key ${key};
    ssl_client_certificate ${clientCa};
    ssl_verify_client on;
    ssl_protocols TLSv1.2 TLSv1.3;
    ssl_prefer_server_ciphers on;
    ssl_ecdh_curve X25519:prime256v1;
    ssl_session_cache off;
    ssl_session_tickets off;
    ssl_conf_command NumTickets 0;
    keepalive_requests 1000;
    client_max_body_size 0;
    client_body_buffer_size 64k;
    proxy_request_buffering off;
    # A response is held as far as it goes into these, never on the disk.
    proxy_buffer_size 16k;
    proxy_buffers 16 64k;
    proxy_busy_buffers_size 128k;
    proxy_max_temp_file_size 0;
${locations}
  }`;
}

function toUpstream({ upstreamCa }: ProxyFiles): string {
  return `
      proxy_pass https://upstream;
      proxy_ssl_protocols TLSv1.2 TLSv1.3;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${upstreamCa};
      proxy_ssl_name localhost;
      proxy_ssl_server_name on;
      proxy_ssl_session_reuse off;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto https;
      proxy_set_header X-Forwarded-Host $http_host;${keptAlive}`;
}
