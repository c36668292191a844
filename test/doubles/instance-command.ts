/** Commands on the PATH of a simulated instance that this process answers. */

import { writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'

export interface Reply {
  readonly code: number
  readonly output: string
}

/** `hang`: no answer at all. */
export type Answer = (name: string, argv: readonly string[], caller: string) => Promise<Reply | 'hang'>

export class CommandDouble {
  readonly #answer: Answer
  readonly #server: Server
  readonly #sockets = new Set<Socket>()

  constructor(answer: Answer) {
    this.#answer = answer
    this.#server = createServer((socket) => this.#serve(socket))
  }

  /** Puts the commands into `bin`. They speak through bash's own /dev/tcp, so that they need no other program. */
  async install(bin: string, names: readonly string[]): Promise<void> {
    await new Promise<void>((done) => this.#server.listen(0, '127.0.0.1', done))
    const { port } = this.#server.address() as AddressInfo
    for (const name of names) {
      const lines = [
        '#!/bin/bash',
        `exec 3<>/dev/tcp/127.0.0.1/${port} || exit 1`,
        `printf '%s\\n' "$PPID ${name} $*" >&3`,
        'IFS= read -r code <&3 || exit 1',
        `while IFS= read -r line <&3; do printf '%s\\n' "$line"; done`,
        'exit "$code"',
      ]
      writeFileSync(join(bin, name), `${lines.join('\n')}\n`, { mode: 0o700 })
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise((done) => this.#server.close(done))
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('close', () => this.#sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (!text.endsWith('\n')) return
      const [caller = '', name = '', ...argv] = text.trim().split(' ')
      void this.#answer(name, argv, caller).then((reply) => {
        if (reply !== 'hang') socket.end(`${reply.code}\n${reply.output}`)
      })
    })
  }
}
