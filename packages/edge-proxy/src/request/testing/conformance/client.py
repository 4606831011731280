"""A client of HTTP/2 on the library of another make, which checks all that it is sent."""

import json
import socket
import ssl
import sys

import h2.config
import h2.connection
import h2.events

port, authority_file, certificate, key, cookie = sys.argv[1:6]
host = 'app.corp.test'


class Client:
    def __init__(self):
        context = ssl.create_default_context(cafile=authority_file)
        context.load_cert_chain(certificate, key)
        context.set_alpn_protocols(['h2'])
        plain = socket.create_connection(('127.0.0.1', int(port)), timeout=20)
        self.socket = context.wrap_socket(plain, server_hostname=host)
        self.agreed = self.socket.selected_alpn_protocol()
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding='utf-8'))
        self.h2.initiate_connection()
        self.streams = {}
        self.seen = []
        self.flush()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def read(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError('the connection has ended')
        for event in self.h2.receive_data(data):
            self.seen.append(type(event).__name__)
            stream = self.streams.get(getattr(event, 'stream_id', 0))
            if stream is None:
                continue
            if isinstance(event, h2.events.ResponseReceived):
                stream['status'] = int(dict(event.headers)[':status'])
            elif isinstance(event, h2.events.DataReceived):
                stream['bytes'] += len(event.data)
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, (h2.events.StreamEnded, h2.events.StreamReset)):
                stream['ended'] = type(event).__name__
        self.flush()

    def ask(self, path, method='GET', body=None, trailers=None, cookies=True):
        stream_id = self.h2.get_next_available_stream_id()
        self.streams[stream_id] = {'path': path, 'status': 0, 'bytes': 0, 'ended': ''}
        headers = [
            (':method', method),
            (':scheme', 'https'),
            (':authority', f'{host}:{port}'),
            (':path', path),
        ]
        if cookies:
            headers.append(('cookie', cookie))
        self.h2.send_headers(stream_id, headers, end_stream=body is None)
        self.flush()
        if body is not None:
            self.send(stream_id, body, trailers)
        return stream_id

    def send(self, stream_id, body, trailers):
        while body:
            window = min(
                self.h2.local_flow_control_window(stream_id), self.h2.max_outbound_frame_size
            )
            if window == 0:
                self.read()
                continue
            self.h2.send_data(stream_id, body[:window], end_stream=False)
            body = body[window:]
            self.flush()
        if trailers is None:
            self.h2.end_stream(stream_id)
        else:
            self.h2.send_headers(stream_id, trailers, end_stream=True)
        self.flush()

    def wait(self, *stream_ids):
        while any(self.streams[one]['ended'] == '' for one in stream_ids):
            self.read()
        return [self.streams[one] for one in stream_ids]


def main():
    client = Client()
    said = {'agreed': client.agreed}
    said['plain'] = client.wait(client.ask('/plain'))
    said['head'] = client.wait(client.ask('/head', method='HEAD'))
    said['nobody'] = client.wait(client.ask('/denied', cookies=False))
    said['side'] = client.wait(*[client.ask(f'/side/{one}') for one in range(50)])
    said['upload'] = client.wait(client.ask('/upload', 'POST', b'x' * (1 << 20)))
    said['trailers'] = client.wait(client.ask('/trailers', 'POST', b'ab', [('x-sum', 'y')]))
    cancelled = client.ask('/never')
    client.h2.reset_stream(cancelled, error_code=8)
    client.flush()
    said['large'] = client.wait(client.ask('/large'))
    client.h2.ping(b'12345678')
    client.flush()
    while 'PingAckReceived' not in client.seen:
        client.read()
    said['settings'] = {
        'streams': client.h2.remote_settings.max_concurrent_streams,
        'connect': client.h2.remote_settings.enable_connect_protocol,
    }
    said['acknowledged'] = 'SettingsAcknowledged' in client.seen
    said['last'] = client.wait(client.ask('/a//b'))
    while 'ConnectionTerminated' not in client.seen:
        client.read()
    client.h2.close_connection()
    client.flush()
    print(json.dumps(said))


main()
