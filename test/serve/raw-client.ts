/** A client that speaks HTTP byte by byte, so that it can do it badly. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class RawClient {
  readonly socket: Socket;
  /** What has come so far. */
  received = '';
  /** Resolves when the connection has ended, however. */
  readonly closed: Promise<void>;

  static async connect(url: string): Promise<RawClient> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    const client = new RawClient(socket);
    await once(socket, 'connect');
    return client;
  }

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (data) => {
      this.received += data.toString('latin1');
    });
    socket.on('error', () => {
      // Whoever breaks connections is told that they are broken.
    });
    socket.on('end', () => socket.end());
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
  }

  send(text: string): this {
    this.socket.write(text);
    return this;
  }

  /** A request with a body; of which only so many bytes are sent. */
  post(at: string, body: object, sent = Number.POSITIVE_INFINITY): this {
    const text = JSON.stringify(body);
    const head = `POST ${at} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n`;
    return this.send(head + text.slice(0, sent));
  }

  /** Waits until this has come. */
  async until(what: string | RegExp): Promise<void> {
    while (!(typeof what === 'string' ? this.received.includes(what) : what.test(this.received))) {
      const more = once(this.socket, 'data').then(() => true);
      const ended = this.closed.then(() => false);
      if (!(await Promise.race([more, ended])))
        throw new Error(`It ended with: ${this.received.slice(-300)}`);
    }
  }

  destroy(): void {
    this.socket.destroy();
  }
}
