import { type AddressInfo, createServer, type Socket } from 'node:net';

export interface Mails {
  readonly port: number;
  /** The mail whose text has this in it, as it was sent, once it is there. */
  waitFor(part: string): Promise<string>;
  close(): void;
}

/** A receiver of mail for one test: it takes whatever it is sent, speaks as much SMTP as that needs, and keeps it. */
export async function receiveMail(): Promise<Mails> {
  const mails: string[] = [];
  const waiting = new Set<() => void>();
  const talk = (socket: Socket): void => {
    let unread = '';
    let mail: string[] | undefined;
    const say = (line: string) => socket.write(`${line}\r\n`);
    const hear = (line: string): void => {
      if (mail) {
        if (line !== '.') {
          mail.push(line.replace(/^\.\./, '.'));
          return;
        }
        mails.push(mail.join('\n'));
        mail = undefined;
        say('250 taken');
        for (const look of waiting) look();
        return;
      }
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === 'DATA') mail = [];
      say(verb === 'DATA' ? '354 go on' : verb === 'QUIT' ? '221 bye' : '250 ok');
      if (verb === 'QUIT') socket.end();
    };
    say('220 test');
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      const lines = (unread + bytes.toString()).split('\r\n');
      unread = lines.pop() ?? '';
      for (const line of lines) hear(line);
    });
  };
  const server = createServer(talk);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => server.close(),
    waitFor: (part) =>
      new Promise((resolve) => {
        const look = () => {
          const found = mails.find((mail) => plain(mail).includes(part));
          if (found === undefined) return;
          waiting.delete(look);
          resolve(plain(found));
        };
        waiting.add(look);
        look();
      }),
  };
}

/** Quoted-printable undone: soft line ends, then the codes. */
const plain = (mail: string): string =>
  mail
    .replaceAll(/=\n/g, '')
    .replaceAll(/=([0-9A-F]{2})/g, (_whole, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
